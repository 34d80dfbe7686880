"""Quantities fitted on data, against signals whose level is known."""

import pytest
import torch

from vocoders.features.fitted import BandNormalization, FrameLevel, frames_to_samples
from vocoders.features.mel import LogMel, MelSpec
from vocoders.interface import SpeechBatch

LN = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=256, n_mels=80, f_max=8000)
POWER = MelSpec(
    sample_rate=22050,
    n_fft=1024,
    win_size=1024,
    hop_size=256,
    n_mels=80,
    power=2,
    log="log10",
    floor=1e-10,
    mel_norm=None,
    mel_scale="htk",
)


def noise_batch(spec, amplitude, frames=60):
    wave = amplitude * torch.randn(2, frames * 256, generator=torch.Generator().manual_seed(0))
    return SpeechBatch(wave, LogMel(spec)(wave))


@pytest.mark.parametrize("spec", [LN, POWER])
def test_the_level_of_white_noise_is_its_deviation(spec):
    level = FrameLevel(spec)
    level.fit([noise_batch(spec, 0.1)])
    for amplitude in (0.02, 0.3):  # another loudness than the one it was fitted on
        assert level(noise_batch(spec, amplitude).mel).mean().item() == pytest.approx(amplitude, rel=0.05)


def test_silence_has_the_floor():
    wave = torch.zeros(1, 2560)
    assert torch.equal(FrameLevel(LN, floor=0.01)(LogMel(LN)(wave)), torch.full((1, 10), 0.01))


def test_normalised_bands_have_zero_mean_and_unit_variance():
    g = torch.Generator().manual_seed(0)
    mel = torch.randn(3, 80, 50, generator=g) * torch.linspace(0.5, 4, 80)[:, None] - 5
    normalize = BandNormalization(80)
    normalize.fit([SpeechBatch(None, mel[:2]), SpeechBatch(None, mel[2:])])
    out = normalize(mel)
    assert out.mean((0, 2)).abs().max() < 1e-5
    assert torch.allclose(out.std((0, 2)), torch.ones(80), atol=1e-4)


def test_frames_meet_samples_at_their_centres():
    value = torch.tensor([[1.0, 3.0, 2.0]])
    samples = frames_to_samples(value, 4)
    assert samples[0].tolist() == [1, 1.5, 2, 2.5, 3, 2.75, 2.5, 2.25, 2, 2, 2, 2]
