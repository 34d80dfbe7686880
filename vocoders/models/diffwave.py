"""DiffWave (Kong et al. 2021, arXiv:2009.09761): a WaveNet without causality that denoises speech given its mel.

The default is the published BASE network; ``channels=128`` with a schedule of 200 steps up to 0.02 is LARGE.  The
remaining options exist because the two best known sets of trained weights differ in them.
"""

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm as normalize_weight

from vocoders.diffusion.schedule import LinearSchedule
from vocoders.diffusion.vocoder import DiffusionVocoder, Distance, Levels, Prediction
from vocoders.errors import InputError
from vocoders.models import MODELS
from vocoders.nn.conditioning import add_held
from vocoders.nn.grouping import group, ungroup


@MODELS.register
class DiffWave(DiffusionVocoder):
    """DiffWave with a mel conditioner.

    Args:
        mel_spec: the features.
        channels: residual channels C; 64 is BASE, 128 LARGE.
        layers: residual layers.
        dilation_cycle: dilations run 1, 2, 4 ... 2 ** (dilation_cycle - 1) and start again.
        schedule: the noise schedule of training.
        prediction: noise, as published, or scaled by what the mel tells of the speech (diffusion/prediction.py):
            energy_scaled by the level of each frame, spectrum_scaled by that of each frequency in each frame.
        distance: l2 as in the paper, or l1.
        levels: levels drawn in training: steps of the schedule, or uniform in log signal-to-noise ratio.
        normalize_mel: bring each mel band to zero mean and unit variance first.
        upsample_factors: factors of the transposed convolutions; null derives them from hop_size.
        fold: samples that share a position of the network, as channels of its input and output; 1 as published.
        condition_every: project the conditioner once for so many samples and hold it; null is ``fold``, as published.
        upsampler: one shared by all layers, or one per_layer (authors' code).
        gate: which half of the channels is the sigmoid: sigmoid_tanh, or tanh_sigmoid (authors' code).
        step_frequencies: of the step embedding: ascending 1 ... 1e4, or descending 1 ... 1e-4 (authors' code).
        residual_includes_step: add the step embedding to the residual path too (authors' code).
        weight_norm: weight normalisation on every convolution but the last (authors' code).
    """

    def __init__(
        self,
        mel_spec,
        *,
        channels: int = 64,
        layers: int = 30,
        dilation_cycle: int = 10,
        schedule: LinearSchedule = LinearSchedule(steps=50, first=1e-4, last=0.05),
        prediction: Prediction = "noise",
        distance: Distance = "l2",
        levels: Levels = "steps",
        normalize_mel: bool = False,
        upsample_factors: tuple[int, ...] | None = None,
        fold: int = 1,
        condition_every: int | None = None,
        upsampler: Literal["shared", "per_layer"] = "shared",
        gate: Literal["sigmoid_tanh", "tanh_sigmoid"] = "sigmoid_tanh",
        step_frequencies: Literal["ascending", "descending"] = "ascending",
        residual_includes_step: bool = False,
        weight_norm: bool = False,
    ):
        super().__init__(
            mel_spec,
            schedule=schedule,
            prediction=prediction,
            distance=distance,
            levels=levels,
            normalize_mel=normalize_mel,
        )
        condition_every = fold if condition_every is None else condition_every
        _check_folding(mel_spec.hop_size, fold, condition_every)
        factors = _upsample_factors(mel_spec.hop_size // condition_every, upsample_factors)
        self.network = DiffWaveNetwork(
            n_mels=mel_spec.n_mels,
            channels=channels,
            dilations=[2 ** (n % dilation_cycle) for n in range(layers)],
            upsamplers=layers if upsampler == "per_layer" else 1,
            upsample_factors=factors,
            fold=fold,
            condition_every=condition_every,
            sigmoid_first=gate == "sigmoid_tanh",
            step_frequencies=step_frequencies,
            residual_includes_step=residual_includes_step,
        )
        if weight_norm:
            self.network.apply_weight_norm()
        changes = [f"folded by {fold}"] * (fold > 1) + [prediction.replace("_", "-")] * (prediction != "noise")
        self._label = ", ".join([f"DiffWave {channels}x{layers}", *changes])

    def describe(self):
        return self._label

    def condition(self, level):
        return self.schedule.step_at(level) - 1  # the paper's step 1 is index 0


class DiffWaveNetwork(nn.Module):
    """noisy [B, T], conditioner, step [B] -> [B, T].

    With ``fold`` samples to a position the layers run at T / fold; a position of the conditioner serves one or more.
    """

    def __init__(
        self,
        *,
        n_mels,
        channels,
        dilations,
        upsamplers,
        upsample_factors,
        fold,
        condition_every,
        sigmoid_first,
        step_frequencies,
        residual_includes_step,
    ):
        super().__init__()
        self.fold = fold
        self.condition_every = condition_every
        self.input_projection = _conv(fold, channels, 1)
        self.step_embedding = StepEmbedding(512, step_frequencies)
        self.upsamplers = nn.ModuleList(MelUpsampler(upsample_factors) for _ in range(upsamplers))
        self.layers = nn.ModuleList(
            ResidualLayer(n_mels, channels, d, sigmoid_first, residual_includes_step) for d in dilations
        )
        self.skip_projection = _conv(channels, channels, 1)
        self.output_projection = nn.Conv1d(channels, fold, 1)
        nn.init.zeros_(self.output_projection.weight)

    def prepare(self, mel):
        """What does not depend on the step: the upsampled mels, one per upsampler, [B, n_mels, T / condition_every]."""
        return [upsampler(mel) for upsampler in self.upsamplers]

    def forward(self, noisy, mels, step):
        x = group(noisy, self.fold)  # [B, fold, T / fold]
        x = functional.relu(self.input_projection(x))  # [B, C, T / fold]
        embedding = self.step_embedding(step)  # [B, 512]
        total = 0
        for n, layer in enumerate(self.layers):
            x, skip = layer(x, mels[n % len(mels)], embedding)
            total = total + skip
        x = functional.relu(self.skip_projection(total / math.sqrt(len(self.layers))))
        return ungroup(self.output_projection(x))

    def apply_weight_norm(self):
        for module in self.modules():
            if isinstance(module, (nn.Conv1d, nn.ConvTranspose2d)) and module is not self.output_projection:
                normalize_weight(module)


class StepEmbedding(nn.Module):
    """step [B], a real number from 0, to [B, width], by the sinusoids of the paper's equation 5 and two layers."""

    def __init__(self, width, frequencies, half=64):
        super().__init__()
        exponent = 4 * torch.arange(half, dtype=torch.float64) / (half - 1)
        frequency = 10 ** (exponent if frequencies == "ascending" else -exponent)
        self.register_buffer("frequency", frequency, persistent=False)
        self.projection1 = nn.Linear(2 * half, width)
        self.projection2 = nn.Linear(width, width)

    def forward(self, step):
        angle = step.double()[:, None] * self.frequency.double()  # in float64: the highest is 5e5 rad
        x = torch.cat([angle.sin(), angle.cos()], 1).to(self.projection1.weight)
        return functional.silu(self.projection2(functional.silu(self.projection1(x))))


class MelUpsampler(nn.Module):
    """[B, C, L] -> [B, C, L * prod(factors)] by transposed convolutions over time and neighbouring bands.

    They start as linear interpolation of each band; from random kernels the mel arrives scrambled for many steps.
    """

    def __init__(self, factors):
        super().__init__()
        self.stages = nn.ModuleList(
            nn.ConvTranspose2d(1, 1, (3, 2 * f), stride=(1, f), padding=(1, (f + 1) // 2), output_padding=(0, f % 2))
            for f in factors
        )

        for stage, f in zip(self.stages, factors):
            _interpolate_linearly(stage, f)

    def forward(self, mel):
        x = mel[:, None]
        for stage in self.stages:
            x = functional.leaky_relu(stage(x), 0.4)
        return x[:, 0]


@torch.no_grad()
def _interpolate_linearly(stage, factor):
    distance = (torch.arange(2 * factor) + 0.5 - factor).abs()
    stage.weight.zero_()[0, 0, 1] = 1 - distance / factor
    stage.bias.zero_()


class ResidualLayer(nn.Module):
    """Gated dilated convolution: x [B, C, T] -> x and skip, both [B, C, T]."""

    def __init__(self, n_mels, channels, dilation, sigmoid_first, residual_includes_step):
        super().__init__()
        self.sigmoid_first = sigmoid_first
        self.residual_includes_step = residual_includes_step
        self.dilated_conv = _conv(channels, 2 * channels, 3, padding=dilation, dilation=dilation)
        self.step_projection = nn.Linear(512, channels)
        self.mel_projection = _conv(n_mels, 2 * channels, 1)
        self.output_projection = _conv(channels, 2 * channels, 1)

    def forward(self, x, mel, embedding):
        shifted = x + self.step_projection(embedding)[..., None]
        y = self.dilated_conv(shifted)  # [B, 2C, T]
        y = add_held(y, self.mel_projection(mel))
        first, second = y.chunk(2, 1)
        sigmoid, tanh = (first, second) if self.sigmoid_first else (second, first)
        y = self.output_projection(torch.sigmoid(sigmoid) * torch.tanh(tanh))
        residual, skip = y.chunk(2, 1)
        return ((shifted if self.residual_includes_step else x) + residual) / math.sqrt(2), skip


def _conv(channels_in, channels_out, kernel, **options):
    conv = nn.Conv1d(channels_in, channels_out, kernel, **options)
    nn.init.kaiming_normal_(conv.weight)  # before any weight norm, which would undo it
    return conv


def _check_folding(hop_size, fold, condition_every):
    if fold < 1 or condition_every < 1 or condition_every % fold or hop_size % condition_every:
        raise InputError(
            f"diffwave: fold {fold} must divide condition_every {condition_every}, "
            f"and that must divide the features' hop_size {hop_size}"
        )


def _upsample_factors(conditions, factors):
    """Factors of the transposed convolutions that make ``conditions`` of each frame; none where that is 1."""
    if factors is None:
        first = max(f for f in range(1, math.isqrt(conditions) + 1) if conditions % f == 0)
        factors = (conditions,) if conditions <= 16 else (conditions // first, first)
    if math.prod(factors) != conditions or any(factor < 1 for factor in factors):
        raise InputError(
            f"diffwave: upsample_factors must be positive and multiply to {conditions}, the features' hop_size over "
            f"condition_every, found {tuple(factors)}; null derives them"
        )
    return tuple(factor for factor in factors if factor > 1)
