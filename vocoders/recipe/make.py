"""From a folder of recordings to a recipe whose data directories are valid.

The recipe is made aside and renamed when all of it is right; before that nothing is there.
"""

import logging
import os
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from vocoders import config
from vocoders.data.corpus import Corpus, identifier
from vocoders.data.directory import DataDirectory, some
from vocoders.data.measure import Measurement, measure_all
from vocoders.data.report import Examined, data_report
from vocoders.errors import InputError
from vocoders.io.audio import channels
from vocoders.io.files import write_text
from vocoders.log import progress
from vocoders.recipe.guess import guess_audio, guess_speaker, guess_transcript
from vocoders.recipe.rate import MelChoice, choose_mel

log = logging.getLogger(__name__)

SHOWN = 3  # what cannot be used, in a sentence
TRAIN_CONFIG = "conf/diffwave.yaml"
SHORT_LIMIT = 0.02  # share of utterances that may be too short for an excerpt of training; it refuses more than 0.05
MIN_SEGMENT = 8  # frames; with fewer nothing is learned
STOI_SECONDS = 0.4


@dataclass(frozen=True)
class Found:
    """A corpus, and the sentences that say how it was understood."""

    folder: Path
    corpus: Corpus
    measurements: dict[str, Measurement]  # by utterance
    bad: dict[Path, str]  # why recordings are left out
    sentences: list[str]


def new_recipe(folder, recipe, *, template=None, max_bad: int = 0, nj: int = 4) -> list[str]:
    """Makes the recipe and returns what was found, chosen and made, a sentence each.

    Raises InputError, with nothing made, when the folder or the place of the recipe will not do, or more than `max_bad`
    recordings cannot be used.
    """
    folder, recipe = Path(os.path.abspath(folder)), Path(os.path.abspath(recipe))
    template = _template(recipe, template)
    found = understand(folder, identifier(recipe.parent.name), max_bad, nj)
    mel = choose_mel(list(found.measurements.values()), template / "conf")
    made_parent = not recipe.parent.exists()
    aside = recipe.with_name(f".{recipe.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)  # left by a run that was killed
    aside.mkdir(parents=True)
    try:
        remarks = _write(aside, template, found, mel)
        sizes = _prove(aside, found)
        aside.rename(recipe)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if made_parent and not recipe.exists():
            recipe.parent.rmdir()
    return [*found.sentences, mel.why, *remarks, f"sets: {sizes}; every speaker gives a share of each"]


def understand(folder: Path, name: str, max_bad: int, nj: int) -> Found:
    """Guesses, reads every recording, and leaves out what cannot be used."""
    audio, about_audio = guess_audio(folder)
    paths = Corpus(audio=audio, speaker={"name": name}).recordings(folder)
    transcript, about_text = guess_transcript(folder, paths)
    speaker, about_speaker = guess_speaker(folder, paths, transcript, name)
    sentences = [about_audio, about_text, about_speaker]
    stereo = [path for path in paths if channels(path) > 1]
    if stereo:
        sentences.append(f"channels: {len(stereo)} recording(s) have several, of which the first is taken")
    corpus = Corpus(audio=audio, speaker=speaker, transcript=transcript, channel=1 if stereo else None)
    measurements, bad = _read_all(folder, corpus, paths, nj)
    with_text, unpaired = corpus.pairs(folder, paths)
    if transcript:
        bad |= {path: f"{path}: no transcript" for path in paths if path not in with_text and path not in bad}
    if len(bad) > max_bad:
        for reason in list(bad.values())[SHOWN:]:
            log.warning("%s", reason)
        raise InputError(
            f"{len(bad)} of {len(paths)} recording(s) cannot be used: {some(list(bad.values()), between='; ')}; "
            f"mend or remove them, or leave them out with --max-bad {len(bad)}"
        )
    if bad:
        listed = some(list(bad.values()), limit=SHOWN, between="; ")
        sentences.append(f"left out: {listed}" + ("; local/corpus.yaml has all" if len(bad) > SHOWN else ""))
    if unpaired:
        sentences.append(f"transcripts of no recording: {len(unpaired)}: {some(unpaired)}")
    names = tuple(str(path.relative_to(folder)) for path in bad)
    corpus = replace(corpus, leave_out=names, max_unpaired=len(unpaired))
    utterances = corpus.utterances(folder)
    corpus = replace(corpus, **set_sizes(Counter(utterance.speaker for utterance in utterances)))
    measured = {utterance.id: measurements[utterance.audio] for utterance in utterances}
    return Found(folder, corpus, measured, bad, sentences)


def set_sizes(speakers: Counter) -> dict[str, int]:
    """A twentieth for each of dev and eval; more of few utterances (an eval set of ten has an interval worth its
    name), at most 100, and one of each speaker where that is not more than a tenth."""
    total = speakers.total()
    if total < 3:
        raise InputError(f"{total} recording(s) are too few: train, dev and eval need at least one each")
    each = len(speakers) if len(speakers) <= total // 10 else 1
    sizes = {"num_dev": min(5, total // 10), "num_eval": min(10, total // 5)}
    return {name: max(1, size, each, min(100, total // 20)) for name, size in sizes.items()}


def _read_all(folder: Path, corpus: Corpus, paths: Sequence[Path], nj: int) -> tuple[dict, dict]:
    """(source -> measurement, recording -> why it cannot be used); of the same samples only the first can."""
    sources = {str(path.relative_to(folder)): corpus.source(path) for path in paths}
    results = progress(measure_all(sources, nj, where=str(folder)), total=len(paths), unit="file", desc="reading")
    measurements, bad, seen = {}, {}, {}
    for path, source, result in zip(paths, sources.values(), results):
        if isinstance(result, str):
            bad[path] = f"{path}: {result.partition(f'{source}: ')[2]}"
        elif first := seen.get(result.digest):
            bad[path] = f"{path}: the same samples as {first}"
        else:
            measurements[source] = result
            seen[result.digest] = path.relative_to(folder)
    return measurements, bad


def _template(recipe: Path, given) -> Path:
    """The one beside the recipe's corpus if there is one: it moves with the repository.  Else the installation's."""
    beside = recipe.parent.parent / "TEMPLATE"
    places = [Path(given)] if given else [beside, Path(__file__).resolve().parents[2] / "egs/TEMPLATE"]
    place = next((place for place in places if place.is_dir()), None)
    if place is None:
        raise InputError(f"no folder {' or '.join(map(str, places))}; name the repository's egs/TEMPLATE by --template")
    if not (place / recipe.name / "new" / "run.sh").is_file():
        tasks = sorted(path.parent.parent.name for path in place.glob("*/new/run.sh"))
        raise InputError(f"{recipe} must end in the name of a task ({', '.join(tasks)}), such as egs/CORPUS/{tasks[0]}")
    if recipe.exists():
        raise InputError(f"{recipe} is already there; choose another name, or move it away")
    return (place / recipe.name).resolve()


def _write(recipe: Path, template: Path, found: Found, mel: MelChoice) -> list[str]:
    """Fills the folder; returns remarks on choices of training and scoring."""
    shutil.copytree(template / "new", recipe, dirs_exist_ok=True)
    inside = recipe.resolve().parents[1] == template.parents[1]
    for shared in [*sorted(template.glob("*.sh")), template / "conf", template.parents[2] / "utils"]:
        # relative inside the repository, so that links move with it
        (recipe / shared.name).symlink_to(os.path.relpath(shared, recipe.resolve()) if inside else shared)
    corpus_yaml = recipe / "local/corpus.yaml"
    write_text(corpus_yaml, fill(corpus_yaml.read_text(encoding="utf-8"), found.corpus, found.bad, found.folder))
    if mel.text:
        write_text(recipe / mel.config, mel.text)
    options, remarks = _training_choices(found, mel, template)
    choices = [
        f"--nj 2 --download_dir {shlex.quote(str(found.folder))}",
        f"--mel_config {mel.config}" + (" --resample true" if mel.resample else "") + f" --train_config {TRAIN_CONFIG}",
        *options,
    ]
    run_sh = (template / "new/run.sh").read_text(encoding="utf-8")
    run_sh = run_sh.replace("CORPUS: what it is", f"{recipe.parent.name}: {_described(found)}")
    run_sh = run_sh.replace("OPTIONS", " \\\n    ".join(choices))
    with (recipe / "run.sh").open("w", encoding="utf-8") as file:  # as executable as the one that was copied
        file.write(run_sh)
    return remarks


def fill(text: str, corpus: Corpus, bad: dict[Path, str], folder: Path) -> str:
    """The template of ``corpus.yaml`` with the values of `corpus`; its comments stay."""
    lines = []
    for line in text.splitlines():
        key, colon, rest = line.partition(":")
        if not colon or not hasattr(corpus, key):
            lines.append(line)
        elif key == "leave_out" and bad:
            _, mark, comment = rest.partition("#")
            lines.append(f"{key}: {mark}{comment}".rstrip())
            lines += [f"  - {_yaml(str(path.relative_to(folder)))} # {_reason(why)}" for path, why in bad.items()]
        else:
            _, mark, comment = rest.partition(" #")
            value = getattr(corpus, key)
            entry = f"{key}: {_yaml(list(value) if isinstance(value, tuple) else value)}"
            lines.append(f"{entry:<32}{mark}{comment}".rstrip())
    return "\n".join(lines) + "\n"


def _yaml(value) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True).removesuffix("...\n").strip()


def _reason(why: str) -> str:
    return " ".join(why.rpartition(": ")[2].split())


def _described(found: Found) -> str:
    measurements = list(found.measurements.values())
    hours = sum(one.seconds for one in measurements) / 3600
    rates = ", ".join(str(rate) for rate in sorted({one.rate for one in measurements}))
    speakers = len({utterance.speaker for utterance in found.corpus.utterances(found.folder)})
    texts = "with transcripts" if found.corpus.transcript else "no transcripts"
    return f"{len(measurements)} recordings of {speakers} speaker(s), {hours:.2f} hours, {rates} Hz, {texts}."


def _training_choices(found: Found, mel: MelChoice, template: Path) -> tuple[list[str], list[str]]:
    """Options for a corpus whose utterances are shorter than what is usual, and sentences about them."""
    seconds = sorted(one.seconds for one in found.measurements.values())
    usual = config.load(template / TRAIN_CONFIG)["train"]["segment_frames"]
    hop = mel.spec.hop_size / mel.spec.sample_rate
    fits = int(seconds[int(SHORT_LIMIT * len(seconds))] / hop)
    options, remarks = [], []
    if fits < usual:
        frames = max(MIN_SEGMENT, fits)
        options.append(f'--train_args "--train.segment_frames {frames}"')
        remarks.append(f"excerpts for training: {frames} frames, not {usual}: many recordings are shorter than those")
    if seconds[0] < STOI_SECONDS:
        number = sum(one < STOI_SECONDS for one in seconds)
        options.append("--metrics mr_stft,log_mel_mae")
        remarks.append(
            f"scores: mr_stft and log_mel_mae: {number} recording(s) are too short for STOI ({STOI_SECONDS} s)"
        )
    return options, remarks


def _prove(recipe: Path, found: Found) -> str:
    """Runs what stage 1 runs; the audio has been read already.  Returns the sizes of the sets."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in (["./run.sh", "--help"], ["local/data_prep.sh", str(found.folder)]):
        done = subprocess.run(command, cwd=recipe, env={**os.environ, "PATH": path}, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise InputError(f"{command[0]} of the new recipe fails: {said}")
    sets = []
    for name in ("train", "dev", "eval"):
        directory = DataDirectory.load(recipe / "data" / name)
        measured = [replace(found.measurements[utt], utterance=utt) for utt in directory.utterances]
        sets.append(Examined(directory, measured, []))
    report = data_report(sets)
    if not report["valid"]:
        raise InputError(some(report["faults"], between="; "))
    return ", ".join(f"{one.directory.path.name} {len(one.measurements)}" for one in sets)
