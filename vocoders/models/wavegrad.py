"""WaveGrad (Chen et al. 2021, arXiv:2009.00713): a U-shaped network that denoises speech while it upsamples the mel.

The default has 15,810,401 parameters for 80 bands and a hop of 300 samples, as the best known open implementation.
"""

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from vocoders.diffusion.schedule import LinearSchedule
from vocoders.diffusion.vocoder import DiffusionVocoder, Distance, Levels, Prediction
from vocoders.errors import InputError
from vocoders.models import MODELS

SLOPE = 0.2
STAGES = 5


@MODELS.register
class WaveGrad(DiffusionVocoder):
    """WaveGrad, which is told the noise level itself.

    Args:
        mel_spec: the features.
        channels: of the last two stages; the others have 2, 4 and 4 times as many, the mel enters with 6 times.
        factors: of the five stages from mel to speech; null derives them from hop_size.
        dilations: of the four convolutions of each stage.
        extra_blocks: blocks without resampling that follow each stage, up and down; 1 is the paper's Large.
        interpolation: linear, or nearest as in the paper.
        encoding_scale: factor of the noise level in the sinusoids; 5000 in the paper, 1 in lmnt-com's code.
        film_init: of the convolutions that make scale and shift: orthogonal, or xavier with zero biases (lmnt-com).
        schedule: the noise schedule of training.
        prediction: noise, as published, or scaled by what the mel tells of the speech (diffusion/prediction.py):
            energy_scaled by the level of each frame, spectrum_scaled by that of each frequency in each frame.
        distance: l1 as in the paper, or l2.
        levels: levels drawn in training: continuous as in the paper, only the steps of the schedule, or uniform in log
            signal-to-noise ratio.
        normalize_mel: bring each mel band to zero mean and unit variance first.
    """

    def __init__(
        self,
        mel_spec,
        *,
        channels: int = 128,
        factors: tuple[int, ...] | None = None,
        dilations: tuple[tuple[int, int, int, int], ...] = ((1, 2, 1, 2),) * 2 + ((1, 2, 4, 8),) * 3,
        extra_blocks: int = 0,
        interpolation: Literal["linear", "nearest"] = "linear",
        encoding_scale: float = 5000.0,
        film_init: Literal["orthogonal", "xavier"] = "orthogonal",
        schedule: LinearSchedule = LinearSchedule(steps=1000, first=1e-6, last=0.01),
        prediction: Prediction = "noise",
        distance: Distance = "l1",
        levels: Levels = "continuous",
        normalize_mel: bool = False,
    ):
        super().__init__(
            mel_spec,
            schedule=schedule,
            prediction=prediction,
            distance=distance,
            levels=levels,
            normalize_mel=normalize_mel,
        )
        if channels % 8:
            raise InputError(f"wavegrad: channels must be a multiple of 8, found {channels}")
        if len(dilations) != STAGES:
            raise InputError(f"wavegrad: dilations must be given for {STAGES} stages, found {len(dilations)}")
        self.network = WaveGradNetwork(
            n_mels=mel_spec.n_mels,
            channels=channels,
            factors=stage_factors(mel_spec.hop_size, factors),
            dilations=dilations,
            extra_blocks=extra_blocks,
            interpolation=interpolation,
            encoding_scale=encoding_scale,
            film_init=film_init,
        )
        if prediction != "noise":
            nn.init.zeros_(self.network.output.weight)  # then training begins as the filter that the scaling is
            nn.init.zeros_(self.network.output.bias)
        size = {0: "", 1: ", large"}.get(extra_blocks, f", {extra_blocks} extra blocks")
        scaling = "" if prediction == "noise" else f", {prediction.replace('_', '-')}"
        self._label = f"WaveGrad {channels}{size}{scaling}"

    def describe(self):
        return self._label

    def condition(self, level):
        return level


def stage_factors(hop_size, factors=None):
    """Five factors of ``hop_size``, falling; raises InputError if ``factors`` are not.

    >>> stage_factors(300)
    (5, 5, 3, 2, 2)
    """
    if factors is None:
        found = _prime_factors(hop_size)
        while len(found) > STAGES:
            found = sorted([found[0] * found[1], *found[2:]])
        return tuple(reversed([1] * (STAGES - len(found)) + found))
    if len(factors) != STAGES or math.prod(factors) != hop_size:
        raise InputError(
            f"wavegrad: factors must be {STAGES} numbers whose product is the features' hop_size {hop_size}, "
            f"found {list(factors)}; null derives them"
        )
    return tuple(factors)


def _prime_factors(number):
    for factor in range(2, math.isqrt(number) + 1):
        if number % factor == 0:
            return [factor, *_prime_factors(number // factor)]
    return [number] if number > 1 else []


class WaveGradNetwork(nn.Module):
    """noisy [B, T], conditioner [B, 6 C, L], level [B] -> [B, T].

    The noisy speech goes down to every rate of the mel's way up and tells each stage there scale and shift.
    """

    def __init__(self, *, n_mels, channels, factors, dilations, extra_blocks, interpolation, encoding_scale, film_init):
        super().__init__()
        up = [6 * channels, 4 * channels, 4 * channels, 2 * channels, channels, channels]
        down = [channels // 4, channels, channels, 2 * channels, 4 * channels]
        resample = Resample(interpolation)
        self.mel_input = _conv(n_mels, up[0])
        self.up = nn.ModuleList(
            UpBlock(*io, factor, dilation, resample, extra_blocks)
            for io, factor, dilation in zip(pairwise(up), factors, dilations)
        )
        self.output = _conv(channels, 1)
        self.noisy_input = _conv(1, down[0], kernel=5)
        self.down = nn.ModuleList(
            DownBlock(*io, factor, resample, extra_blocks) for io, factor in zip(pairwise(down), reversed(factors[1:]))
        )
        self.films = nn.ModuleList(Film(i, o, encoding_scale, film_init) for i, o in zip(down, reversed(up[1:])))

    def prepare(self, mel):
        """What does not depend on the noise: the mel's projection, [B, 6 C, L]."""
        return self.mel_input(mel)

    def forward(self, noisy, conditioner, level):
        x = self.noisy_input(noisy[:, None])
        modulations = [self.films[0](x, level)]
        for block, film in zip(self.down, self.films[1:]):
            x = block(x)
            modulations.append(film(x, level))
        x = conditioner
        for block in self.up:
            x = block(x, *modulations.pop())
        return self.output(x)[:, 0]


class UpBlock(nn.Module):
    """x [B, C, T], scale and shift [B, C', T * factor] -> [B, C', T * factor]; all modulations share the pair."""

    def __init__(self, channels_in, channels, factor, dilations, resample, extra_blocks):
        super().__init__()
        self.factor, self.resample = factor, resample
        self.residual = _conv(channels_in, channels, kernel=1)
        self.first = _conv(channels_in, channels, dilation=dilations[0])
        self.second = _conv(channels, channels, dilation=dilations[1])
        self.blocks = nn.ModuleList(
            nn.ModuleList(_conv(channels, channels, dilation=d) for d in dilations[2:]) for _ in range(1 + extra_blocks)
        )

    def forward(self, x, scale, shift):
        # the projection before the interpolation: the same numbers, for a fraction of the work
        residual = self.resample.up(self.residual(x), self.factor)
        x = self.first(self.resample.up(_activate(x), self.factor))
        x = self.second(_activate(scale * x + shift)) + residual
        for first, second in self.blocks:
            y = first(_activate(scale * x + shift))
            x = x + second(_activate(scale * y + shift))
        return x


class DownBlock(nn.Module):
    """[B, C, T] -> [B, C', T / factor]."""

    def __init__(self, channels_in, channels, factor, resample, extra_blocks):
        super().__init__()
        self.factor, self.resample = factor, resample
        self.residual = _conv(channels_in, channels, kernel=1)
        self.blocks = nn.ModuleList(
            nn.ModuleList(_conv(c, channels, dilation=d) for c, d in ((first, 1), (channels, 2), (channels, 4)))
            for first in [channels_in] + [channels] * extra_blocks
        )

    def forward(self, x):
        x = self.resample.down(x, self.factor)  # commutes with the projection, which is cheaper here
        residual = self.residual(x)
        for convs in self.blocks:
            for conv in convs:
                x = conv(_activate(x))
            x = residual = x + residual
        return x


class Film(nn.Module):
    """Scale and shift for a stage from the noisy speech at its rate and the level: x [B, C, T] -> two [B, C', T]."""

    def __init__(self, channels, channels_out, encoding_scale, init):
        super().__init__()
        self.encoding_scale = encoding_scale
        frequency = 10 ** (-4 * torch.arange(channels // 2, dtype=torch.float64) / (channels // 2))
        self.register_buffer("frequency", frequency, persistent=False)
        self.input = _conv(channels, channels)
        self.output = _conv(channels, 2 * channels_out)
        for half in self.output.weight.data.chunk(2):  # they are two convolutions
            nn.init.orthogonal_(half)
        if init == "xavier":
            for conv in (self.input, self.output):
                nn.init.xavier_uniform_(conv.weight)
                nn.init.zeros_(conv.bias)

    def forward(self, x, level):
        angle = self.encoding_scale * level.double()[:, None] * self.frequency.double()
        encoding = torch.cat([angle.sin(), angle.cos()], 1).to(x)
        x = functional.leaky_relu(self.input(x), SLOPE) + encoding[..., None]
        return self.output(x).chunk(2, 1)


class Resample(nn.Module):
    """Interpolation over time, which keeps the middle of the samples where it was."""

    def __init__(self, mode):
        super().__init__()
        self.mode = mode

    def up(self, x, factor):
        return functional.interpolate(x, size=x.shape[-1] * factor, mode=self.mode)

    def down(self, x, factor):
        return functional.interpolate(x, size=x.shape[-1] // factor, mode=self.mode)


def _activate(x):
    return functional.leaky_relu(x, SLOPE)


def _conv(channels_in, channels, *, kernel=3, dilation=1):
    conv = nn.Conv1d(channels_in, channels, kernel, padding=dilation * (kernel // 2), dilation=dilation)
    nn.init.orthogonal_(conv.weight)
    return conv
