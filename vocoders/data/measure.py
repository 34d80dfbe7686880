"""One utterance's audio in numbers: length, rate, level, clipping, DC, silence, and two fingerprints."""

import hashlib
import multiprocessing
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from vocoders.data.near_duplicate import words
from vocoders.errors import InputError
from vocoders.io.audio import read_wave

FULL_SCALE = 32767 / 32768  # the largest 16-bit sample; what reaches it may have been cut off
SILENCE_DB = 40.0  # how far under its loudest 10 ms the edge of an utterance counts as silence


@dataclass(frozen=True)
class Measurement:
    """Levels are in dB re full scale; equal digests mean equal samples."""

    utterance: str
    rate: int
    seconds: float
    clipped: float  # share of samples at full scale
    level: float  # RMS
    dc: float
    leading: float  # seconds of silence before the speech
    trailing: float  # and after it
    zeros: float  # seconds of the longest run of exact zeros
    digest: str
    words: np.ndarray = field(compare=False, repr=False)  # see near_duplicate.py


def measure(wave: np.ndarray, rate: int, utterance: str = "") -> Measurement:
    """The figures of one wave [T] in [-1, 1]."""
    leading, trailing = _edge_silence(wave, rate)
    return Measurement(
        utterance=utterance,
        rate=rate,
        seconds=len(wave) / rate,
        clipped=float(np.mean(np.abs(wave) >= FULL_SCALE)),
        level=_decibel(np.mean(np.square(wave, dtype=np.float64))),
        dc=float(np.mean(wave, dtype=np.float64)),
        leading=leading,
        trailing=trailing,
        zeros=_longest_run(wave == 0) / rate,
        digest=hashlib.sha256(np.ascontiguousarray(wave, dtype="<f4").tobytes()).hexdigest(),
        words=words(wave, rate),
    )


def measure_all(audio: dict[str, str], nj: int, *, where: str) -> Iterator[Measurement | str]:
    """In the order of `audio`, utterance -> source: its measurement or, where its audio is unusable, the reason.

    `where` begins the reasons: the table or folder that the utterances are of.
    """
    items = [(utt, source, where) for utt, source in audio.items()]
    if min(nj, len(items)) <= 1:
        yield from map(_measure_source, items)
        return
    ignore_ctrl_c = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    with multiprocessing.get_context("spawn").Pool(min(nj, len(items)), ignore_ctrl_c) as pool:
        yield from pool.imap(_measure_source, items, chunksize=8)


def _measure_source(item: tuple[str, str, str]) -> Measurement | str:
    utterance, source, where = item
    try:
        wave, rate = read_wave(source, where=f"{where}: {utterance}")
    except InputError as error:
        return str(error)
    return measure(wave, rate, utterance)


def _edge_silence(wave: np.ndarray, rate: int) -> tuple[float, float]:
    """Seconds before the first and after the last 10 ms within SILENCE_DB of the loudest 10 ms."""
    frame = max(1, rate // 100)
    frames = np.pad(wave, (0, -len(wave) % frame)).reshape(-1, frame)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    heard = np.flatnonzero(power > power.max() * 10 ** (-SILENCE_DB / 10))
    if not len(heard):
        return len(wave) / rate, len(wave) / rate
    after = len(wave) - (int(heard[-1]) + 1) * frame
    return int(heard[0]) * frame / rate, max(0, after) / rate


def _longest_run(true: np.ndarray) -> int:
    """How many neighbours at most are all true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]])))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def _decibel(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-12)))
