"""``vocoders bench train``: steps of gradient descent in float32 and in bfloat16, which take turns.

Each precision of each configuration is a contender in a process of its own, with the trainer of ``vocoders train`` and
batches of noise: reading data is not measured (``vocoders bench reading`` does that).
"""

import statistics
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import product
from tempfile import TemporaryDirectory

import torch

from vocoders import config, provenance
from vocoders.bench.ceiling import PRECISIONS, Ceiling, taken_out, timed
from vocoders.bench.flop import update_flop
from vocoders.bench.machine import machine, peak_mib, sentence
from vocoders.bench.rounds import alternate, check_positive, percentiles
from vocoders.bench.system import made_batch, unlike
from vocoders.bench.table import ceilings_line, percent, significant, table
from vocoders.bench.worker import Worker
from vocoders.device import choose
from vocoders.errors import InputError
from vocoders.training.settings import OptimizerSettings, TrainSettings
from vocoders.training.trainer import Trainer

HEADS = ["audio s per s", "x float32", "GFLOP/s", "of GEMM", "p50 s", "p90 s", "p95 s", "p99 s", "peak MiB", "first s"]
NOTES = """\
- audio s per s: seconds of speech that are learned from in a second, of the median step; without reading data.
  p50 to p99: percentiles of the steps, in seconds.
- GFLOP/s: operations of the loss and its gradient, by PyTorch's counter, over the time. of GEMM: beside `torch.mm` in
  that precision, in the same rounds. peak: most memory that the process had, or on a GPU its tensors.
- bfloat16 is autocast; weights, their gradient and the optimizer stay float32. first: seconds of the first step."""


def main(systems, *, steps=5, device="auto", threads=1, seed=0):
    """The figures, plain values, of which ``lines`` makes tables.

    Args:
        systems: ``SystemChoice`` s of configurations.
        steps: how many each precision takes, beside a first one that warms up.
        device: cpu, cuda or auto.
        threads: of each contender.
        seed: of weights and noise.
    """
    check_positive(steps=steps, threads=threads)
    device = choose(device)
    torch.set_num_threads(threads)
    published = unlike([_published(system, seed) for system in systems], systems)
    with ExitStack() as stack:
        jobs, workers = Ceiling(device).jobs(), {}
        for key in product(range(len(systems)), PRECISIONS):
            made = (systems[key[0]], key[1], device, threads, seed)
            workers[key] = stack.enter_context(Worker(f"{made[0].source}, {key[1]}", Training, *made))
            jobs[key] = partial(workers[key].call, "step")
        first = {key: worker.call("step") for key, worker in workers.items()}
        times = alternate(jobs, steps)
        peaks = {key: worker.call("peak_mib") for key, worker in workers.items()}
    ceilings = taken_out(times)
    found = [
        {**about, "precisions": {name: _speed(times[n, name], about, ceilings[name]) for name in PRECISIONS}}
        for n, about in enumerate(published)
    ]
    for n, name in product(range(len(systems)), PRECISIONS):
        found[n]["precisions"][name] |= {"peak_mib": peaks[n, name], "first_seconds": first[n, name]}
    about = {"machine": machine(device, threads), "steps": steps, "ceilings": ceilings}
    return {**about, "systems": found, "provenance": provenance.collect()}


class Training:
    """What a contender's process holds."""

    def __init__(self, system, precision, device, threads, seed):
        torch.set_num_threads(threads)
        settings, optimizer = _sections(system)
        settings = replace(settings, precision=precision)
        model, self.device = system.untrained(seed), device
        self._directory = TemporaryDirectory()
        options = {"settings": settings, "optimizer_settings": optimizer, "config": system.settings()}
        self._trainer = Trainer(model, **options, directory=self._directory.name, device=device)
        size = {"frames": settings.segment_frames, "size": settings.batch_size}
        self._batch = made_batch(model, seed=seed, **size)

    def step(self):
        """Seconds."""
        seconds = timed(lambda: self._trainer.update(self._batch), self.device)
        self._trainer.step += 1
        return seconds

    def peak_mib(self):
        return peak_mib(self.device)


def _sections(system):
    settings = system.settings()
    sections = (("train", TrainSettings), ("optimizer", OptimizerSettings))
    return [config.build(kind, settings.get(name, {}), where=name) for name, kind in sections]


def _published(system, seed):
    """What is known of a configuration without measuring it; opens it, so that what is wrong with it is said now."""
    if not system.is_configuration:
        raise InputError(f"{system.source}: expected the configuration of a training, a YAML file")
    settings, _optimizer = _sections(system)
    model = system.untrained(seed)
    if settings.segment_frames < model.min_frames:
        raise InputError(f"train.segment_frames: this model needs at least {model.min_frames} frames")
    return {
        "system": model.describe(),
        "source": system.source,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "batch_size": settings.batch_size,
        "segment_frames": settings.segment_frames,
        "audio_seconds": settings.batch_size * settings.segment_frames * model.hop_size / model.sample_rate,
        "gflop": settings.batch_size * update_flop(model, settings.segment_frames) / 1e9,
    }


def _speed(seconds, about, ceiling):
    median = statistics.median(seconds)
    return {
        "seconds": seconds,
        **percentiles(seconds),
        "audio_seconds_per_second": about["audio_seconds"] / median,
        "gflops": about["gflop"] / median,
        "of_gemm": about["gflop"] * 1e9 / median / ceiling,
    }


def lines(report):
    head = f"Training, {report['steps']} steps in turns: {sentence(report['machine'])}.\n"
    blocks = [head + ceilings_line(report["ceilings"])]
    for system in report["systems"]:
        size = f"{system['batch_size']} excerpts of {system['segment_frames']} frames"
        audio = f"{system['audio_seconds']:.3g} s of audio and {system['gflop']:.4g} GFLOP in a step"
        blocks.append(f"### {system['system']}\n\n{size}: {audio} ({system['source']})")
        blocks.append(table([_cells(name, system["precisions"]) for name in PRECISIONS], HEADS, "precision"))
    return "\n\n".join([*blocks, NOTES]).splitlines()


def _cells(name, precisions):
    found = precisions[name]
    return {
        "precision": name,
        "audio s per s": significant(found["audio_seconds_per_second"]),
        "x float32": significant(precisions["float32"]["p50"] / found["p50"]),
        "GFLOP/s": significant(found["gflops"]),
        "of GEMM": percent(found["of_gemm"]),
        **{f"p{q} s": significant(found[f"p{q}"]) for q in (50, 90, 95, 99)},
        "peak MiB": f"{found['peak_mib']:.0f}",
        "first s": significant(found["first_seconds"], 2),
    }
