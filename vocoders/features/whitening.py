"""Speech divided by what its mel tells of it, exactly undone, so that a model need not learn it.

``forward(wave [B, T], mel [B, C, L]) -> (white [B, T], log |det dwhite/dwave| [B])``, ``inverse(white, mel) -> wave``;
``fit(batches)`` sets the constants that training data must tell.

``continued()`` gives an inverse for pieces: called for one after the other, with the mel from ``skip`` frames before
the piece to a frame behind it (where there are any), it gives the pieces of the whole inverse.
"""

import torch
from torch import nn
from torch.nn import functional

from vocoders.errors import InputError
from vocoders.features.fitted import FrameLevel, SpectralLevel, frames_to_samples
from vocoders.features.linear_prediction import Predictor

BLOCK = range(16, 65)  # samples in which one predictor holds


class NoWhitening(nn.Module):
    """Speech as it is."""

    min_frames = 1

    def __init__(self, mel_spec):
        super().__init__()

    def fit(self, batches):
        pass

    def forward(self, wave, mel):
        return wave, wave.new_zeros(len(wave))

    def inverse(self, white, mel):
        return white

    def continued(self):
        return lambda white, mel, skip: white


class EnergyWhitening(nn.Module):
    """Division by the level of each frame, interpolated to samples."""

    min_frames = 1

    def __init__(self, mel_spec):
        super().__init__()
        self.mel_spec, self.level = mel_spec, FrameLevel(mel_spec)

    def fit(self, batches):
        self.level.fit(batches)

    def forward(self, wave, mel):
        level = self._level(mel)
        return wave / level, -level.log().sum(1)

    def inverse(self, white, mel):
        return white * self._level(mel)

    def continued(self):
        hop = self.mel_spec.hop_size
        return lambda white, mel, skip: white * self._level(mel)[:, skip * hop :][:, : white.shape[1]]

    def _level(self, mel):
        return frames_to_samples(self.level(mel), self.mel_spec.hop_size, center=self.mel_spec.center)


class SpectrumWhitening(nn.Module):
    """Linear prediction by filters that have the spectrum of each frame, interpolated to blocks of samples.

    Every sample is what those before it predict, plus a multiple of the white one; the inverse is the synthesis of a
    linear predictive vocoder.  Filters of an order of a quarter of the mel's n_fft follow the lowest harmonics as the
    mel does (excited by noise, for four utterances of LJ Speech, order 64 has PESQ 1.22, 128 1.53, 256 1.66).
    """

    def __init__(self, mel_spec):
        super().__init__()
        self.level = SpectralLevel(mel_spec)
        self.order = mel_spec.n_fft // 4
        self.min_frames = 2 * self.level.edge + 1
        fitting = [n for n in BLOCK if mel_spec.hop_size % n == 0]
        if not fitting:
            raise InputError(
                f"whitening by the spectrum needs a hop_size that some number from {BLOCK[0]} to {BLOCK[-1]} divides, "
                f"found {mel_spec.hop_size}; whiten by the energy instead, or use other mels"
            )
        self.block = fitting[-1]
        self.blocks_per_hop = mel_spec.hop_size // self.block

    def fit(self, batches):
        self.level.fit(batches)

    def forward(self, wave, mel):
        predictor = self._predictor(mel)
        return predictor.residual(wave.double()).to(wave), predictor.log_det().to(wave)

    def inverse(self, white, mel):
        return self.continued()(white, mel, 0)

    def continued(self):
        past = None

        def inverse(white, mel, skip):
            nonlocal past
            first = skip * self.blocks_per_hop
            predictor = self._predictor(mel).blocks(first, first + white.shape[1] // self.block)
            wave = predictor.wave(white.double(), past)
            known = wave if past is None else torch.cat([past, wave], 1)
            past = functional.pad(known, (max(self.order - known.shape[1], 0), 0))[:, -self.order :]
            return wave.to(white)

        return inverse

    @torch.no_grad()
    def _predictor(self, mel):
        level = self.level(mel).double().log().transpose(1, 2)[:, :, None]  # [B, L + 1, 1, bins]
        middle = (torch.arange(self.blocks_per_hop, device=mel.device)[:, None].double() + 0.5) / self.blocks_per_hop
        level = level[:, :-1].lerp(level[:, 1:], middle).flatten(1, 2)  # [B, blocks, bins]
        r = torch.fft.irfft((2 * level).exp())
        return Predictor.from_autocorrelation(r, order=self.order, length=self.block)


WHITENINGS = {"none": NoWhitening, "energy": EnergyWhitening, "spectrum": SpectrumWhitening}
