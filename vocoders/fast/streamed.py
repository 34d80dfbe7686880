"""Nodes of a network that keeps its own past: it is given each sample once, in order, and gives each once."""

import torch

from vocoders.fast.native.upsampling import upsample
from vocoders.fast.sweep import Node


class Streamed:
    """The nodes of native DiffWave (``fast/native/diffwave.py``), which takes one row."""

    batches = False

    def __init__(self, native, hop_size):
        self.native, self.hop_size = native, hop_size
        self.upsamplers = native.network.upsamplers

    def chunk_seconds(self, sample_rate):
        """Of audio at once: what takes a quarter of the room for projected mels, so that the steps' lags have the rest.

        Unlike windows, small pieces cost nothing here.
        """
        return self.native.budget / 4 / (self.native.bytes_per_sample * sample_rate)

    def open(self, conditions):
        return self.native.open(conditions)

    def conditioner(self, normalize, mel, evaluations, lengths):
        """(where the upsampled mels go, the node that makes them)."""
        mels = _Mels(evaluations, len(self.upsamplers))
        reach = max(len(upsampler.stages) for upsampler in self.upsamplers)  # each looks at the one beside it

        def prepare(a, b, mel):
            mel = normalize(mel)
            return [upsample(upsampler, mel) for upsampler in self.upsamplers]

        return mels, Node(prepare, [mel], [mels] * len(self.upsamplers), left=reach, right=reach)

    def node(self, k, evaluations, noisy, mels, output, lengths):
        reach = -(-self.native.reach // self.hop_size)
        return _Pushed(lambda new, last: evaluations.push(k, new, last), [noisy, mels], [output], self.hop_size, reach)


class _Mels:
    """Takes the place of a track: what is appended goes to the network, which keeps what it needs."""

    def __init__(self, evaluations, upsamplers):
        self.evaluations, self.upsamplers = evaluations, upsamplers
        self.stop, self._waiting = 0, []

    def append(self, mel, frames):
        self._waiting.append(mel)
        if len(self._waiting) == self.upsamplers:
            self.evaluations.condition(self._waiting)
            self._waiting = []
            self.stop += frames

    def drop(self, before):
        pass


class _Pushed(Node):
    """Pushes what is new; what comes back lags by ``right`` frames, and may end within a frame."""

    def __init__(self, push, inputs, outputs, hop_size, right):
        super().__init__(push, inputs, outputs, right=right)
        self.hop_size = hop_size
        self.taken, self._rest, self._ended = 0, torch.empty(0), False

    def advance(self, last):
        noisy, mels = self.inputs
        known = min(noisy.stop, mels.stop)
        if self._ended or (known == self.taken and not last):
            return
        new = noisy.read(self.taken, known)[0] if known > self.taken else torch.empty(0)
        given = self.function(new, last)
        self.taken, self._ended = known, last
        given = torch.cat([self._rest, given]) if len(self._rest) else given
        frames = len(given) // self.hop_size
        self.done += frames
        self._rest = given[frames * self.hop_size :].clone()
        self.outputs[0].append(given[None, : frames * self.hop_size], frames)

    def first_needed(self):
        return self.taken
