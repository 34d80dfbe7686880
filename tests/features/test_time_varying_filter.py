"""Filtering by frames and bins, against filtering in time."""

import numpy as np
import pytest
import torch
from scipy import signal

from vocoders.features.time_varying_filter import TimeVaryingFilter

WAVE = torch.randn(2, 6400, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("sizes", [(1024, 1024, 256), (1024, 600, 300), (256, 256, 128)])
def test_a_gain_of_one_is_the_identity(sizes):
    n_fft, win_size, hop_size = sizes
    wave = WAVE[:, : 6400 // hop_size * hop_size]
    gain = torch.ones(2, n_fft // 2 + 1, wave.shape[1] // hop_size + 1)
    filter_ = TimeVaryingFilter(n_fft=n_fft, win_size=win_size, hop_size=hop_size)
    assert torch.allclose(filter_(gain, wave), wave, atol=1e-5)


def test_gains_that_do_not_vary_in_time_are_a_filter_of_zero_phase():
    taps = signal.firwin(31, 0.3)
    gain = np.fft.rfft(np.roll(np.pad(taps, (0, 1024 - 31)), -15)).real
    gains = torch.from_numpy(gain).float()[None, :, None].expand(2, 513, 26)
    filtered = TimeVaryingFilter(n_fft=1024, win_size=1024, hop_size=256)(gains, WAVE)
    expected = signal.fftconvolve(WAVE.numpy(), taps[None], mode="same", axes=1)
    inner = slice(512, -512)
    assert np.abs(filtered.numpy() - expected)[:, inner].max() < 0.01 * np.abs(expected).max()


def test_a_gain_acts_on_its_own_frame_and_frequency():
    """Half a second of two tones; the upper one is silenced in the second half."""
    time = torch.arange(8000) / 16000
    low, high = torch.sin(2 * torch.pi * 1000 * time), torch.sin(2 * torch.pi * 5000 * time)
    gain = torch.ones(1, 257, 8000 // 100 + 1)
    gain[:, 96:, 40:] = 0  # from 3 kHz and from the middle on
    out = TimeVaryingFilter(n_fft=512, win_size=400, hop_size=100)(gain, (low + high)[None])[0]
    assert torch.allclose(out[600:3600], (low + high)[600:3600], atol=1e-3)
    assert torch.allclose(out[4400:7400], low[4400:7400], atol=1e-2)


def test_an_excerpt_is_filtered_as_in_its_utterance_but_for_the_margin():
    g = torch.Generator().manual_seed(1)
    filter_, gain = TimeVaryingFilter(n_fft=256, win_size=200, hop_size=50), torch.rand(2, 129, 129, generator=g)
    whole = filter_(gain, WAVE)[:, 2000:4000]
    excerpt = filter_(gain[..., 40:81], WAVE[:, 2000:4000])
    wrong = ((excerpt - whole).square() / whole.square().mean()).mean(0)
    assert filter_.margin == 100
    assert wrong[:100].mean() > 0.01 and wrong[-100:].mean() > 0.01  # else nothing would need a margin
    assert wrong[100:-100].max() < 0.01 and not wrong[200:-200].any()


def test_a_tone_that_ends_with_the_excerpt_leaves_little_in_other_bins():
    tone = torch.cos(2 * torch.pi * 0.25 * torch.arange(1025))[None, :1024]  # symmetric about both ends
    spectrum = TimeVaryingFilter(n_fft=256, win_size=256, hop_size=64).spectrum(tone)[0].abs()
    far = torch.cat([spectrum[:48], spectrum[80:]])
    assert far[:, 0].max() < 1e-3 * spectrum.max()


def test_one_frame_is_long_enough():
    filter_ = TimeVaryingFilter(n_fft=1024, win_size=1024, hop_size=256)
    assert filter_(torch.ones(1, 513, 2), WAVE[:1, :256]).shape == (1, 256)
