"""Baselines against what they must preserve: length, magnitudes, pitch."""

import numpy as np
import pytest
import soundfile
import torch

from vocoders.errors import InputError
from vocoders.features.mel import LogMel, MelSpec
from vocoders.inference.baselines import BASELINES, griffin_lim, spectrum
from vocoders.inference.system import baseline_system
from vocoders.seeding import seeded

PLAIN = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=256, n_mels=80, f_max=8000)
OFF_CENTRE = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=256, n_mels=80, f_max=8000, center=False)
POWER = MelSpec(
    sample_rate=22050,
    n_fft=1024,
    win_size=1000,
    hop_size=250,
    n_mels=80,
    mel_scale="htk",
    mel_norm=None,
    power=2,
    stft_normalized=True,
    log="db",
    reference=20,
    unit_range=(-100, 0),
    floor=1e-10,
)


def speech(shared_data, spec, seconds=2.0):
    wave, _ = soundfile.read(shared_data / "LJSpeech-1.1" / "wavs" / "LJ001-0003.wav", dtype="float32")
    return torch.from_numpy(wave[: int(seconds * 22050) // spec.hop_size * spec.hop_size])


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("spec", [PLAIN, OFF_CENTRE, POWER], ids=["plain", "off_centre", "power"])
def test_length_is_that_of_the_mel(shared_data, spec, name):
    wave = speech(shared_data, spec, 0.5)
    copy = BASELINES[name].copy(wave, LogMel(spec)(wave[None])[0], spec, seeded(0))
    assert copy.shape == wave.shape
    assert copy.dtype == torch.float32


@pytest.mark.parametrize("spec", [PLAIN, OFF_CENTRE, POWER], ids=["plain", "off_centre", "power"])
def test_spectrum_is_not_negative_and_has_the_mel_it_was_made_from(shared_data, spec):
    wave = speech(shared_data, spec)
    mel = LogMel(spec)(wave[None])[0]
    magnitude = spectrum(mel, spec)
    assert magnitude.min() >= 0
    norm = np.sqrt(3 / 8 * spec.win_size) if spec.stft_normalized else 1
    again = LogMel(spec).filters.float() @ (magnitude / norm) ** spec.power
    wanted = spec.expand(mel)
    assert (again - wanted).norm() / wanted.norm() < 0.01


@pytest.mark.parametrize("spec", [PLAIN, OFF_CENTRE, POWER], ids=["plain", "off_centre", "power"])
def test_griffin_lim_is_in_time_with_the_recording_and_close_to_it(shared_data, spec):
    """A shift of half a hop, a lost window norm or a wrong power would each show in the mel."""
    wave = speech(shared_data, spec)
    mel = LogMel(spec)(wave[None])[0]
    copy = griffin_lim(wave, mel, spec, seeded(0))
    again = spec.to_magnitude(LogMel(spec)(copy[None])[0])
    wanted = spec.to_magnitude(mel)
    assert (again - wanted).norm() / wanted.norm() < 0.11
    late = torch.roll(copy, spec.hop_size // 2)
    assert (spec.to_magnitude(LogMel(spec)(late[None])[0]) - wanted).norm() / wanted.norm() > 0.15


def test_griffin_lim_starts_from_its_seed(shared_data):
    wave = speech(shared_data, PLAIN, 0.3)
    mel = LogMel(PLAIN)(wave[None])[0]
    one, same, other = (griffin_lim(wave, mel, PLAIN, seeded(n), iterations=2) for n in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_griffin_lim_sees_the_mel_alone(shared_data):
    wave = speech(shared_data, PLAIN, 0.3)
    mel = LogMel(PLAIN)(wave[None])[0]
    copies = [griffin_lim(given, mel, PLAIN, seeded(0), iterations=2) for given in (wave, torch.zeros_like(wave))]
    assert torch.equal(*copies)


@pytest.mark.parametrize(("name", "pesq_at_least", "stoi_at_least"), [("griffin_lim", 3.2, 0.97), ("world", 2.5, 0.95)])
def test_quality_is_that_of_the_method(shared_data, name, pesq_at_least, stoi_at_least):
    """Griffin-Lim from 80 mels reaches PESQ 3.4 to 3.7 and STOI .975 on this speaker, WORLD 2.9 and .969."""
    pesq, stoi, soxr = (pytest.importorskip(name) for name in ("pesq", "pystoi", "soxr"))
    wave = speech(shared_data, PLAIN)
    copy = BASELINES[name].copy(wave, LogMel(PLAIN)(wave[None])[0], PLAIN, seeded(0))
    pair = [np.clip(soxr.resample(w.numpy(), 22050, 16000), -1, 1) for w in (wave, copy)]
    assert pesq.pesq(16000, *pair, "wb") > pesq_at_least
    assert stoi.stoi(wave.numpy(), copy.numpy(), 22050) > stoi_at_least


def test_options_are_keywords_of_the_baseline():
    with pytest.raises(InputError, match="did you mean 'iterations'"):
        baseline_system("griffin_lim", {"iteration": 3})
    with pytest.raises(InputError, match="no option 'iterations'"):
        baseline_system("recording", {"iterations": 3})
