"""``vocoders bench stream``: mels in pieces to speech in pieces; when the first comes, and whether the others keep up.

Mels are handed over twice in every round: as fast as they are taken, and in real time, a piece when a speaker would
have spoken it after the one before.  The first piece is there when time begins.
"""

import statistics
import time
from contextlib import ExitStack
from functools import partial
from itertools import product
from typing import NamedTuple

import torch

from vocoders import provenance
from vocoders.bench import form as forms
from vocoders.bench.machine import machine, peak_mib, sentence
from vocoders.bench.rounds import alternate, check_positive, percentiles
from vocoders.bench.system import label, unlike
from vocoders.bench.table import milliseconds, significant, table
from vocoders.bench.worker import ALLOCATORS, Worker, burning
from vocoders.device import choose
from vocoders.errors import InputError
from vocoders.processes import PATIENT
from vocoders.seeding import seeded

PACES = ("fast", "real_time")
HEADS = ["first audio ms", "in real time ms", "look-ahead ms", "RTF", "runs dry", "buffer ms", "border error"]
HEADS += ["peak MiB"]
NOTES = """\
- first audio: from the first piece of mel to the first sample, mels as fast as they are taken; in real time: mels as
  they would be spoken. look-ahead: how much of the mel after a sample must be known before it is decided.
- RTF: computing time over duration once the first audio is there, mels as fast as they are taken.
- runs dry: how often playback that starts with the first audio would have to wait, mels in real time, in the worst
  round; buffer: how much later it must start so that it never waits.
- border error: largest jump, from one sample to the next, of the difference to synthesis at once, where pieces meet.
- peak: most memory that the contender's process had, or on a GPU its tensors, with synthesis at once."""


class Piece(NamedTuple):
    """Of speech: when it came, in seconds since the first piece of mel, and how long it is."""

    time: float
    seconds: float


def main(systems, chosen, workload, *, chunk_frames=32, load=0, rounds=3):
    """The figures, plain values, of which ``lines`` makes tables.

    Args:
        systems: ``SystemChoice`` s.
        chosen: the ``Form`` s in which each is measured.
        workload: what is synthesized; one at a time.
        chunk_frames: mel frames in a piece.
        load: processes that keep a core busy meanwhile.
        rounds: how often.
    """
    check_positive(seconds=workload.seconds, threads=workload.threads, chunk_frames=chunk_frames, rounds=rounds)
    if load < 0:
        raise InputError(f"--load: expected 0 or more, found {load}")
    workload = workload._replace(device=choose(workload.device), batch=1)
    torch.set_num_threads(workload.threads)
    published = unlike([_published(system, workload, chunk_frames) for system in systems], systems)
    contenders = list(product(range(len(systems)), chosen))
    with ExitStack() as stack:
        stack.enter_context(burning(load))
        workers = {each: _start(stack, systems[each[0]], each[1], workload, chunk_frames) for each in contenders}
        described = {each: worker.call("describe") for each, worker in workers.items()}  # also warms up
        jobs = {(each, pace): partial(workers[each].call, "run", pace) for each in contenders for pace in PACES}
        runs = alternate(jobs, rounds)
        peaks = {each: worker.call("peak_mib") for each, worker in workers.items()}
    found = [{**each, "forms": []} for each in published]
    for each in contenders:
        fast, real_time = ([[Piece(*piece) for piece in run] for run in runs[each, pace]] for pace in PACES)
        figures = {**described[each], **_figures(fast, real_time), "peak_mib": peaks[each]}
        found[each[0]]["forms"].append(figures)
    setting = {"seconds": workload.seconds, "chunk_frames": chunk_frames, "load": load, "rounds": rounds}
    about = {"machine": machine(workload.device, workload.threads), **setting}
    return {**about, "systems": found, "provenance": provenance.collect()}


class Streaming:
    """What a contender's process holds."""

    def __init__(self, system, form, workload, chunk_frames):
        torch.set_num_threads(workload.threads)
        vocoder, self.options = system.open(seed=workload.seed)
        self.mel, self.seed, self.device = workload.mel(vocoder), workload.seed, workload.device
        self.pieces = self.mel[0].split(chunk_frames, 1)
        self.rate, self.hop_size = vocoder.sample_rate, vocoder.hop_size
        self.prepared = forms.prepare(vocoder, form, workload.device)
        self.name = forms.name(form, self.prepared.backend, self.prepared.precision)

    def describe(self):
        """Its name, its look-ahead in seconds (None: all), and how far pieces are from synthesis at once."""
        look_ahead = self.prepared.look_ahead(**self.options)
        return {
            "name": self.name,
            "backend": self.prepared.backend,
            "precision": self.prepared.precision,
            "look_ahead_seconds": None if look_ahead is None else look_ahead * self.hop_size / self.rate,
            **self._border_error(),
        }

    def run(self, pace):
        """A ``Piece`` for each wave that has samples."""
        start = time.perf_counter()
        mels = self.pieces if pace == "fast" else _as_spoken(self.pieces, start, self.hop_size / self.rate)
        waves = ((len(wave), time.perf_counter() - start) for wave in self._stream(mels))
        return [Piece(moment, samples / self.rate) for samples, moment in waves if samples]

    def peak_mib(self):
        return peak_mib(self.device)

    def _stream(self, mels):
        noise = {"generator": seeded(self.seed, "bench")}
        for wave in self.prepared.stream(mels, **noise, **self.options):
            yield wave.cpu()  # waits for the device

    def _border_error(self):
        waves = [wave for wave in self._stream(self.pieces) if len(wave)]
        whole = self.prepared.synthesize(self.mel, generator=seeded(self.seed, "bench"), **self.options)[0].cpu()
        return border_error(waves, whole)


def border_error(waves, whole):
    """How far waves end to end are from the whole: at their borders the largest jump, and anywhere the largest."""
    difference = torch.cat(waves).double() - whole.double()
    borders = torch.tensor([len(wave) for wave in waves]).cumsum(0)[:-1]
    jumps = (difference[borders] - difference[borders - 1]).abs()
    return {
        "border_error": jumps.max().item() if len(jumps) else 0.0,
        "largest_difference": difference.abs().max().item(),
    }


def first_audio(pieces):
    return pieces[0].time


def steady_rtf(pieces):
    """Computing time over duration of all but the first piece; None if there is no other."""
    audio = sum(piece.seconds for piece in pieces[1:])
    return (pieces[-1].time - pieces[0].time) / audio if audio else None


def buffer_needed(pieces):
    """Seconds that playback must begin after the first piece so that it never waits."""
    end, needed = pieces[0].time, 0.0
    for piece in pieces:
        needed = max(needed, piece.time - end)
        end += piece.seconds
    return needed


def runs_dry(pieces):
    """How often playback that begins with the first piece has to wait for the next."""
    end, times = pieces[0].time, 0
    for piece in pieces:
        times += piece.time > end
        end = max(end, piece.time) + piece.seconds
    return times


def _as_spoken(pieces, start, frame_seconds):
    due = start
    for piece in pieces:
        time.sleep(max(0.0, due - time.perf_counter()))
        yield piece
        due += piece.shape[1] * frame_seconds


def _start(stack, system, form, workload, chunk_frames):
    title = f"{system.source}, {form.backend}, {form.precision}"
    arguments = (system, form, workload, chunk_frames)
    return stack.enter_context(Worker(title, Streaming, *arguments, environment=ALLOCATORS[form.allocator] | PATIENT))


def _published(system, workload, chunk_frames):
    vocoder, options = system.open(seed=workload.seed)
    workload.mel(vocoder)
    frame = vocoder.hop_size / vocoder.sample_rate
    return {"system": label(vocoder, options), "source": system.source, "chunk_seconds": chunk_frames * frame}


def _figures(fast, real_time):
    first = {pace: [first_audio(run) for run in runs] for pace, runs in zip(PACES, (fast, real_time))}
    steady = [steady_rtf(run) for run in fast]
    return {
        "first_audio_seconds": {pace: {"runs": times, **percentiles(times)} for pace, times in first.items()},
        "rtf": None if None in steady else statistics.median(steady),
        "runs_dry": max(map(runs_dry, real_time)),
        "buffer_seconds": max(map(buffer_needed, real_time)),
        "pieces": {"fast": fast, "real_time": real_time},
    }


def lines(report):
    meanwhile = f", {report['load']} other process(es) busy" if report["load"] else ""
    what = f"{report['seconds']:g} s of mel in pieces of {report['chunk_frames']} frames"
    head = f"{what}, medians of {report['rounds']} rounds{meanwhile}: {sentence(report['machine'])}."
    blocks = [head]
    for system in report["systems"]:
        piece = f"a piece: {1000 * system['chunk_seconds']:.0f} ms ({system['source']})"
        blocks += [
            f"### {system['system']}\n\n{piece}",
            table([_cells(form) for form in system["forms"]], HEADS, "form"),
        ]
    return "\n\n".join([*blocks, NOTES]).splitlines()


def _cells(form):
    first = form["first_audio_seconds"]
    return {
        "form": form["name"],
        "first audio ms": milliseconds(first["fast"]["p50"]),
        "in real time ms": milliseconds(first["real_time"]["p50"]),
        "look-ahead ms": milliseconds(form["look_ahead_seconds"]) or "all",
        "RTF": significant(form["rtf"]),
        "runs dry": f"{form['runs_dry']} x",
        "buffer ms": milliseconds(form["buffer_seconds"]),
        "border error": significant(form["border_error"], 2) if form["largest_difference"] else "same bits",
        "peak MiB": f"{form['peak_mib']:.0f}",
    }
