"""What is derived from a mel spectrogram with constants fitted on training data."""

import torch
from torch import nn

from vocoders.errors import InputError
from vocoders.features.filter_bank import band_edges, filter_bank
from vocoders.features.time_varying_filter import TimeVaryingFilter


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


class SpectralLevel(nn.Module):
    """The deviation of the speech in each bin of its transform, estimated from its mel: [B, C, L] -> [B, bins, L + 1].

    In units of white noise: a bin of noise with variance d^2 has d.  The logarithms of the bands' magnitudes are
    interpolated over frequency and held beyond the outermost bands; a factor per bin is fitted on training data.
    ``filter`` filters by these bins and frames; ``emphasis`` [bins, 1] has mean square 1 and gives equal steps on the
    (HTK) mel scale equal energy.
    """

    def __init__(self, mel_spec, *, floor=3e-4):
        super().__init__()
        self.mel_spec, self.floor = mel_spec, floor
        self.filter = TimeVaryingFilter(n_fft=mel_spec.n_fft, win_size=mel_spec.win_size, hop_size=mel_spec.hop_size)
        self.bands = torch.nonzero(filter_bank(mel_spec).sum(1))[:, 0].tolist()  # a narrow one may lie between two bins
        centres = band_edges(mel_spec)[1:-1][self.bands]
        bins = torch.linspace(0, mel_spec.sample_rate / 2, mel_spec.n_fft // 2 + 1, dtype=torch.float64)
        self.register_buffer("interpolation", _linear_interpolation(centres, bins).float(), persistent=False)
        slope = 1 / (700 + bins[:, None])  # of the mel scale, up to a factor
        self.register_buffer("emphasis", (slope / slope.mean()).sqrt().float(), persistent=False)
        self.register_buffer("gain", torch.ones(len(bins), 1))

    def fit(self, batches):
        edge = -(-self.filter.margin // self.mel_spec.hop_size)
        inner = slice(edge, -edge)
        if batches[0].mel.shape[-1] <= 2 * edge:
            raise InputError(
                f"prediction spectrum_scaled needs excerpts of more than {2 * edge} frames; raise train.segment_frames"
            )
        speech = sum(self._deviation(batch.wave)[..., inner].double().square().mean((0, 2)) for batch in batches)
        estimate = sum(self._estimate(batch.mel)[..., inner].double().square().mean((0, 2)) for batch in batches)
        self.gain.copy_((speech / estimate).sqrt()[:, None])

    def forward(self, mel):
        return (self.gain * self._estimate(mel)).clamp(min=self.floor)

    def _deviation(self, wave):
        return self.filter.spectrum(wave).abs() / self.filter.window.square().sum().sqrt()

    def _estimate(self, mel):
        level = self.mel_spec.to_magnitude(mel)[:, self.bands].clamp(min=1e-8).log()
        return (self.interpolation @ frames_to_edges(level, self.mel_spec.center)).exp()


def _linear_interpolation(from_places, to_places):
    """[to, from]: weights of rising ``from_places`` at each of ``to_places``, held outside of them."""
    right = torch.searchsorted(from_places, to_places).clamp(1, len(from_places) - 1)
    left = right - 1
    share = ((to_places - from_places[left]) / (from_places[right] - from_places[left])).clamp(0, 1)
    weights = torch.zeros(len(to_places), len(from_places), dtype=share.dtype)
    weights.scatter_(1, left[:, None], 1 - share[:, None])
    return weights.scatter_(1, right[:, None], share[:, None])


def frames_to_edges(value, center):
    """[..., L] to [..., L + 1] at samples i * hop_size, where frames with ``center`` are; others lie between them."""
    if center:
        return torch.cat([value, value[..., -1:]], -1)
    held = torch.cat([value[..., :1], value, value[..., -1:]], -1)
    return (held[..., 1:] + held[..., :-1]) / 2


def frames_to_samples(value, hop_size):
    """[B, L] at the frames' centres, i * hop_size, to [B, L * hop_size]: linear between, held after the last."""
    following = torch.cat([value[:, 1:], value[:, -1:]], 1)
    position = torch.arange(hop_size, device=value.device, dtype=value.dtype) / hop_size
    return (value[..., None] + (following - value)[..., None] * position).flatten(1)
