"""Finds a sampling schedule for a trained diffusion vocoder on a few utterances of a dev set.

OUT.yaml     the best schedule and the options it was searched with, as ``vocoders decode`` takes them; written last
OUT.jsonl    what was searched, and then a line per candidate: its betas and score

A candidate's score is the mean over the same utterances with the same noise, on one thread each, so it depends on
neither the number of processes nor the order; a search that was stopped finds its lines again and goes on.
"""

import logging
import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice, product
from pathlib import Path

import torch

from vocoders import config
from vocoders.checkpoint import load_vocoder
from vocoders.diffusion.search import search_cobyqa, search_grid
from vocoders.diffusion.vocoder import DiffusionVocoder
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.inference.system import trained_path, weights_hash
from vocoders.io.audio import to_int16
from vocoders.io.features import FeatureReader
from vocoders.io.files import append_jsonl, read_jsonl, write_text
from vocoders.log import progress
from vocoders.processes import spawned
from vocoders.scoring.metrics import METRICS, load_metric
from vocoders.scoring.signal import Signal
from vocoders.seeding import seeded

log = logging.getLogger(__name__)
METHODS = ("cobyqa", "grid")
GRID_SHARE = 20  # how many more schedules the grid may score where both methods are run


@dataclass(frozen=True)
class Found:
    """The best schedule of a method, from the cleanest step on; ``count`` schedules were scored for it."""

    method: str
    betas: tuple[float, ...]
    score: float
    count: int


@dataclass(frozen=True)
class Task:
    """What is searched with; each process gets one."""

    experiment: str
    checkpoint: str
    features: str
    utterances: tuple[str, ...]
    score: str
    seconds: float | None
    options: tuple[tuple[str, object], ...]
    seed: int


class Judge:
    """Scores a schedule on an utterance; lower is better, and what is undefined is never the best."""

    def __init__(self, task):
        self.task = task
        self.vocoder = load_vocoder(trained_path(task.experiment, task.checkpoint), which=task.checkpoint)
        self.options = config.typed(self.vocoder.synthesize, dict(task.options), skip=1, where="decode")
        self.options.pop("generator", None)
        reader = FeatureReader(task.features)
        rate, hop_size = self.vocoder.sample_rate, self.vocoder.hop_size
        frames = {utt: reader.frames[utt] for utt in task.utterances}
        if task.seconds:
            frames = {utt: min(count, math.ceil(task.seconds * rate / hop_size)) for utt, count in frames.items()}
        self.mels = {utt: torch.from_numpy(reader.mel(utt, 0, count)) for utt, count in frames.items()}
        waves = {utt: reader.wave(utt, 0, count * hop_size) for utt, count in frames.items()}
        self.references = {utt: Signal(wave / 32768, rate) for utt, wave in waves.items()}
        self.metric, self.sign = metric_of(task.score)

    @torch.inference_mode()
    def __call__(self, betas, utt):
        options = {**self.options, "schedule": list(betas), "steps": None}
        generator = seeded(self.task.seed, utt)
        wave = self.vocoder.synthesize(self.mels[utt][None], generator=generator, **options)[0]
        if not wave.isfinite().all():
            return math.inf
        decoded = Signal(to_int16(wave.numpy())[0] / 32768, self.vocoder.sample_rate)  # as decode would write it
        value = self.metric(self.references[utt], decoded)[self.task.score]
        return self.sign * value if value is not None and math.isfinite(value) else math.inf


def metric_of(score):
    """The metric that gives ``score``, and the sign that makes lower better."""
    for name in METRICS.names():
        found = METRICS[name].scores.get(score)
        if found:
            return load_metric(name), 1 if found.better == "lower" else -1
    known = sorted(score for name in METRICS.names() for score in METRICS[name].scores)
    raise InputError(f"--score {score}: no such score; {config.hint(score, known)}")


def search(
    experiment, features, output, *, checkpoint, steps, method, budget, utterances, seconds, score, options, seed, nj
):
    """Writes ``output`` (YAML) and its record beside it; returns what each method found, the best first."""
    output = Path(output)
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"{output}: the schedule is a YAML file, give it that ending")
    numbers = {"steps": steps, "budget": budget, "utterances": utterances, "nj": nj, "seconds": seconds}
    for name, value in numbers.items():
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"--{name}: expected a positive number, found {value}")
    _, sign = metric_of(score)  # told now if there is none
    vocoder = load_vocoder(trained_path(str(experiment), checkpoint), which=checkpoint)
    if not isinstance(vocoder, DiffusionVocoder):
        raise InputError(f"{experiment}: {vocoder.describe()} has no noise schedule to search for")
    if options.get("denoise"):
        raise InputError("schedules are searched without the denoiser; leave denoise out of --config")
    config.typed(vocoder.synthesize, options, skip=1, where="decode")
    spec, found = vocoder.mel_spec, MelSpec.load(features)
    if spec != found:
        raise InputError(f"{features}: its mels are not those of the checkpoint ({'; '.join(found.difference(spec))})")
    reader = FeatureReader(features)
    chosen = tuple(reader.utterances[:: max(1, len(reader.utterances) // utterances)][:utterances])
    ordered = tuple(sorted(options.items()))
    task = Task(str(experiment), checkpoint, str(features), chosen, score, seconds, ordered, seed)
    settings = {
        "weights": weights_hash(vocoder),
        "features": reader.digest(),
        "utterances": list(chosen),
        "seconds": seconds,
        "score": score,
        "options": options,
        "seed": seed,
        "method": method,
        "steps": steps,
    }
    record = Record(output.with_suffix(".jsonl"), settings)
    budgets = {name: budget for name in METHODS if method in (name, "both")}
    if method == "both":
        budgets["grid"] *= GRID_SHARE
    start = vocoder.schedule.spread(steps).beta.tolist()
    with _judges(task, nj) as judge_all:
        found = [
            _run(name, allowed, steps, start, _Scores(record, judge_all, sign, allowed, f"{name} {output.name}"), seed)
            for name, allowed in budgets.items()
        ]
    found.sort(key=lambda each: each.score)
    if not math.isfinite(found[0].score):
        raise InputError(f"{output}: no schedule of {len(record.known)} has a defined {score}; choose another --score")
    found = [replace(each, score=sign * each.score) for each in found]
    write_text(output, _as_yaml(found, settings))
    for remark in vocoder.remarks(schedule=list(found[0].betas)):
        log.warning("%s: %s", output, remark)
    return found


def _run(method, budget, steps, start, scores, seed):
    with scores.bar:
        if method == "grid":
            betas, value = search_grid(scores, steps, budget=budget, seed=seed)
        else:
            betas, value = search_cobyqa(scores, start, budget=budget)
    return Found(method, betas, value, len(scores.asked))


class _Scores:
    """What a method asks: the record where it knows, else the judges; counts what was asked for."""

    def __init__(self, record, judge_all, sign, budget, name):
        self.record, self.judge_all, self.sign, self.asked = record, judge_all, sign, set()
        self.bar = progress(total=budget, unit="schedule", desc=f"search {name}")

    def __call__(self, candidates):
        known = self.record.known
        missing = list(dict.fromkeys(c for c in candidates if c not in known))
        self.bar.update(len({*candidates} - self.asked - {*missing}))
        self.asked |= {*candidates}
        for betas, value in zip(missing, self.judge_all(missing)):
            self.record.add(betas, value)
            self.bar.update()
            self.bar.set_postfix_str(f"best {self.sign * min(known.values()):.4f}")
        return [known[c] for c in candidates]


class Record:
    """Candidates and their scores, on disk; raises InputError when the file is of another search."""

    def __init__(self, path, settings):
        self.path, self.known = path, {}
        first, *lines = read_jsonl(path) or [None]
        if first is None:
            append_jsonl(path, settings)
        elif first != settings:
            changed = [key for key in {**first, **settings} if first.get(key) != settings.get(key)]
            raise InputError(
                f"{path}: is the record of another search ({', '.join(changed)} differ); name another output, "
                f"or delete it"
            )
        for line in lines:
            self.known[tuple(line["betas"])] = math.inf if line["score"] is None else line["score"]

    def add(self, betas, value):
        self.known[betas] = value
        append_jsonl(self.path, {"betas": list(betas), "score": value if math.isfinite(value) else None})


@contextmanager
def _judges(task, nj):
    """Yields a function that scores a list of schedules in ``nj`` processes, in order.

    Even one process is a process of its own: all compute on one thread, so all compute the same.
    """
    killed = "a search process was killed, perhaps for its memory; run again with a lower --nj"
    with spawned(nj, killed=killed, prepare=torch.set_num_threads, arguments=(1,)) as pool:
        yield lambda candidates: _means(pool, task, candidates)


def _means(pool, task, candidates):
    """The mean of each candidate's scores, as they come; each utterance is a task of its own, for the sake of methods
    that ask for one candidate at a time."""
    values = pool.map(partial(_judge, task), *zip(*product(candidates, task.utterances)))
    for _ in candidates:
        yield sum(islice(values, len(task.utterances))) / len(task.utterances)


judge_of = cache(Judge)


def _judge(task, betas, utt):
    return judge_of(task)(betas, utt)


def _as_yaml(found, settings):
    """The best schedule with the options it was searched with; what was found, by which method, stands above it."""
    seconds = settings["seconds"]
    where = f"{len(settings['utterances'])} utterances" + (f", at most {seconds:g} s of each" if seconds else "")
    lines = [f"# {each.method}: {settings['score']} {each.score:.4f}, best of {each.count}" for each in found]
    lines.append(f"# on {where}; weights {settings['weights']}, seed {settings['seed']}")
    lines += config.dump(settings["options"]).splitlines() if settings["options"] else []
    lines += [f"schedule: [{', '.join(map(repr, found[0].betas))}]", "schedule_name: searched"]
    return "\n".join(lines) + "\n"
