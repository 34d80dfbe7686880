"""Synthesis in pieces that add up to the whole: signals that grow, and nodes that read windows of them.

A ``Track`` is a signal over time that grows at its end and is dropped at its beginning.  A ``Node`` reads some tracks
and writes others; it gives a frame once it knows all that the frame depends on, ``left`` frames before and ``right``
after it.  Only the two true ends of an utterance are ends for a node.  So what comes out does not depend on the pieces
in which the input came, memory does not grow with its length, and no sampling step computes a frame twice but for the
``left`` and ``right`` ones of a window.

Everything is counted in frames of the mel from the beginning of the utterance.
"""

import torch


class Track:
    """[B, ..., frames * rate], frames ``start`` to ``stop`` of a signal."""

    def __init__(self):
        self.start = self.stop = 0
        self.rate = None
        self._data = None

    def append(self, data, frames):
        """``frames`` more frames; ``data`` is not copied unless there is something to keep."""
        if self._data is None or self.start == self.stop:
            self._data = data
        else:
            self._data = torch.cat([self._data, data], -1)
        if frames:
            self.rate = data.shape[-1] // frames
        self.stop += frames

    def read(self, start, stop):
        return self._data[..., (start - self.start) * self.rate : (stop - self.start) * self.rate]

    def drop(self, before):
        """Forgets the frames before ``before``."""
        if before > self.start and before > (self.start + self.stop) // 2:  # else copying costs more than it frees
            self._data = self.read(before, self.stop).clone()
            self.start = before


class Node:
    """Gives [a, b) of its outputs as ``function(a, b, *windows of the inputs)``, which may be wrong where the window is
    cut: within ``left`` frames of a and ``right`` of b, unless these are true ends.

    ``function`` returns a tensor for each output, [B, ..., (b - a) * rate].
    """

    def __init__(self, function, inputs, outputs, *, left=0, right=0):
        self.function, self.inputs, self.outputs = function, inputs, outputs
        self.left, self.right = left, right
        self.done = 0

    def advance(self, last):
        """Gives what can be given; ``last``: the inputs are complete."""
        known = min(track.stop for track in self.inputs)
        stop = known if last else known - self.right
        if stop <= self.done:
            return
        a, b = self.first_needed(), min(known, stop + self.right)
        windows = [track.read(a, b) for track in self.inputs]
        for track, window in zip(self.outputs, self.function(a, b, *windows)):
            rate = window.shape[-1] // (b - a)
            track.append(window[..., (self.done - a) * rate : (stop - a) * rate], stop - self.done)
        self.done = stop

    def first_needed(self):
        """The first frame of the inputs that it will read again."""
        return max(0, self.done - self.left)


class Sweep:
    """Nodes in an order in which each comes after those it reads; from ``mel`` to ``wave``, both of them tracks."""

    def __init__(self, nodes, mel, wave):
        self.nodes, self.mel, self.wave = nodes, mel, wave
        self._given = 0

    @property
    def delay(self):
        """Frames of the mel that must be known beyond the frame that is given."""
        ahead = {}  # track -> frames that it lags behind the mel
        for node in self.nodes:
            lag = node.right + max(ahead.get(track, 0) for track in node.inputs)
            ahead.update(dict.fromkeys(node.outputs, lag))
        return ahead.get(self.wave, 0)

    def push(self, mel, *, last=False):
        """More frames of the mel [B, C, n], n from 0, to what of the wave they decide, [B, T']."""
        self.mel.append(mel, mel.shape[-1])
        for node in self.nodes:
            node.advance(last)
            self._drop()
        if self.wave.stop == self._given:
            return mel.new_zeros(len(mel), 0)
        wave = self.wave.read(self._given, self.wave.stop)
        self._given = self.wave.stop
        return wave

    def _drop(self):
        needed = {track: track.stop for node in self.nodes for track in node.outputs}  # of what nobody reads, nothing
        for node in self.nodes:
            for track in node.inputs:
                needed[track] = min(needed.get(track, track.stop), node.first_needed())
        needed[self.wave] = self._given
        for track, frame in needed.items():
            track.drop(frame)
