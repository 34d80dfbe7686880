"""Quantities fitted on data, against signals whose level is known."""

import dataclasses
import math

import librosa
import numpy as np
import pytest
import torch
from scipy import signal

from vocoders.errors import InputError
from vocoders.features.fitted import BandNormalization, FrameLevel, SpectralLevel, frames_to_edges, frames_to_samples
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


def coloured(amplitude, seed, frames=200):
    """Noise of one pole, and the deviation of each bin of its transform."""
    white = torch.randn(2, frames * 256, generator=torch.Generator().manual_seed(seed)).numpy()
    wave = torch.from_numpy(signal.lfilter([amplitude], [1, -0.8], white)).float()
    _, response = signal.freqz([amplitude], [1, -0.8], 513, include_nyquist=True)
    return wave, torch.from_numpy(abs(response))


@pytest.mark.parametrize("spec", [LN, POWER, dataclasses.replace(LN, center=False)])
def test_the_spectral_level_of_coloured_noise_is_its_spectrum(spec):
    wave, _ = coloured(0.05, seed=0)
    level = SpectralLevel(spec)
    level.fit([SpeechBatch(wave, LogMel(spec)(wave))])
    wave, expected = coloured(0.01, seed=1)  # quieter than what it was fitted on
    power = level(LogMel(spec)(wave)).double()[..., 4:-4].square().mean((0, 2))
    ratio = power.sqrt() / expected
    smooth = torch.nn.functional.avg_pool1d(ratio[None], 16)[0]  # one bin's fit is as uncertain as its data
    assert smooth.min() > 0.93 and smooth.max() < 1.07


@pytest.mark.parametrize("center", [True, False])
def test_the_spectral_level_follows_time(center):
    """A click is loudest in the frame that is centred on it, whatever the mel's frames are centred on."""
    spec = dataclasses.replace(LN, center=center)
    wave = torch.zeros(1, 40 * 256)
    wave[0, 20 * 256] = 1
    level = SpectralLevel(spec, floor=1e-9)(LogMel(spec)(wave))[0, 20:360].mean(0)
    assert level.shape == (41,)
    assert level.argmax() == 20 and level[19].item() == pytest.approx(level[21].item(), rel=0.01)


def test_between_bands_logarithms_are_interpolated():
    mel = torch.randn(1, 80, 3, generator=torch.Generator().manual_seed(0)) - 3
    centres = librosa.mel_frequencies(82, fmin=0, fmax=8000)[1:-1]
    level = SpectralLevel(LN)(mel)[0, :, 1].log()
    expected = np.interp(np.arange(513) * 22050 / 1024, centres, mel[0, :, 1].numpy())
    assert np.abs(level.numpy() - expected).max() < 1e-3


def test_emphasis_gives_equal_steps_on_the_mel_scale_equal_energy():
    energy = SpectralLevel(LN).emphasis[:, 0].double().square().numpy()
    assert energy.mean() == pytest.approx(1)
    mel = librosa.hz_to_mel(np.arange(513) * 22050 / 1024, htk=True)
    by_step, _ = np.histogram(mel, bins=8, weights=energy)
    assert by_step == pytest.approx(np.full(8, by_step.mean()), rel=0.1)


def test_mels_that_cannot_be_filtered_by_are_refused():
    for wrong in ({"win_size": 500}, {"n_fft": 1025}):
        with pytest.raises(InputError, match=r"win_size of at least 2 \* hop_size, found n_fft"):
            SpectralLevel(dataclasses.replace(LN, **wrong))


@pytest.mark.parametrize("spec", [LN, dataclasses.replace(LN, floor=None, silence=-20.0)])
def test_silence_has_the_spectral_floor(spec):
    mel = LogMel(spec)(torch.zeros(1, 2560))
    assert torch.equal(SpectralLevel(spec, floor=0.01)(mel), torch.full((1, 513, 11), 0.01))


def test_bands_without_a_bin_do_not_count():
    spec = dataclasses.replace(LN, n_mels=400)
    wave, expected = coloured(0.05, seed=0)
    mel = LogMel(spec)(wave)
    empty = (mel <= math.log(1.001e-5)).all(2).all(0)
    assert 20 < empty.sum() < 100
    level = SpectralLevel(spec)
    level.fit([SpeechBatch(wave, mel)])
    power = level(mel).double()[..., 4:-4].square().mean((0, 2)).sqrt()
    smooth = torch.nn.functional.avg_pool1d((power / expected)[None], 16)[0]
    assert smooth.min() > 0.9 and smooth.max() < 1.1
    mel[:, empty] = 0
    assert torch.equal(level(mel).double()[..., 4:-4].square().mean((0, 2)).sqrt(), power)


def test_a_narrow_window_and_frames_at_the_ends_do_not_disturb_the_fit():
    """The reflection of a loud end is not in the mel of an excerpt, which was made from the whole utterance."""
    spec = dataclasses.replace(LN, win_size=600)
    batches = []
    for seed in range(20):
        wave, expected = coloured(0.05, seed, frames=10)
        mel = LogMel(spec)(wave)
        mel[..., :2], mel[..., 9:] = -9, -9
        batches.append(SpeechBatch(wave, mel))
    level = SpectralLevel(spec)
    level.fit(batches)
    power = level(LogMel(spec)(coloured(0.05, seed=30)[0])).double()[..., 4:-4].square().mean((0, 2)).sqrt()
    smooth = torch.nn.functional.avg_pool1d((power / expected)[None], 16)[0]
    assert smooth.min() > 0.9 and smooth.max() < 1.1


def test_autocast_leaves_levels_as_they_are():
    mel = LogMel(LN)(coloured(0.05, seed=0)[0])
    for level in (SpectralLevel(LN), FrameLevel(LN)):
        plain = level(mel)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(level(mel), plain)


def test_frames_meet_the_edges_of_hops():
    value = torch.tensor([1.0, 3.0, 2.0])
    assert frames_to_edges(value, center=True).tolist() == [1, 3, 2, 2]
    assert frames_to_edges(value, center=False).tolist() == [1, 2, 2.5, 2]


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
    samples = frames_to_samples(value, 4, center=False)  # 1, 3 and 2 lie in the middle of their hops
    assert samples[0, 2::4].tolist() == [1.5, 2.25, 2.25] and samples[0, ::4].tolist() == [1, 2, 2.5]
