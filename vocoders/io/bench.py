"""``vocoders bench reading``: the cost of a random segment, and whether the reader's memory grows."""

import os
import resource
import time

import numpy as np

from vocoders.errors import InputError
from vocoders.io.features import FeatureReader


def main(directory, reads, segment_size, seed):
    """Lines of a report over ``reads`` random segments of wave and mel."""
    reader = FeatureReader(directory)
    draw = _segments(reader, segment_size, np.random.default_rng(seed))
    warm = min(reads // 10, 1000)
    for _ in range(warm):  # opens the files, fills the bounded caches
        _read(reader, *next(draw))
    times = np.ones(reads)  # written, so that it is resident from the start
    before = resident_mib()
    for number in range(reads):
        segment = next(draw)
        start = time.perf_counter()
        _read(reader, *segment)
        times[number] = time.perf_counter() - start
    grown = resident_mib() - before
    middle, low, high = np.percentile(times * 1e3, [50, 0, 99])
    return [
        f"{reads} segments of {segment_size} samples, {len(reader.utterances)} utterances: {directory}",
        f"{times.mean() * 1e3:.3f} ms each: median {middle:.3f}, least {low:.3f}, 99th percentile {high:.3f}",
        f"resident memory: {before:.1f} MiB after {warm} reads, {grown:+.2f} MiB after {reads} more",
    ]


def resident_mib():
    """Resident memory of this process, or its peak where /proc does not tell."""
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _segments(reader, segment_size, generator):
    """Endless (utterance, first frame, frames, hop size)."""
    hop = len(reader.wave(reader.utterances[0])) // reader.frames[reader.utterances[0]]
    frames = -(-segment_size // hop)
    long_enough = [name for name in reader.utterances if reader.frames[name] >= frames]
    if not long_enough:
        raise InputError(
            f"{reader.directory}: no utterance has {segment_size} samples; choose a smaller --segment_size"
        )
    while True:
        name = long_enough[generator.integers(len(long_enough))]
        yield name, int(generator.integers(reader.frames[name] - frames + 1)), frames, hop


def _read(reader, name, first, frames, hop):
    reader.wave(name, first * hop, (first + frames) * hop)
    reader.mel(name, first, first + frames)
