"""What is derived from a mel spectrogram with constants fitted on training data."""

import torch
from torch import nn

from vocoders.features.filter_bank import filter_bank


class BandNormalization(nn.Module):
    """Each band to zero mean and unit variance over the training data: [B, C, L] -> [B, C, L]."""

    def __init__(self, n_mels):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_mels, 1))
        self.register_buffer("deviation", torch.ones(n_mels, 1))

    def fit(self, batches):
        mel = torch.cat([batch.mel for batch in batches]).double()
        self.mean.copy_(mel.mean((0, 2))[:, None])
        self.deviation.copy_(mel.std((0, 2)).clamp(min=1e-3)[:, None])

    def forward(self, mel):
        return (mel - self.mean) / self.deviation


class FrameLevel(nn.Module):
    """The RMS amplitude of the speech in each frame, estimated from its mel: [B, C, L] -> [B, L].

    The mean square of a signal is the sum over bands of width times mean squared magnitude; the one factor between
    that and the samples, which window and filters decide, is fitted on training data.
    """

    def __init__(self, mel_spec, *, floor=0.003):
        super().__init__()
        self.mel_spec, self.floor = mel_spec, floor
        filters = filter_bank(mel_spec)  # [C, bins]
        area, peak = filters.sum(1), filters.amax(1).clamp(min=1e-12)
        weight = (area / peak) / area.clamp(min=1e-12) ** (2 if mel_spec.power == 1 else 1)
        self.register_buffer("weight", weight.where(area > 0, 0.0).float(), persistent=False)
        self.register_buffer("gain", torch.ones(()))

    def fit(self, batches):
        speech = sum(batch.wave.double().square().mean() for batch in batches)
        estimate = sum(self._band_energy(batch.mel).double().mean() for batch in batches)
        self.gain.copy_((speech / estimate).sqrt())

    def forward(self, mel):
        return (self.gain * self._band_energy(mel).sqrt()).clamp(min=self.floor)

    def _band_energy(self, mel):
        return torch.einsum("c,bcl->bl", self.weight, self.mel_spec.to_magnitude(mel).square())


def frames_to_samples(value, hop_size):
    """[B, L] at the frames' centres, i * hop_size, to [B, L * hop_size]: linear between, held after the last."""
    following = torch.cat([value[:, 1:], value[:, -1:]], 1)
    position = torch.arange(hop_size, device=value.device, dtype=value.dtype) / hop_size
    return (value[..., None] + (following - value)[..., None] * position).flatten(1)
