"""WaveGlow (Prenger et al. 2019, arXiv:1811.00002): speech as an invertible function of white noise and the mel.

The default has 87,879,272 parameters for 80 bands and a hop of 256 samples, as the authors' code; 268,294,760 with
``channels=512``.
"""

import math
from typing import Literal

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from vocoders.errors import InputError
from vocoders.features.fitted import BandNormalization, NoNormalization
from vocoders.features.whitening import WHITENINGS
from vocoders.interface import Vocoder
from vocoders.models import MODELS
from vocoders.nn.conditioning import add_held
from vocoders.nn.flow import AffineCoupling, InvertibleConv
from vocoders.nn.grouping import group, ungroup
from vocoders.seeding import Noise, uniform_like

QUANTUM = 1 / 32768  # a step of 16-bit PCM
UPSAMPLING_OVERLAP = 4  # hops that a frame of the mel reaches over


@MODELS.register
class WaveGlow(Vocoder):
    """WaveGlow with a mel conditioner, trained by its exact likelihood.

    Args:
        mel_spec: the features.
        groups: neighbouring samples that are the channels of one position; divides hop_size.
        flows: steps of flow; each an invertible 1x1 convolution and an affine coupling.
        early_every: flows between early outputs; null for none.
        early_size: channels that leave as noise at each of them.
        channels: residual channels of a coupling's network; 256, or 512 in the larger published one.
        layers: of a coupling's network; dilations are 1, 2, 4 ...
        condition_every: project the upsampled mel once for so many samples and hold it; 1 as published, where all the
            samples of a position have their own.
        sigma: standard deviation of the noise that training maps speech to.
        dequantize: add noise within a step of 16-bit PCM to speech in the loss, without which the likelihood of digital
            silence has no bound, and training looks for its end.
        ignore_below: excerpts of a lower level are left out of training, in dB relative to full scale; null: none.
        whitening: none, as published, or a first step of flow without parameters that divides speech by what the mel
            tells of it (features/whitening.py): energy by the level of each frame, spectrum by its spectrum too.
        normalize_mel: bring each mel band to zero mean and unit variance first.
    """

    def __init__(
        self,
        mel_spec,
        *,
        groups: int = 8,
        flows: int = 12,
        early_every: int | None = 4,
        early_size: int = 2,
        channels: int = 256,
        layers: int = 8,
        condition_every: int = 1,
        sigma: float = 1.0,
        dequantize: bool = False,
        ignore_below: float | None = None,
        whitening: Literal["none", "energy", "spectrum"] = "none",
        normalize_mel: bool = False,
    ):
        super().__init__(mel_spec)
        if not sigma > 0:
            raise InputError(f"waveglow: sigma must be positive, found {sigma}")
        _check_positive(
            groups=groups,
            flows=flows,
            early_every=early_every,
            early_size=early_size,
            channels=channels,
            layers=layers,
            condition_every=condition_every,
        )
        self.sigma, self.dequantize, self.ignore_below = sigma, dequantize, ignore_below
        self.whiten = WHITENINGS[whitening](mel_spec)
        self.normalize = BandNormalization(mel_spec.n_mels) if normalize_mel else NoNormalization()
        early = (flows, early_every, early_size)
        _check_rates(mel_spec.hop_size, groups, condition_every, early)
        self.upsample = MelUpsampling(mel_spec.n_mels, mel_spec.hop_size, groups, condition_every)
        self.network = WaveGlowNetwork(
            widths=flow_widths(groups, *early),
            condition_channels=self.upsample.channels,
            channels=channels,
            layers=layers,
        )
        changes = [f"groups of {groups}"] * (groups != 8) + [f"{whitening}-whitened"] * (whitening != "none")
        self._label = ", ".join([f"WaveGlow {channels}x{flows}x{layers}", *changes])

    @property
    def min_frames(self):
        return self.whiten.min_frames

    def describe(self):
        return self._label

    def initialize(self, batches):
        for part in (self.normalize, self.whiten):
            part.fit(batches)

    def loss(self, batch, *, generator=None):
        """Negative log-likelihood in nats per sample.

        The authors' code leaves out the constant log(sigma sqrt(2 pi)), .919 for sigma 1.
        """
        wave, mel = batch
        if self.dequantize:
            wave = wave + QUANTUM * (uniform_like(wave, generator=generator) - 0.5)
        if self.ignore_below is None or not self.training:
            return {"loss": -self.log_likelihood(wave, mel).mean() / wave.shape[1]}
        loud = self._is_loud(batch.wave)
        ignored = 1 - loud.float().mean()
        if not loud.any():
            return {"loss": 0 * sum(parameter.sum() for parameter in self.parameters()), "ignored": ignored}
        return {"loss": -self.log_likelihood(wave[loud], mel[loud]).mean() / wave.shape[1], "ignored": ignored}

    def log_likelihood(self, wave, mel):
        """log p(wave | mel) in nats: [B, T], [B, C, L] -> [B]."""
        noise, log_det = self.to_noise(wave, mel)
        constant = math.log(self.sigma) + 0.5 * math.log(2 * math.pi)
        return log_det - ((noise / self.sigma).square() / 2 + constant).sum(1)

    def to_noise(self, wave, mel):
        """[B, T], [B, C, L] -> the noise that it is made of [B, T], and log |det dnoise/dwave| [B]."""
        white, white_log_det = self.whiten(wave, mel)
        noise, log_det = self.network(white, self._condition(mel))
        return noise, white_log_det + log_det

    def to_speech(self, noise, mel):
        """The inverse of ``to_noise``: [B, T], [B, C, L] -> [B, T]."""
        return self.whiten.inverse(self.network.inverse(noise, self._condition(mel)), mel)

    @torch.no_grad()
    def synthesize(self, mel, *, sigma: float = 0.6, generator: torch.Generator | None = None):
        """Speech for a mel: [B, C, L] -> [B, L * hop_size], float32.

        Args:
            mel: what the model was trained on, in the units of ``mel_spec``.
            sigma: standard deviation of the noise that becomes speech, early outputs' too; less than in training
                gives less noise, and duller speech.
            generator: source of the noise.
        """
        check_sigma(sigma)
        noise = Noise.drawn(generator, len(mel))(0, 0, mel.shape[-1] * self.hop_size)
        return self.to_speech(sigma * noise.to(mel), mel).float()

    def without_noise(self, options):
        return {**options, "sigma": 0.0}

    def neutral_mel(self, frames):
        return self.normalize.inverse(super().neutral_mel(frames))

    def _condition(self, mel):
        return self.upsample(self.normalize(mel))

    def _is_loud(self, wave):
        return 10 * wave.square().mean(1).clamp(min=1e-20).log10() >= self.ignore_below


def check_sigma(sigma):
    if not 0 <= sigma < math.inf:
        raise InputError(f"sigma must be a number from 0 on, found {sigma}")


def _check_positive(**numbers):
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise InputError(f"waveglow: {name} must be at least 1, found {number}")


def _check_rates(hop_size, groups, condition_every, early):
    if hop_size % groups:
        fitting = [n for n in range(2, hop_size + 1, 2) if hop_size % n == 0 and _has_widths(n, *early)]
        raise InputError(
            f"waveglow: groups must divide the features' hop_size {hop_size}, found {groups}; with these early outputs "
            f"it can be {_listed(fitting)}"
        )
    if hop_size % condition_every or (groups % condition_every and condition_every % groups):
        fitting = [n for n in range(1, hop_size + 1) if hop_size % n == 0 and (groups % n == 0 or n % groups == 0)]
        raise InputError(
            f"waveglow: condition_every must divide the features' hop_size {hop_size}, and divide groups or be a "
            f"multiple of it, found condition_every {condition_every}, groups {groups}; it can be {_listed(fitting)}"
        )


def _listed(numbers):
    return ", ".join(map(str, numbers)) or "no number; use mels of another hop_size"


def _has_widths(*numbers):
    try:
        return bool(flow_widths(*numbers))
    except InputError:
        return False


def flow_widths(groups, flows, early_every, early_size):
    """For each flow (channels that leave before it, channels that it has).

    Raises InputError unless all of them can be halved for the coupling.

    >>> flow_widths(8, 3, 2, 2)
    [(0, 8), (0, 8), (2, 6)]
    """
    widths, width = [], groups
    for flow in range(flows):
        leaving = early_size if early_every and flow and flow % early_every == 0 else 0
        width -= leaving
        if width < 2 or width % 2:
            raise InputError(
                f"waveglow: every flow needs an even number of channels, at least 2; with groups {groups} and early "
                f"outputs of {early_size} every {early_every} flows, flow {flow} of {flows} has {width}"
            )
        widths.append((leaving, width))
    return widths


class WaveGlowNetwork(nn.Module):
    """speech [B, T], condition <-> noise [B, T], and the logarithm of the determinant [B].

    Early outputs keep their place in time: noise sample t and speech sample t belong to the same position.
    """

    def __init__(self, *, widths, condition_channels, channels, layers):
        super().__init__()
        self.leaving = [leaving for leaving, _width in widths]
        self.groups = widths[0][1]
        self.mixings = nn.ModuleList(InvertibleConv(width) for _leaving, width in widths)
        self.couplings = nn.ModuleList(
            AffineCoupling(CouplingNetwork(width // 2, condition_channels, channels, layers))
            for _leaving, width in widths
        )

    def forward(self, speech, condition):
        x, early, log_det = group(speech, self.groups), [], 0.0
        for leaving, mixing, coupling in zip(self.leaving, self.mixings, self.couplings):
            early.append(x[:, :leaving])
            x, mixing_log_det = mixing(x[:, leaving:])
            x, coupling_log_det = coupling(x, condition)
            log_det = log_det + mixing_log_det + coupling_log_det
        return ungroup(torch.cat([*early, x], 1)), log_det

    def inverse(self, noise, condition):
        *early, x = group(noise, self.groups).split([*self.leaving, self.mixings[-1].weight.shape[0]], 1)
        for leaving, mixing, coupling in zip(reversed(early), reversed(self.mixings), reversed(self.couplings)):
            x = coupling.inverse(x, condition)
            x = torch.cat([leaving, mixing.inverse(x)], 1)
        return ungroup(x)


class CouplingNetwork(nn.Module):
    """x [B, c, N], condition [B, C', N / hold] -> [B, 2 c, N]; a WaveNet without causality, "WN" in the paper.

    It begins by changing nothing: the last convolution is zero.
    """

    def __init__(self, channels_in, condition_channels, channels, layers):
        super().__init__()
        self.input = weight_norm(nn.Conv1d(channels_in, channels, 1))
        self.layers = nn.ModuleList(
            GatedLayer(channels, condition_channels, dilation=2**n, last=n == layers - 1) for n in range(layers)
        )
        self.output = nn.Conv1d(channels, 2 * channels_in, 1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x, condition):
        x = self.input(x)
        skips = 0.0
        for layer in self.layers:
            x, skip = layer(x, condition)
            skips = skips + skip.to(self.output.weight)
        with torch.autocast(x.device.type, enabled=False):  # what becomes shift and scale is not rounded again
            return self.output(skips)


class GatedLayer(nn.Module):
    """x [B, C, N] -> (x for the next layer, share of the output [B, C, N])."""

    def __init__(self, channels, condition_channels, *, dilation, last):
        super().__init__()
        self.last = last
        self.conv = weight_norm(nn.Conv1d(channels, 2 * channels, 3, padding=dilation, dilation=dilation))
        self.condition = weight_norm(nn.Conv1d(condition_channels, 2 * channels, 1))
        self.output = weight_norm(nn.Conv1d(channels, channels if last else 2 * channels, 1))

    def forward(self, x, condition):
        filtered, gate = add_held(self.conv(x), self.condition(condition)).chunk(2, 1)
        y = self.output(filtered.tanh() * gate.sigmoid())
        if self.last:
            return x, y
        residual, skip = y.chunk(2, 1)
        return x + residual, skip


class MelUpsampling(nn.Module):
    """mel [B, C, L] -> [B, channels, positions]: one for ``every`` samples, or for ``groups`` if that is more."""

    def __init__(self, n_mels, hop_size, groups, every):
        super().__init__()
        self.phases = max(groups // every, 1)
        self.channels = n_mels * self.phases
        stride = hop_size // every
        self.conv = nn.ConvTranspose1d(n_mels, n_mels, UPSAMPLING_OVERLAP * stride, stride)

    def forward(self, mel):
        up = self.conv(mel)[..., : mel.shape[-1] * self.conv.stride[0]]
        return up.unflatten(-1, (-1, self.phases)).transpose(2, 3).flatten(1, 2)
