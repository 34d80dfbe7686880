import math
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
import torchaudio

from vocoders.errors import InputError
from vocoders.features.filter_bank import band_edges, filter_bank
from vocoders.features.mel import LogMel, MelSpec, convert
from vocoders.io.audio import read_wave

CONF = Path(__file__).resolve().parents[2] / "egs" / "TEMPLATE" / "voc1" / "conf"
FILES = sorted(CONF.glob("mel_*.yaml"))
NVIDIA = MelSpec(22050, 1024, 1024, 256, 80, f_max=8000)


def noise(spec, frames=40, seed=0):
    """Coloured noise with a rest of silence, so that floors are reached: float64 [T]."""
    generator = np.random.default_rng(seed)
    wave = (
        np.cumsum(generator.normal(size=frames * spec.hop_size)) / 300
        + generator.normal(size=frames * spec.hop_size) / 30
    )
    wave[: len(wave) // 4] = 0
    return wave / np.abs(wave).max() * 0.7


def log_mel(spec, wave):
    return LogMel(spec)(torch.from_numpy(wave)[None])[0].numpy()


def test_the_named_specs_are_those_of_the_published_front_ends():
    assert {path.stem for path in FILES} >= {
        "mel_nvidia_22k",
        "mel_nvidia_22k_hop300",
        "mel_lmnt_22k",
        "mel_lmnt_wavegrad_22k",
        "mel_lmnt_wavegrad_24k",
        "mel_ivanvovk_22k",
        "mel_tacotron2_paper_24k",
        "mel_wavegrad_paper_24k",
    }
    assert MelSpec.load(CONF / "mel_nvidia_22k.yaml") == NVIDIA


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_named_spec_says_its_source_and_has_no_empty_band(path, tmp_path):
    assert path.read_text().startswith("# ")
    spec = MelSpec.load(path)
    assert (filter_bank(spec).sum(1) > 0).all()
    spec.save(tmp_path / "mel.yaml")
    assert MelSpec.load(tmp_path) == spec == MelSpec(**spec.as_dict())
    assert MelSpec.load(tmp_path).hash == spec.hash


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize("f_min, f_max", [(0, 8000), (20, None), (80, 7600)])
def test_filters_are_those_of_librosa_and_torchaudio(scale, norm, f_min, f_max):
    spec = replace(NVIDIA, mel_scale=scale, mel_norm=norm, f_min=f_min, f_max=f_max)
    ours, ceiling = filter_bank(spec).numpy(), f_max or 11025
    theirs = librosa.filters.mel(
        sr=22050,
        n_fft=1024,
        n_mels=80,
        fmin=f_min,
        fmax=ceiling,
        htk=scale == "htk",
        norm=norm,
        dtype=np.float64,
    )
    assert np.abs(ours - theirs).max() < 1e-12
    torchaudios = torchaudio.functional.melscale_fbanks(513, f_min, ceiling, 80, 22050, norm=norm, mel_scale=scale)
    assert np.abs(ours - torchaudios.T.numpy()).max() < 2e-4 * ours.max()  # computed in float32 there


def nvidia_reference(wave, hop=256):
    """As tacotron2/layers.py describes it, by librosa: Slaney mels of magnitudes, ln of at least 1e-5."""
    mel = librosa.feature.melspectrogram(
        y=wave,
        sr=22050,
        n_fft=1024,
        hop_length=hop,
        power=1,
        n_mels=80,
        fmin=0,
        fmax=8000,
        pad_mode="reflect",
    )
    return np.log(np.maximum(mel, 1e-5))


def torchaudio_mel(wave, **settings):
    transform = torchaudio.transforms.MelSpectrogram(center=True, pad_mode="reflect", mel_scale="htk", **settings)
    return transform.double()(torch.from_numpy(wave)).numpy()


def lmnt_reference(wave, rate=22050, n_fft=1024, win=1024, hop=256, mels=80):
    mel = torchaudio_mel(
        wave,
        sample_rate=rate,
        n_fft=n_fft,
        win_length=win,
        hop_length=hop,
        f_min=20.0,
        f_max=rate / 2,
        power=1.0,
        normalized=True,
        n_mels=mels,
    )
    return np.clip((20 * np.log10(np.maximum(mel, 1e-5)) - 20 + 100) / 100, 0, 1)


def ivanvovk_reference(wave):
    mel = torchaudio_mel(wave, sample_rate=22050, n_fft=1024, hop_length=300, f_min=80, f_max=8000, n_mels=80)
    with np.errstate(divide="ignore"):
        decibels = np.log10(mel)
    return np.where(np.isneginf(decibels), 0, decibels)


def paper_reference(wave, mels, f_min, f_max, floor):
    mel = librosa.feature.melspectrogram(
        y=wave,
        sr=24000,
        n_fft=2048,
        win_length=1200,
        hop_length=300,
        power=1,
        n_mels=mels,
        fmin=f_min,
        fmax=f_max,
        htk=True,
        norm=None,
        pad_mode="reflect",
    )
    return np.log(np.maximum(mel, floor))


def espnet_reference(wave):
    magnitude = np.abs(librosa.stft(wave, n_fft=1024, hop_length=256, pad_mode="reflect"))
    basis = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=80, fmax=7600)
    return np.log10(np.maximum(1e-10, basis @ magnitude))


REFERENCES = {
    "mel_espnet_22k": (espnet_reference, 1e-6),
    "mel_nvidia_22k": (nvidia_reference, 1e-6),
    "mel_nvidia_22k_hop300": (lambda wave: nvidia_reference(wave, 300), 1e-6),
    "mel_lmnt_22k": (lmnt_reference, 1e-4),  # torchaudio's filters are float32
    "mel_lmnt_wavegrad_22k": (lambda wave: lmnt_reference(wave, 22050, 2048, 1200, 300, 128), 1e-4),
    "mel_lmnt_wavegrad_24k": (lambda wave: lmnt_reference(wave, 24000, 2048, 1200, 300, 128), 1e-4),
    "mel_ivanvovk_22k": (ivanvovk_reference, 1e-3),
    "mel_tacotron2_paper_24k": (lambda wave: paper_reference(wave, 80, 125, 7600, 0.01), 1e-6),
    "mel_wavegrad_paper_24k": (lambda wave: paper_reference(wave, 128, 20, 12000, 1e-5), 1e-6),
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_front_ends_are_those_of_the_libraries(path):
    """The formula of each source, written out with the library that the source uses."""
    spec, (reference, tolerance) = MelSpec.load(path), REFERENCES[path.stem]
    wave = noise(spec)
    ours, theirs = log_mel(spec, wave), reference(wave)[:, :40]  # theirs have one frame more
    assert ours.shape == theirs.shape == (spec.n_mels, 40)
    assert np.abs(ours - theirs).max() < tolerance


@pytest.mark.parametrize("power, factor", [(1, 20), (2, 10)])
def test_decibels_are_those_of_the_spectrum(power, factor):
    spec = replace(NVIDIA, power=power, log="db", floor=1e-10)
    wave = noise(spec)
    mel = librosa.feature.melspectrogram(
        y=wave, sr=22050, n_fft=1024, hop_length=256, power=power, n_mels=80, fmax=8000
    )
    expected = factor * np.log10(np.maximum(mel, 1e-10))[:, :40]
    middle = slice(15, -3)  # librosa pads with zeros here
    assert np.abs(log_mel(spec, wave) - expected)[:, middle].max() < 1e-5
    band = spec.to_magnitude(torch.tensor([factor * 3.0], dtype=torch.float64))
    assert band.item() == pytest.approx(1000 if power == 1 else 1000**0.5)


def test_real_speech_in_single_precision(shared_data):
    wave, _ = read_wave(shared_data / "LJSpeech-1.1" / "wavs" / "LJ001-0001.wav")
    wave = wave[: len(wave) // 256 * 256]
    assert np.abs(log_mel(NVIDIA, wave) - nvidia_reference(wave)[:, : len(wave) // 256]).max() < 3e-3
    assert np.abs(log_mel(NVIDIA, wave.astype(np.float64)) - nvidia_reference(wave)[:, : len(wave) // 256]).max() < 1e-5


def test_a_tone_lands_in_its_band_with_its_magnitude():
    """A sine of amplitude a on a bin has the magnitude a / 2 * sum(window) there, half of it beside."""
    spec = replace(NVIDIA, mel_norm=None, mel_scale="htk", f_max=None)
    bin_, amplitude = 100, 0.3
    wave = amplitude * np.sin(2 * np.pi * bin_ / 1024 * np.arange(40 * 256))
    mel = np.exp(log_mel(spec, wave))[:, 10:-10]
    edges, frequency = band_edges(spec).numpy(), bin_ * 22050 / 1024
    band = int(np.argmin(np.abs(edges[1:-1] - frequency)))
    step, peak = 22050 / 1024, amplitude / 2 * 512
    weight = [np.interp(f, edges[band : band + 3], [0, 1, 0]) for f in (frequency - step, frequency, frequency + step)]
    assert np.argmax(mel.mean(1)) == band
    assert np.allclose(mel[band], peak * np.dot(weight, [0.5, 1, 0.5]), rtol=1e-6)


@pytest.mark.parametrize("center, offset", [(True, 0), (False, 0.5)])
def test_frame_i_is_centred_at_its_hop(center, offset):
    spec = replace(NVIDIA, center=center)
    for frame in (0, 1, 13, 39):
        wave = np.zeros(40 * 256)
        wave[int((frame + offset) * 256)] = 1
        energy = np.exp(log_mel(spec, wave)).sum(0)
        assert energy.shape == (40,) and np.argmax(energy) == frame
        inside = energy[frame + 1 : frame + 3], energy[max(frame - 2, 0) : frame][::-1]
        if all(map(len, inside)) and frame not in (0, 1, 39):
            assert np.allclose(*inside)


def test_batches_and_precisions_agree():
    waves = torch.from_numpy(np.stack([noise(NVIDIA, seed=seed) for seed in range(3)]))
    transform = LogMel(NVIDIA)
    together = transform(waves)
    assert together.dtype == torch.float64 and transform(waves.float()).dtype == torch.float32
    for wave, mel in zip(waves, together):
        assert torch.allclose(transform(wave[None])[0], mel, atol=1e-12)
    assert torch.allclose(transform(waves.float()).double(), together, atol=1e-2)


def test_waves_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1000 samples are not a multiple of hop_size 256"):
        LogMel(NVIDIA)(torch.zeros(1, 1000))
    with pytest.raises(ValueError, match="512 samples are too few to reflect 512"):
        LogMel(NVIDIA)(torch.zeros(1, 512))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_to_magnitude_undoes_log_range_power_and_normalisation(path):
    """Halving a wave halves its magnitudes, and they are those of the plain front end."""
    spec = MelSpec.load(path)
    wave = noise(spec)[10 * spec.hop_size :]
    full, half = (spec.to_magnitude(torch.from_numpy(log_mel(spec, gain * wave))).numpy() for gain in (1, 0.5))
    assert np.allclose(full[:, 8:], 2 * half[:, 8:], rtol=1e-6)
    plain = replace(spec, stft_normalized=False, log="ln", floor=1e-12, silence=None, reference=0, unit_range=None)
    linear = np.exp(log_mel(plain, wave)) ** (1 / spec.power)
    assert np.allclose(full[:, 8:], linear[:, 8:], rtol=1e-6)


def test_digital_silence_is_the_floor_or_the_quirk():
    for name, expected in (("nvidia_22k", math.log(1e-5)), ("lmnt_22k", 0.0), ("ivanvovk_22k", 0.0)):
        spec = MelSpec.load(CONF / f"mel_{name}.yaml")
        mel = LogMel(spec)(torch.zeros(1, 10 * spec.hop_size))
        assert torch.allclose(mel, torch.full_like(mel, expected), atol=1e-6)
    assert (spec.to_magnitude(mel) == 0).all()


CHANGES = {
    "sample_rate": 24000,
    "n_fft": 2048,
    "win_size": 1000,
    "hop_size": 300,
    "n_mels": 100,
    "f_min": 20.0,
    "f_max": 7600.0,
    "mel_scale": "htk",
    "mel_norm": None,
    "power": 2,
    "stft_normalized": True,
    "center": False,
    "log": "db",
    "floor": 1e-4,
    "reference": 20.0,
    "unit_range": (-9.0, 2.0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_changes_hash_and_difference(name):
    other = replace(NVIDIA, **{name: CHANGES[name]})
    assert other.hash != NVIDIA.hash
    assert NVIDIA.difference(other) == [f"{name}: {getattr(NVIDIA, name)} != {CHANGES[name]}"]


def test_silence_changes_the_hash_too():
    one, two = replace(NVIDIA, floor=None, silence=0), replace(NVIDIA, floor=None, silence=-12)
    assert len({NVIDIA.hash, one.hash, two.hash}) == 3


def test_two_spellings_of_one_spec_are_one():
    spelled = MelSpec(22050, 1024, 1024, 256, 80, f_min=0, f_max=11025)
    assert spelled == replace(spelled, f_max=None) and spelled.hash == replace(spelled, f_max=None).hash


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"n_mels": 0}, "mel.n_mels: expected a positive number, found 0"),
        ({"win_size": 2048}, "mel.win_size: 2048 does not fit in n_fft 1024"),
        ({"hop_size": 1025}, "mel.hop_size: 1025 skips samples"),
        ({"f_max": 12000}, "half of the sampling rate"),
        ({"f_min": 9000}, "expected 0 <= f_min < f_max"),
        ({"mel_scale": "bark"}, "mel.mel_scale: expected one of"),
        ({"floor": None}, "set exactly one"),
        ({"silence": 0.0}, "set exactly one"),
        ({"floor": -1.0}, "mel.floor: expected a positive number"),
        ({"unit_range": (0, -100)}, "mel.unit_range: expected"),
    ],
)
def test_impossible_specs_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        replace(NVIDIA, **changes)


def test_a_bad_file_is_named_with_its_key(tmp_path):
    (tmp_path / "mel.yaml").write_text(f"base: {CONF / 'mel_nvidia_22k.yaml'}\nhop_sise: 300\n")
    with pytest.raises(InputError, match=r"mel\.yaml: .*hop_sise.*hop_size"):
        MelSpec.load(tmp_path)
    (tmp_path / "mel.yaml").write_text(f"base: {CONF / 'mel_nvidia_22k.yaml'}\nhop_size: wide\n")
    with pytest.raises(InputError, match=r"mel\.yaml: .*mel\.hop_size"):
        MelSpec.load(tmp_path)


LOG10 = replace(NVIDIA, log="log10", floor=1e-3)
UNIT = replace(NVIDIA, log="db", reference=20, unit_range=(-100, 0))


@pytest.mark.parametrize("other", [LOG10, UNIT, replace(NVIDIA, log="db")], ids=["log10", "unit", "db"])
def test_conversion_is_the_other_front_end(other):
    wave = noise(NVIDIA)
    assert NVIDIA.convertible_to(other)
    converted = convert(torch.from_numpy(log_mel(NVIDIA, wave)), NVIDIA, other).numpy()
    assert np.abs(converted - log_mel(other, wave)).max() < 1e-9


@pytest.mark.parametrize(
    "source, target",
    [
        (LOG10, NVIDIA),  # a higher floor has lost what the lower one needs
        (UNIT, NVIDIA),  # so has a clamped range
        (NVIDIA, replace(NVIDIA, floor=None, silence=0)),  # floored values are not zeros
        (NVIDIA, replace(NVIDIA, hop_size=300)),
        (NVIDIA, replace(NVIDIA, power=2)),
    ],
)
def test_what_would_be_inexact_is_not_converted(source, target):
    assert not source.convertible_to(target)
    with pytest.raises(ValueError, match="cannot be converted exactly"):
        convert(torch.zeros(80, 3), source, target)
