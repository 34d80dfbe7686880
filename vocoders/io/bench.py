"""``vocoders bench reading``: the cost of a random segment, and whether the reader's memory grows."""

import os
import resource
import time

import numpy as np

from vocoders.errors import InputError
from vocoders.io.features import FeatureReader


def main(directory, reads, segment_size, seed):
    """Lines of a report over ``reads`` random segments of wave and mel, read by a worker of a data loader."""
    from torch.utils.data import DataLoader  # a second to import, and only this function's

    reader = FeatureReader(directory)
    warm = max(1, min(reads // 10, 1000))  # opens the files, fills the bounded caches
    segments = _Segments(reader, segment_size, seed, warm + reads)
    times, resident = np.array(list(DataLoader(segments, batch_size=None, num_workers=1))).T
    times, resident = times[warm:] * 1e3, resident[warm - 1 :]
    middle, low, high = np.percentile(times, [50, 0, 99])
    memory = f"{resident[0]:.1f} MiB after {warm} reads, {resident[-1] - resident[0]:+.2f} MiB after {reads} more"
    return [
        f"{reads} segments of {segment_size} samples, {len(reader.utterances)} utterances: {directory}",
        f"{times.mean():.3f} ms each: median {middle:.3f}, least {low:.3f}, 99th percentile {high:.3f}",
        f"resident memory of the loader's worker: {memory}",
    ]


def resident_mib():
    """Resident memory of this process, or its peak where /proc does not tell."""
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


class _Segments:
    """A dataset of random segments; an item is how long its reading took, and the memory of who read it."""

    def __init__(self, reader, segment_size, seed, count):
        self.reader, self.seed, self.count = reader, seed, count
        self.hop = len(reader.wave(reader.utterances[0])) // reader.frames[reader.utterances[0]]
        self.frames = -(-segment_size // self.hop)
        self.utterances = [name for name in reader.utterances if reader.frames[name] >= self.frames]
        if not self.utterances:
            raise InputError(
                f"{reader.directory}: no utterance has {segment_size} samples; choose a smaller --segment_size"
            )

    def __len__(self):
        return self.count

    def __getitem__(self, item):
        generator = np.random.default_rng([self.seed, item])
        name = self.utterances[generator.integers(len(self.utterances))]
        first = int(generator.integers(self.reader.frames[name] - self.frames + 1))
        start = time.perf_counter()
        self.reader.wave(name, first * self.hop, (first + self.frames) * self.hop)
        self.reader.mel(name, first, first + self.frames)
        return time.perf_counter() - start, resident_mib()
