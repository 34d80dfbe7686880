"""Excerpts of utterances for training, read from feature directories."""

import logging

import torch

from vocoders.errors import InputError
from vocoders.interface import SpeechBatch

logger = logging.getLogger(__name__)


class RandomSegments(torch.utils.data.Dataset):
    """``segments[index, seed]`` is an excerpt of ``frames`` frames, wherever ``seed`` says, of utterance ``index``.

    Utterances shorter than an excerpt are left out and named; raises InputError when they are more than
    ``short_limit`` (a share) of all.
    """

    def __init__(self, reader, *, frames, hop_size, short_limit=0.05):
        self.reader, self.frames, self.hop_size = reader, frames, hop_size
        self.utterances = long_enough(reader, frames, short_limit)

    def __len__(self):
        return len(self.utterances)

    def __getitem__(self, item):
        index, seed = item
        utterance = self.utterances[index]
        generator = torch.Generator().manual_seed(seed)
        last = self.reader.frames[utterance] - self.frames
        start = int(torch.randint(last + 1, [1], generator=generator))
        return read_excerpt(self.reader, utterance, start, self.frames, self.hop_size)


def long_enough(reader, frames, short_limit):
    """The utterances of at least ``frames`` frames; see RandomSegments."""
    short = [u for u in reader.utterances if reader.frames[u] < frames]
    message = (
        f"{reader.directory}: {len(short)} of {len(reader.utterances)} utterances are shorter than a segment of "
        f"{frames} frames: {', '.join(short[:10])}"
    )
    if len(short) > short_limit * len(reader.utterances):
        raise InputError(f"{message}; lower train.segment_frames, remove them, or raise train.short_limit")
    if short:
        logger.warning("%s; they are left out", message)
    return [u for u in reader.utterances if reader.frames[u] >= frames]


def fixed_segments(reader, *, frames, hop_size, batch_size, count, short_limit=0.05):
    """The same batches each time: ``count`` excerpts, or fewer where the set is smaller, spread evenly over the set."""
    utterances = long_enough(reader, frames, short_limit)
    places = [(u, start) for u in utterances for start in range(0, reader.frames[u] - frames + 1, frames)]
    places = [places[n * len(places) // count] for n in range(count)] if len(places) > count else places
    excerpts = [read_excerpt(reader, u, start, frames, hop_size) for u, start in places]
    batches = [excerpts[n : n + batch_size] for n in range(0, len(excerpts), batch_size)]
    return [SpeechBatch(*map(torch.stack, zip(*batch))) for batch in batches]


def read_excerpt(reader, utterance, start, frames, hop_size):
    """wave [frames * hop_size] in [-1, 1] and mel [C, frames] of an utterance, from frame ``start``."""
    wave = reader.wave(utterance, start * hop_size, (start + frames) * hop_size)
    mel = reader.mel(utterance, start, start + frames)
    return SpeechBatch(torch.from_numpy(wave).float() / 32768, torch.from_numpy(mel))
