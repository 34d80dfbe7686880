"""What is derived from a mel spectrogram with constants fitted on training data."""

import torch
from torch import nn

from vocoders.errors import InputError
from vocoders.features.filter_bank import band_edges, filter_bank
from vocoders.features.time_varying_filter import TimeVaryingFilter


class NoNormalization(nn.Module):
    """Mels as they are."""

    def fit(self, batches):
        pass

    def forward(self, mel):
        return mel

    def inverse(self, normal):
        return normal


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

    def inverse(self, normal):
        return self.mean + self.deviation * normal


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
        # not a matrix product, which autocast would compute in bfloat16
        return (self.weight[:, None] * self.mel_spec.to_magnitude(mel).square()).sum(1)


class SpectralLevel(nn.Module):
    """The speech's standard deviation in each bin of its transform, from its mel: [B, C, L] -> [B, bins, L + 1].

    In units of white noise: a bin of noise with variance d^2 has d.  The logarithms of the bands' magnitudes are
    interpolated over frequency and held beyond the outermost bands; a factor per bin is fitted on training data.
    ``filter`` filters by these bins and frames; ``emphasis`` [bins, 1] has mean square 1 and gives equal steps on the
    (HTK) mel scale equal energy.
    """

    def __init__(self, mel_spec, *, floor=3e-4):
        super().__init__()
        n_fft, win_size, hop_size = mel_spec.n_fft, mel_spec.win_size, mel_spec.hop_size
        if n_fft % 2 or win_size < 2 * hop_size:
            raise InputError(
                f"to tell the spectrum of speech, mels need an even n_fft and a win_size of at least 2 * hop_size, "
                f"found n_fft {n_fft}, win_size {win_size}, hop_size {hop_size}; choose energy instead of spectrum, or "
                f"other mels"
            )
        self.mel_spec, self.floor = mel_spec, floor
        self.filter = TimeVaryingFilter(n_fft=n_fft, win_size=win_size, hop_size=hop_size)
        self.edge = -(-self.filter.margin // hop_size)  # frames at each end of an excerpt that do not count
        bins = torch.linspace(0, mel_spec.sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
        for name, value in zip(("lower", "upper", "share"), _neighbouring_bands(mel_spec, bins)):
            self.register_buffer(name, value, persistent=False)
        slope = 1 / (700 + bins[:, None])  # of the mel scale, up to a factor
        self.register_buffer("emphasis", (slope / slope.mean()).sqrt().float(), persistent=False)
        self.register_buffer("gain", torch.ones(len(bins), 1))

    def fit(self, batches):
        inner = slice(self.edge, -self.edge)
        speech = sum(self._deviation(batch.wave)[..., inner].double().square().mean((0, 2)) for batch in batches)
        estimate = sum(self._estimate(batch.mel)[..., inner].double().square().mean((0, 2)) for batch in batches)
        self.gain.copy_((speech / estimate).sqrt()[:, None])

    def forward(self, mel):
        return (self.gain * self._estimate(mel)).clamp(min=self.floor)

    def _deviation(self, wave):
        return self.filter.spectrum(wave).abs() / self.filter.window.square().sum().sqrt()

    def _estimate(self, mel):
        level = self.mel_spec.to_magnitude(mel).clamp(min=1e-8).log()
        level = frames_to_edges(level, center=self.mel_spec.center)
        return level[:, self.lower].lerp(level[:, self.upper], self.share).exp()


def _neighbouring_bands(mel_spec, bins):
    """Below and above each bin: the band, and the share of the upper one in the interpolation, [bins, 1]."""
    bands = torch.nonzero(filter_bank(mel_spec).sum(1))[:, 0]  # a narrow band may lie between two bins and be empty
    centres = band_edges(mel_spec)[1:-1][bands]
    upper = torch.searchsorted(centres, bins).clamp(max=len(bands) - 1)
    lower = (upper - 1).clamp(min=0)
    share = (bins - centres[lower]) / (centres[upper] - centres[lower]).clamp(min=1e-3)
    return bands[lower], bands[upper], share.clamp(0, 1).float()[:, None]


def frames_to_edges(value, *, center):
    """[..., L] to [..., L + 1] at samples i * hop_size, where frames with ``center`` are; others lie between them."""
    if center:
        return torch.cat([value, value[..., -1:]], -1)
    held = torch.cat([value[..., :1], value, value[..., -1:]], -1)
    return (held[..., 1:] + held[..., :-1]) / 2


def frames_to_samples(value, hop_size, *, center=True):
    """[B, L] to [B, L * hop_size], linear between the edges of the hops (``frames_to_edges``)."""
    edges = frames_to_edges(value, center=center)
    position = torch.arange(hop_size, device=value.device, dtype=value.dtype) / hop_size
    return (edges[:, :-1, None] + edges.diff()[..., None] * position).flatten(1)
