"""Recordings are recognised at another level, cut otherwise and resampled; other recordings are not."""

import numpy as np
import pytest

from vocoders.data.near_duplicate import CORRELATION, RATE, candidates, correlation, words
from vocoders.io.audio import read_wave, resample

EVERY = {"LJSpeech-1.1": 1, "VCTK-16k-autovc": 1, "VCTK-Corpus": 1, "fsdd": 1, "dataset-voice-kerstin": 4}


@pytest.fixture(params=EVERY)
def corpus(request, shared_data):
    """A part of each real corpus; its neighbours are most alike (the same digit, the same speaker)."""
    paths = sorted(path for path in (shared_data / request.param).rglob("*") if path.suffix in (".wav", ".flac"))
    return [read_wave(path) for path in paths[:: EVERY[request.param]]]


def alter(wave, rate, rng):
    """Up to 12 dB softer, up to 15 % of its beginning and 10 % of its end gone, sometimes at another rate."""
    begin, end = rng.integers(0, len(wave) * 15 // 100), len(wave) - rng.integers(0, len(wave) // 10)
    new_rate = int(rng.choice([rate, 11025]))
    return resample(wave[begin:end] * 10 ** rng.uniform(-0.6, 0), rate, new_rate), new_rate


def near(one, other):
    found = candidates([words(*each) for each in one], [words(*each) for each in other])
    return {(i, j) for i, j in found if correlation(one[i][0], other[j][0], (one[i][1], other[j][1])) > CORRELATION}


def test_planted_near_duplicates_are_found_and_nothing_else(corpus):
    rng = np.random.default_rng(0)
    planted = rng.permutation(len(corpus))[:10]
    found = near(corpus, [alter(*corpus[number], rng) for number in planted])
    assert found <= set(zip(planted, range(10)))
    assert len(found) >= 9 * len(planted) // 10


def test_there_are_none_between_the_halves_of_real_corpora(corpus):
    assert near(corpus[::2], corpus[1::2]) == set()


def test_one_recording_in_two_real_corpora_is_found(shared_data):
    """Of VCTK at 48 kHz and of an excerpt at 16 kHz that others have cut; and no other pair of these fifty."""
    names = {folder: sorted((shared_data / folder).rglob("*.wav")) for folder in ("VCTK-16k-autovc", "VCTK-Corpus")}
    one, other = ([read_wave(path) for path in paths] for paths in names.values())
    (pair,) = near(one, other)
    assert [path[number].stem for path, number in zip(names.values(), pair)] == ["p228_023", "p228_023"]


def test_correlation_sees_between_samples():
    """A delay of half a sample, as an edge trimmed before resampling leaves it, in closed form."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(RATE))
    spectrum[3000:] = 0
    delayed = np.fft.irfft(spectrum * np.exp(-1j * np.pi * np.arange(RATE // 2 + 1) / RATE))
    assert correlation(np.fft.irfft(spectrum), -0.1 * delayed, (RATE, RATE)) > 0.99


def test_silence_is_like_nothing():
    silence, noise = np.zeros(RATE, np.float32), np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert not len(words(silence, RATE))
    assert candidates([words(silence, RATE)], [words(silence, RATE), words(noise, RATE)]) == []
    assert correlation(silence, noise, (RATE, RATE)) == 0
    assert len(words(noise[:1], RATE)) <= 1
