"""Utterances of a feature directory to their waves and records, in memory that does not grow with their length."""

from pathlib import Path
from time import perf_counter

import torch

from vocoders.errors import InputError
from vocoders.features.mel import convert
from vocoders.io.audio import open_wave
from vocoders.processes import unwanted
from vocoders.seeding import seeded

WARM_UP_FRAMES = 32


class Unwanted(Exception):
    """Nobody waits for this utterance any more."""


class UtteranceDecoder:
    """Decodes the ``features`` (a reader; ``spec`` says what their mels are) with a ``System`` into ``output``/wav."""

    def __init__(self, system, features, spec, output, *, seed):
        self.system, self.features, self.spec = system, features, spec
        self.output, self.seed = Path(output), seed

    def warm_up(self):
        """Synthesizes something short, so that no utterance pays for what is done once; nothing is written."""
        utt = min(self.features.utterances, key=self.features.frames.get)
        for _ in self._waves(utt, min(WARM_UP_FRAMES, self.features.frames[utt])):
            pass

    def decode(self, utterances):
        """The records of these utterances: one, piece by piece, or several together."""
        if len(utterances) == 1:
            (utt,) = utterances
            return [self._write(utt, self._waves(utt, self.features.frames[utt]))]
        frames = torch.tensor([self.features.frames[utt] for utt in utterances])
        mels = [self._mel(utt, 0, None).T for utt in utterances]
        padded = torch.nn.utils.rnn.pad_sequence(mels, batch_first=True).transpose(1, 2)  # [B, C, L]
        start = perf_counter()
        waves = self.system.together(padded, frames, [seeded(self.seed, utt) for utt in utterances])
        share = (perf_counter() - start) / int(frames.sum())  # seconds of a frame
        parts = zip(utterances, waves, frames.tolist())
        return [self._write(utt, [(wave[: n * self.spec.hop_size], n * share)]) for utt, wave, n in parts]

    def path(self, utt):
        return self.output / "wav" / f"{utt}.wav"

    def _write(self, utt, waves):
        """The record of an utterance of which (wave [T], seconds) come in pieces."""
        seconds = 0.0
        with open_wave(self.path(utt), self.spec.sample_rate) as file:
            for wave, took in waves:
                seconds += took
                try:
                    file.write(wave.numpy())
                except InputError as error:  # not finite
                    raise InputError(f"{utt}: {self.system.description['system']} failed: {error}") from None
            expected = self.features.frames[utt] * self.spec.hop_size
            if file.samples != expected:
                name = self.system.description["system"]
                raise ValueError(f"{utt}: {name} made {file.samples} samples of {expected}")
        duration = file.samples / self.spec.sample_rate
        return {
            "utt": utt,
            "samples": file.samples,
            "audio_seconds": duration,
            "compute_seconds": seconds,
            "rtf": seconds / duration,
            "threads": torch.get_num_threads(),
            "seed": self.seed,
            "clipped": file.clipped,
        }

    def _waves(self, utt, frames):
        """(wave [T], seconds without reading and writing) of the first ``frames``, in pieces."""
        own = self.features.wave(utt, 0, frames * self.spec.hop_size) / 32768 if self.system.copies else None
        push = self.system.open(own, self.spec, seeded(self.seed, utt))
        for first in range(0, frames, self.system.chunk_frames):
            if unwanted():
                raise Unwanted
            stop = min(first + self.system.chunk_frames, frames)
            mel = self._mel(utt, first, stop)
            start = perf_counter()
            wave = push(mel, last=stop == frames)
            yield wave, perf_counter() - start

    def _mel(self, utt, start, stop):
        """[C, stop - start], of the kind that the system was trained on."""
        mel = torch.from_numpy(self.features.mel(utt, start, stop))
        wanted = self.system.mel_spec or self.spec
        return mel if wanted == self.spec else convert(mel, self.spec, wanted)
