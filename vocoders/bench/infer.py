"""``vocoders bench infer``: synthesis of systems in several forms, which take turns.

Every system in every form is a contender in a process of its own (worker.py).  Each is loaded and synthesizes once;
then there are rounds, in which every contender synthesizes once, one at a time, and the ceilings are measured once.
"""

import math
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

import torch

from vocoders import provenance
from vocoders.bench import form as forms
from vocoders.bench.ceiling import Ceiling, synchronize, taken_out, timed
from vocoders.bench.flop import synthesis_flop
from vocoders.bench.machine import machine, peak_mib
from vocoders.bench.rounds import alternate, check_positive, percentiles
from vocoders.bench.system import label, made_mel, read_mel, takes_steps, unlike, with_steps
from vocoders.bench.worker import ALLOCATORS, Worker
from vocoders.device import choose
from vocoders.errors import InputError
from vocoders.seeding import seeded


class Workload(NamedTuple):
    """What every contender synthesizes, and on what; picklable."""

    seconds: float = 5.0
    batch: int = 1
    device: str = "auto"
    threads: int = 1
    seed: int = 0
    features: str | None = None

    def frames(self, vocoder):
        return max(1, round(self.seconds * vocoder.sample_rate / vocoder.hop_size))

    def mel(self, vocoder):
        """[B, C, L], on the device of the vocoder."""
        size = {"frames": self.frames(vocoder), "size": self.batch}
        return read_mel(self.features, vocoder, **size) if self.features else made_mel(vocoder, seed=self.seed, **size)

    def audio_seconds(self, vocoder):
        return self.batch * self.frames(vocoder) * vocoder.hop_size / vocoder.sample_rate


def main(systems, chosen, workload, *, rounds=5, iterations=(), whole_iterations=12):
    """The figures, plain values, of which ``infer_tables.lines`` makes tables.

    Args:
        systems: ``SystemChoice`` s.
        chosen: the ``Form`` s in which each is measured.
        workload: what is synthesized.
        rounds: how often.
        iterations: numbers of steps to make a table of; none: each system's own options alone.
        whole_iterations: up to so many steps are run; the time of more is a multiple of the longest run's.

    Raises InputError for options that are wrong or do not fit a system, before anything is measured.
    """
    positive = {"rounds": rounds, "seconds": workload.seconds, "batch": workload.batch}
    check_positive(**positive, threads=workload.threads, whole_iterations=whole_iterations)
    workload = workload._replace(device=choose(workload.device))
    torch.set_num_threads(workload.threads)
    run = sorted(steps for steps in iterations if steps <= whole_iterations) or sorted(iterations)[:1] or [None]
    published = unlike([_published(system, workload, run) for system in systems], systems)
    contenders, ceilings = _measure(systems, chosen, workload, run, rounds)
    return {
        "machine": machine(workload.device, workload.threads),
        **workload._asdict(),
        "rounds": rounds,
        "iterations": {"asked": list(iterations), "run": run if iterations else []},
        "ceilings": ceilings,
        "systems": [
            {**about, "forms": _figures([each for each in contenders if each.system is system], about, ceilings)}
            for system, about in zip(systems, published)
        ],
        "provenance": provenance.collect(),
    }


@dataclass
class Contender:
    """A system in a form, and what was measured of it."""

    system: object
    form: forms.Form
    worker: Worker
    about: dict
    first_seconds: float
    wave: torch.Tensor  # [B, T]
    runs: dict = None  # steps -> seconds of each round
    peak_mib: float = 0.0

    @property
    def seconds(self):
        """Of each round, with the options that the tables are about."""
        return list(self.runs.values())[-1]


class Inference:
    """What a contender's process holds."""

    def __init__(self, system, form, workload, run):
        torch.set_num_threads(workload.threads)
        start = time.perf_counter()
        vocoder, options = system.open(seed=workload.seed)
        self.mel = workload.mel(vocoder).to(workload.device)
        self.options = {steps: _at(steps, options) for steps in run}
        self.seed, self.device = workload.seed, workload.device
        self.prepared = forms.prepare(vocoder, form, workload.device)
        synchronize(self.device)
        backend, precision = self.prepared.backend, self.prepared.precision
        self.about = {"name": forms.name(form, backend, precision), "backend": backend, "precision": precision}
        self.about |= {"allocator": form.allocator, "load_seconds": time.perf_counter() - start}

    def describe(self):
        return self.about

    def run(self, steps):
        """Seconds of a synthesis."""
        return timed(lambda: self._synthesize(steps), self.device)

    def first(self, steps):
        """(seconds, wave [B, T]); the noise is always the same."""
        seconds = self.run(steps)
        return seconds, self._wave.float().cpu().numpy()

    def peak_mib(self):
        return peak_mib(self.device)

    def _synthesize(self, steps):
        self._wave = self.prepared.synthesize(self.mel, generator=seeded(self.seed, "bench"), **self.options[steps])


def _at(steps, options):
    return options if steps is None else with_steps(options, steps)


def _published(system, workload, run):
    """What is known of a system without measuring it; opens it, so that what is wrong with it is said now."""
    vocoder, options = system.open(seed=workload.seed)
    if run != [None] and not takes_steps(vocoder):
        raise InputError(f"{system.source}: --iterations is for diffusion models; this one computes its network once")
    workload.mel(vocoder)
    options = _at(run[-1], options)
    frames = workload.frames(vocoder)
    return {
        "system": label(vocoder, options),
        "source": system.source,
        "parameters": sum(parameter.numel() for parameter in vocoder.parameters()),
        "sample_rate": vocoder.sample_rate,
        "audio_seconds": workload.audio_seconds(vocoder),
        "evaluations": vocoder.evaluations(**options),
        "gflop": workload.batch * synthesis_flop(vocoder, options, frames) / 1e9,
    }


def _measure(systems, chosen, workload, run, rounds):
    """(contenders, ceilings in FLOP/s and bytes/s)"""
    with ExitStack() as stack:
        contenders = []
        for system, form in product(systems, chosen):  # one after the other, as loading is timed too
            contenders.append(_start(stack, system, form, workload, run))
        jobs = Ceiling(workload.device).jobs()
        for (number, contender), steps in product(enumerate(contenders), run):
            jobs[number, steps] = partial(contender.worker.call, "run", steps)
        times = alternate(jobs, rounds)
        ceilings = taken_out(times)
        for number, contender in enumerate(contenders):
            contender.runs = {steps: times[number, steps] for steps in run}
            contender.peak_mib = contender.worker.call("peak_mib")
    return contenders, ceilings


def _start(stack, system, form, workload, run):
    title = f"{system.source}, {form.backend}, {form.precision}"
    arguments = (system, form, workload, run)
    worker = stack.enter_context(Worker(title, Inference, *arguments, environment=ALLOCATORS[form.allocator]))
    seconds, wave = worker.call("first", run[-1])
    return Contender(system, form, worker, worker.call("describe"), seconds, torch.from_numpy(wave))


def _figures(contenders, about, ceilings):
    """The JSON of a system's forms: what was measured, and what follows from it."""
    references = {contender.form.allocator: contender for contender in contenders if contender.form in forms.REFERENCES}
    return [
        {
            **contender.about,
            "first_seconds": contender.first_seconds,
            "peak_mib": contender.peak_mib,
            **_speed(contender, about, ceilings),
            "times_as_fast": {name: _median(reference) / _median(contender) for name, reference in references.items()},
            "agreement_db": agreement(contender.wave, references["default"].wave) if references else None,
            "rtf_of_steps": {
                str(steps): statistics.median(seconds) / about["audio_seconds"]
                for steps, seconds in contender.runs.items()
                if steps
            },
        }
        for contender in contenders
    ]


def _speed(contender, about, ceilings):
    seconds, median, audio = contender.seconds, _median(contender), about["audio_seconds"]
    return {
        "seconds": seconds,
        **percentiles(seconds),
        "rtf": median / audio,
        "times_real_time": audio / median,
        "samples_per_second": audio * about["sample_rate"] / median,
        "gflops": about["gflop"] / median,
        "of_gemm": about["gflop"] * 1e9 / median / ceilings[contender.about["precision"]],
    }


def _median(contender):
    return statistics.median(contender.seconds)


def agreement(wave, reference):
    """Power of the reference over that of the difference in dB; None where they are equal bit for bit."""
    wave, reference = wave.double(), reference.double()
    difference = (wave - reference).square().sum().item()
    return 10 * math.log10(reference.square().sum().item() / difference) if difference else None
