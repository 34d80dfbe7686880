"""For a vocoder without an inference form: its training form, of the whole utterance at once."""

from vocoders.fast.ending import end
from vocoders.fast.sweep import Node, Sweep, Track
from vocoders.seeding import seeded

ALL = 10**9  # frames; more than any utterance has
SECONDS = 1e6  # of audio at once; likewise


class Whole:
    """Takes the place of a network."""

    batches = False


def open_sweep(vocoder, network, noise, *, lengths=None, denoise=None, **options):
    mel, wave = Track(), Track()

    def synthesize(a, b, mel):
        return [vocoder.synthesize(mel, generator=seeded(*noise.seeds), **options)]

    nodes = [Node(synthesize, [mel], [wave], right=ALL)]
    return Sweep(*end(vocoder, denoise, nodes, mel, wave, lengths))
