"""Lags that are known because we made them."""

import numpy as np
import pytest

from vocoders.errors import InputError
from vocoders.io.audio import read_wave
from vocoders.scoring.alignment import lag, shift, trim

RATE = 22050


@pytest.fixture
def speech(shared_data):
    return read_wave(shared_data / "LJSpeech-1.1" / "wavs" / "LJ001-0002.wav")[0]


def late(wave, samples):
    """The same number of samples, ``samples`` later (earlier when negative)."""
    padded = np.pad(wave, 1200)
    return padded[1200 - samples : 1200 - samples + len(wave)]


@pytest.mark.parametrize("samples", [0, 1, -1, 100, -256, 1000])
def test_a_shifted_and_noisy_wave_shows_its_lag_exactly(speech, samples):
    noise = 0.01 * np.random.default_rng(0).normal(size=len(speech))
    assert lag(speech, late(speech, samples) + noise, RATE) == samples


@pytest.mark.parametrize("samples", [0, 441, -700])
def test_a_wave_of_another_phase_shows_its_lag_to_two_milliseconds(speech, samples):
    """Griffin-Lim at its start: the magnitudes of the speech with random phases."""
    import librosa

    magnitude = np.abs(librosa.stft(speech, n_fft=512, hop_length=128))
    decoded = librosa.griffinlim(magnitude, hop_length=128, n_iter=4, length=len(speech), random_state=0)
    assert lag(speech, late(decoded, samples), RATE) == pytest.approx(samples, abs=0.002 * RATE)
    assert lag(speech, decoded, RATE) == 0


def test_a_wave_that_has_nothing_to_do_with_the_speech_has_no_lag(speech):
    noise = 0.1 * np.random.default_rng(0).normal(size=len(speech))
    for other in (np.zeros_like(speech), np.full_like(speech, 0.5), noise):
        assert lag(speech, other, RATE) is None


@pytest.mark.parametrize("samples", [0, 7, -7])
def test_shift_undoes_the_lag(speech, samples):
    reference, decoded = shift(speech, late(speech, samples), samples)
    assert len(reference) == len(speech) - abs(samples)
    np.testing.assert_array_equal(reference, decoded)


def test_trim_crops_the_rounding_to_frames():
    wave = np.arange(10000.0)
    for decoded in (wave[:-255], np.append(wave, np.ones(255))):
        a, b = trim(wave, decoded, RATE)
        np.testing.assert_array_equal(a, b)
        assert len(a) == min(len(wave), len(decoded))


@pytest.mark.parametrize(("length", "word"), [(8000, "shorter"), (12000, "longer")])
def test_trim_refuses_another_length(length, word):
    message = rf"u1: the decoded wave is 0\.091 s {word}.*{length} and 10000 samples"
    with pytest.raises(InputError, match=message):
        trim(np.zeros(10000), np.zeros(length), RATE, where="u1: ")
