"""What is done to the waves before they are heard."""

import io

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from scipy import signal

from vocoders.errors import InputError
from vocoders.listening.stimuli import encoded, low_passed, match_levels, noisy, read_utterance


def speechlike(number, seconds=2.0, rate=16000):
    random = np.random.default_rng(number)
    noise = signal.lfilter([1], [1, -0.9], random.standard_normal(int(seconds * rate)))
    return 0.01 * (number + 1) * noise * np.abs(np.sin(np.arange(len(noise)) / 3000))


def torchaudio_loudness(wave, rate=16000):
    return torchaudio.functional.loudness(torch.from_numpy(wave)[None], rate).item()


def test_all_get_the_loudness_that_torchaudio_measures():
    waves, reached = match_levels({("u", str(n)): speechlike(n) for n in range(2)}, 16000, -23.0)
    assert reached == -23
    assert [torchaudio_loudness(wave) for wave in waves.values()] == pytest.approx([-23, -23], abs=0.1)


def test_where_a_peak_would_clip_all_get_less(caplog):
    peaky = speechlike(0)
    peaky[5000] = 40 * np.abs(peaky).max()
    waves, reached = match_levels({("u", "peaky"): peaky, ("u", "other"): speechlike(1)}, 16000, -10.0)
    assert max(np.abs(wave).max() for wave in waves.values()) == pytest.approx(10 ** (-1 / 20))
    assert torchaudio_loudness(waves["u", "other"]) == pytest.approx(reached, abs=0.1)
    assert reached < -10 and "peaky: u has too high peaks" in caplog.text


def test_silence_has_no_loudness():
    with pytest.raises(InputError, match="mute: u1: is silent"):
        match_levels({("u1", "mute"): np.zeros(16000)}, 16000, -23)


def test_the_anchor_meets_bs_1534():
    """Flat within 0.1 dB to 3.5 kHz, 25 dB down at 4 kHz, 50 dB from 4.5 kHz on; and not late."""
    rate = 22050
    impulse = np.zeros(8192)
    impulse[4096] = 1
    made = low_passed(impulse, rate, 3.5)
    assert np.argmax(made) == 4096
    hertz = np.fft.rfftfreq(len(made), 1 / rate)
    level = 20 * np.log10(np.abs(np.fft.rfft(made)) + 1e-12)
    assert np.abs(level[hertz <= 3500]).max() < 0.1
    assert level[hertz >= 4000].max() < -25 and level[hertz >= 4500].max() < -50


def test_an_anchor_above_the_band_is_refused():
    with pytest.raises(InputError, match="low-pass of 3.5 kHz needs a sampling rate above 8000 Hz, found 8000"):
        low_passed(np.zeros(8000), 8000, 3.5)


def test_noise_is_as_strong_as_the_wave():
    wave = speechlike(3)
    added = noisy(wave, np.random.default_rng(0)) - wave
    assert added.std() == pytest.approx(np.sqrt(np.mean(wave**2)), rel=0.02)


def test_equal_waves_make_files_that_differ_by_dither_alone():
    wave = speechlike(0)
    files = [encoded(wave, 16000, np.random.default_rng(seed)) for seed in (1, 2)]
    assert files[0] != files[1] and files[0][:44] == files[1][:44] and len(files[0]) == len(files[1])
    for content in files:
        samples, _rate = soundfile.read(io.BytesIO(content), dtype="int16")
        assert np.abs(samples[:-200] - 32768 * wave[:-200]).max() < 1.5
        assert abs(samples[-1]) <= 1


def write(folder, **waves):
    sources = {}
    for system, (samples, rate) in waves.items():
        soundfile.write(folder / f"{system}.wav", speechlike(0, 1.0, 32000)[:samples], rate, subtype="PCM_16")
        sources[system] = {"u": str(folder / f"{system}.wav")}
    return sources


def test_waves_are_trimmed_to_the_shortest(tmp_path):
    waves, rate = read_utterance(write(tmp_path, a=(9000, 16000), b=(8800, 16000)), "u")
    assert rate == 16000 and {len(wave) for wave in waves.values()} == {8800}


def test_one_rate_is_made_of_several_only_on_request(tmp_path):
    sources = write(tmp_path, a=(16000, 16000), b=(22050, 22050))
    with pytest.raises(InputError, match=r"u: sampling rates differ \(a 16000 Hz, b 22050 Hz\); .*--sample_rate"):
        read_utterance(sources, "u")
    waves, rate = read_utterance(sources, "u", sample_rate=16000)
    assert rate == 16000 and len(waves["b"]) == 16000


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [(14000, "a lasts 0.88 s, b 0.40 s; is it the same utterance"), (6000, "lasts 0.38 s; loudness needs 0.4 s")],
)
def test_waves_that_cannot_be_compared(samples, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        read_utterance(write(tmp_path, a=(samples, 16000), b=(min(samples, 6400), 16000)), "u")
