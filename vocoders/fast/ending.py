"""What comes after a network: the denoiser, and the whitening undone."""

from functools import partial

from vocoders.fast.rows import by_row, within
from vocoders.fast.sweep import Node, Track


def end(vocoder, denoise, nodes, mel, wave, lengths):
    """(nodes, mel, the track of the finished wave): ``denoise`` is None or (a ``Denoiser``, its strength).

    The denoiser works on the white signal where there is one.
    """
    if denoise:
        denoiser, strength = denoise
        reach, denoised = denoiser.reach(vocoder.hop_size), Track()

        def subtract(a, b, wave):
            rows = within(lengths, a, b)
            subtract = partial(denoiser.subtract, strength=strength)
            return [subtract(wave) if rows is None else by_row(subtract, b - a, rows, wave)]

        nodes.append(Node(subtract, [wave], [denoised], left=reach, right=reach))
        wave = denoised
    if vocoder.whiten is not None:
        coloured = Track()
        nodes.append(Unwhitening(vocoder.whiten, wave, mel, coloured))
        wave = coloured
    return nodes, mel, wave


class Unwhitening(Node):
    """The wave of a white signal, gone on with from the samples that were given last."""

    def __init__(self, whiten, white, mel, wave):
        super().__init__(whiten.continued(), [white, mel], [wave], left=1, right=1)

    def advance(self, last):
        known = min(track.stop for track in self.inputs)
        stop = known if last else known - self.right
        if stop <= self.done:
            return
        white, mel = self.inputs
        first = self.first_needed()
        part = white.read(self.done, stop), mel.read(first, min(known, stop + self.right))
        self.outputs[0].append(self.function(*part, self.done - first), stop - self.done)
        self.done = stop
