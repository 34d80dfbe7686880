"""What the network of a diffusion model predicts.

Two answers, each a pair of mirrored methods: ``target``, what the network's output is compared with in training, and
``speech``, the expected speech that an output stands for; ``start`` is the signal that sampling begins with.
a is the level, s = sqrt(1 - a^2), x = a speech + s noise.
"""

from dataclasses import dataclass

from torch import Tensor

from vocoders.diffusion.schedule import signal_and_noise


class NoisePrediction:
    """The network sees x and predicts the noise in it (Ho et al. 2020; WaveGrad and DiffWave as published)."""

    def start(self, noise, level):
        return noise

    def input(self, noisy, level):
        return noisy

    def target(self, wave, noise, level):
        return noise

    def speech(self, output, noisy, level):
        a, s = signal_and_noise(level, noisy)
        return (noisy - s * output) / a


@dataclass(frozen=True)
class ScaledPrediction:
    """Energy-aware output scaling: speech = c_skip x + c_out F(c_in x), with coefficients per sample.

    ``deviation`` [B, T] is the level of the speech there, known from the mel's energy.  With v = a^2 deviation^2 + s^2,
    c_skip x is the Wiener filter for a signal of that level, and F has unit variance in and out at every level and in
    every frame (the preconditioning of Karras et al. 2022, section 5, with sigma_data varying over time).
    """

    deviation: Tensor

    def start(self, noise, level):
        """White noise of the variance that x has at ``level``, which a schedule need not bring to 1."""
        _, _, v = self._variances(level, noise)
        return v.sqrt() * noise

    def input(self, noisy, level):
        _, _, v = self._variances(level, noisy)
        return noisy / v.sqrt()

    def target(self, wave, noise, level):
        a, s, v = self._variances(level, wave)
        return (s * wave / self.deviation - a * self.deviation * noise) / v.sqrt()

    def speech(self, output, noisy, level):
        a, s, v = self._variances(level, noisy)
        return a * self.deviation**2 / v * noisy + s * self.deviation / v.sqrt() * output

    def _variances(self, level, like):
        a, s = signal_and_noise(level, like)
        return a, s, (a * self.deviation) ** 2 + s**2
