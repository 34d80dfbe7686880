"""What the network of a diffusion model predicts.

Each answer says what the network is given (``input``), which expected speech its output stands for (``speech``), how
wrong it is in training (``residual``, in units in which an output of zero is about 1), and what sampling begins with
(``start``).  a is the level, s = sqrt(1 - a^2), x = a speech + s noise.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vocoders.diffusion.schedule import diffuse, signal_and_noise


class NoisePrediction:
    """The network sees x and predicts the noise in it (Ho et al. 2020; WaveGrad and DiffWave as published)."""

    def start(self, noise, level):
        return noise

    def input(self, noisy, level):
        return noisy

    def residual(self, output, wave, noise, level):
        return output - noise

    def speech(self, output, noisy, level):
        a, s = signal_and_noise(level, noisy)
        return (noisy - s * output) / a


@dataclass(frozen=True)
class ScaledPrediction:
    """Energy-aware output scaling: speech = c_skip x + c_out F(c_in x), given the speech's standard deviation.

    With v = a^2 deviation^2 + s^2: c_skip = a deviation^2 / v, so that c_skip x is the Wiener filter; c_in = v^-1/2 and
    c_out = s deviation v^-1/2, so that F has unit variance in and out at every level and wherever the speech is loud or
    quiet (the preconditioning of Karras et al. 2022, section 5, with a sigma_data that the mel tells).

    ``deviation`` is one of each sample, [B, T].  Or it is one of each bin and frame, [B, bins, L + 1]: the coefficients
    are filters then, which ``multiply(coefficient, wave)`` applies, and products of them hold only nearly.
    ``emphasis`` [bins, 1] weights the bins in training, and ``margin`` samples at either end do not count.

    The noise of the diffusion stays white.  PriorGrad (Lee et al. 2022) and SpecGrad (Koizumi et al. 2022) shape it
    instead, by frame and by bin, from the same knowledge.
    """

    deviation: Tensor
    multiply: Callable = field(default=torch.mul, kw_only=True)
    emphasis: Tensor | float = field(default=1.0, kw_only=True)
    margin: int = field(default=0, kw_only=True)

    def start(self, noise, level):
        """Noise of the variance (and spectrum) that x has at ``level``, which a schedule need not bring to 1."""
        _, _, v = self._variances(level)
        return self.multiply(v.sqrt(), noise)

    def input(self, noisy, level):
        _, _, v = self._variances(level)
        return self.multiply(v.rsqrt(), noisy)

    def residual(self, output, wave, noise, level):
        _, s, v = self._variances(level)
        error = self.speech(output, diffuse(wave, noise, level), level) - wave
        scaled = self.multiply(self.emphasis * v.sqrt() / (s * self.deviation), error)
        return scaled[:, self.margin : wave.shape[1] - self.margin]

    def speech(self, output, noisy, level):
        a, s, v = self._variances(level)
        filtered = self.multiply(a * self.deviation**2 / v, noisy)
        return filtered + self.multiply(s * self.deviation / v.sqrt(), output)

    def _variances(self, level):
        shape = [-1] + [1] * (self.deviation.dim() - 1)
        a, s = (value.reshape(shape) for value in signal_and_noise(level, self.deviation))
        return a, s, (a * self.deviation) ** 2 + s**2
