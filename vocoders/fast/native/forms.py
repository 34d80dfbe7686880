"""The native networks as a sweep wants them: one row, windows of whole frames."""

from vocoders.fast.native.waveglow import NativeUpsampling, NativeWaveGlow
from vocoders.fast.native.wavegrad import MEL_REACH, NativeWaveGrad

EXACT_PART = 1 / 3


class WaveGradForm:
    """Has what ``fast/eager/wavegrad.py`` has.

    With bfloat16, the first EXACT_PART of the evaluations are in float32 all the same.  There the noise is strongest:
    an error of the network moves the speech most, and all later steps go on from it.  On a small trained model nearly
    all of the error of six steps came from the first two.
    """

    batches = False
    mel_reach = MEL_REACH

    def __init__(self, vocoder, library, precision):
        self.native = NativeWaveGrad(vocoder.network, library, precision)
        self.reach = max(self.native.reach)

    def open(self, conditions):
        return conditions.tolist()

    def condition(self, mel, lengths=None):
        return self.native.condition(mel)

    def evaluate(self, noisy, conditioner, levels, k, lengths=None, start=0):
        first = start * self.native.hop_size
        exact = k < EXACT_PART * len(levels)
        return self.native.evaluate(noisy[0], conditioner, levels[k], first, exact=exact)[None]


class WaveGlowForm:
    """Has what ``fast/eager/waveglow.py`` has."""

    batches = False

    def __init__(self, vocoder, library, precision):
        self.native = NativeWaveGlow(vocoder.network, library, precision)
        self.upsample = NativeUpsampling(vocoder.upsample, library, precision)
        self.mel_left = self.upsample.reach
        self.positions = vocoder.hop_size // self.native.groups  # of a frame
        self.flows = self.native.flows
        self.reach = -(-self.native.reach // self.positions)

    def condition(self, mel, lengths=None):
        return self.upsample.run(mel[0]).T[None]

    def run(self, k, signal, condition, lengths=None, start=0):
        return self.native.run(k, signal[0], condition[0].T, start * self.positions)[None]
