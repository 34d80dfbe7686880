"""Whitening by the mel: exactly undone, with the determinant of its Jacobian, and white."""

import dataclasses

import pytest
import torch

from vocoders.errors import InputError
from vocoders.features.mel import LogMel, MelSpec
from vocoders.features.whitening import EnergyWhitening, SpectrumWhitening
from vocoders.interface import SpeechBatch

SPEC = MelSpec(sample_rate=16000, n_fft=512, win_size=512, hop_size=128, n_mels=40, f_max=8000)
KINDS = [EnergyWhitening, SpectrumWhitening]


def speechlike(frames=60, spec=SPEC):
    """Noise through a resonance, swelling and falling: [2, T] and its mel."""
    generator = torch.Generator().manual_seed(0)
    length = frames * spec.hop_size
    spectrum = torch.fft.rfft(torch.randn(2, length, generator=generator))
    frequency = torch.linspace(0, spec.sample_rate / 2, spectrum.shape[-1])
    wave = torch.fft.irfft(spectrum / (0.05 + ((frequency - 1000) / 1000).abs()), n=length)
    wave = 0.01 * wave * (1 + 0.9 * torch.sin(torch.linspace(0, 12, length)))
    return SpeechBatch(wave, LogMel(spec)(wave)[..., :frames])


def fitted(kind, spec=SPEC):
    whitening = kind(spec)
    whitening.fit([speechlike(spec=spec)])
    return whitening


@pytest.mark.parametrize("hop_size", [100, 128, 150, 256])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_undone_exactly(kind, hop_size):
    spec = dataclasses.replace(SPEC, hop_size=hop_size)
    whitening, batch = fitted(kind, spec), speechlike(spec=spec)
    white, _ = whitening(batch.wave, batch.mel)
    assert white.dtype == torch.float32
    torch.testing.assert_close(whitening.inverse(white, batch.mel), batch.wave, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_and_full_scale_survive(kind):
    whitening = fitted(kind)
    for wave in (torch.zeros(1, 20 * 128), torch.ones(1, 20 * 128), torch.ones(1, 20 * 128).cumsum(1).sin().sign()):
        mel = LogMel(SPEC)(wave)[..., :20]
        white, log_det = whitening(wave, mel)
        assert white.isfinite().all() and log_det.isfinite().all()
        torch.testing.assert_close(whitening.inverse(white, mel), wave, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_determinant_is_that_of_the_jacobian(kind):
    whitening, batch = fitted(kind).double(), speechlike(frames=4)
    mel = batch.mel.double()
    jacobian = torch.autograd.functional.jacobian(lambda x: whitening(x, mel)[0].sum(0), batch.wave.double())
    expected = torch.stack([torch.linalg.slogdet(jacobian[:, b]).logabsdet for b in range(2)])
    torch.testing.assert_close(whitening(batch.wave.double(), mel)[1], expected, rtol=1e-6, atol=0)


def correlation(signal, lag):
    return (signal[:, lag:] * signal[:, : signal.shape[1] - lag]).mean(1) / signal.square().mean(1)


@pytest.mark.parametrize("kind", KINDS)
def test_loud_and_quiet_parts_get_unit_variance(kind):
    batch = speechlike(frames=200)
    by_part = fitted(kind)(batch.wave, batch.mel)[0].unflatten(1, (10, -1)).square().mean(-1)
    assert ((by_part > 0.7) & (by_part < 1.4)).all(), by_part


def test_the_spectrum_makes_white():
    """Neighbouring samples, .7 and more correlated before, hardly are after, at any distance."""
    batch = speechlike(frames=200)
    assert (correlation(batch.wave, 1) > 0.7).all()
    white, _ = fitted(SpectrumWhitening)(batch.wave, batch.mel)
    for lag in range(1, 30):
        assert (correlation(white, lag).abs() < 0.06).all(), lag


def test_a_hop_without_blocks_is_refused():
    with pytest.raises(
        InputError, match="a hop_size that some number from 16 to 64 divides, found 254; whiten by the e"
    ):
        SpectrumWhitening(dataclasses.replace(SPEC, hop_size=254))
