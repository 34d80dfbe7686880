"""Other toolkits' mel settings: what they stand for is computed here with librosa, by their own formula."""

import logging

import librosa
import numpy as np
import pytest
import torch
import yaml

from vocoders.errors import InputError
from vocoders.features.foreign import load_mel_spec
from vocoders.features.mel import LogMel, MelSpec, convert
from vocoders.io.audio import read_wave

PARALLEL_WAVEGAN = {
    "sampling_rate": 22050,
    "fft_size": 1024,
    "hop_size": 256,
    "win_length": None,
    "window": "hann",
    "num_mels": 80,
    "fmin": 80,
    "fmax": 7600,
    "global_gain_scale": 1.0,
    "trim_silence": True,
    "batch_size": 6,
}
ESPNET_1 = {"fs": 22050, "n_fft": 1024, "n_shift": 256, "win_length": None, "window": "hann"}
ESPNET_1 |= {"n_mels": 80, "fmin": 80, "fmax": 7600}
ESPNET_2 = {
    "token_list": ["<blank>", "a"],
    "feats_extract": "fbank",
    "feats_extract_conf": {"fs": 22050, "n_fft": 1024, "hop_length": 256, "win_length": None, "n_mels": 80},
    "normalize": "global_mvn",
}
STYLES = {"parallel_wavegan": PARALLEL_WAVEGAN, "espnet_1": ESPNET_1, "espnet_2": ESPNET_2}


def write(directory, options):
    path = directory / "foreign.yaml"
    path.write_text(yaml.safe_dump(options))
    return path


def log_mel(wave, options, base=10.0):
    """log(max(eps, |stft| @ mel basis)) with librosa's defaults, as ParallelWaveGAN and ESPnet 1 have it: [C, L]."""
    rate, size = options["sampling_rate"], options["fft_size"]
    magnitude = np.abs(
        librosa.stft(
            wave,
            n_fft=size,
            hop_length=options["hop_size"],
            win_length=options["win_length"],
            window="hann",
            pad_mode="reflect",
        )
    )
    fmin, fmax = options["fmin"] or 0, options["fmax"] or rate / 2
    basis = librosa.filters.mel(sr=rate, n_fft=size, n_mels=options["num_mels"], fmin=fmin, fmax=fmax)
    mel = np.log(np.maximum(1e-10, basis @ magnitude))
    return mel if base is None else mel / np.log(base)


@pytest.fixture
def speech(shared_data):
    """Real speech with a tail of digital silence: float64 [T]."""
    wave, _ = read_wave(shared_data / "LJSpeech-1.1/wavs/LJ001-0003.wav")
    wave = wave[:30000].astype(np.float64)
    wave[-4000:] = 0
    return wave


CHANGES = [{}, {"win_length": 800, "hop_size": 200}, {"fmin": None, "fmax": None}, {"fft_size": 2048}]


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("base", [10.0, None])
def test_the_spec_of_parallel_wavegan_makes_its_mels(tmp_path, speech, change, base):
    options = {**PARALLEL_WAVEGAN, **change, "log_base": base}
    spec = load_mel_spec(write(tmp_path, options))
    speech = speech[: len(speech) // spec.hop_size * spec.hop_size]
    expected = log_mel(speech, options, base)
    ours = LogMel(spec)(torch.from_numpy(speech)[None])[0].numpy()
    assert (expected.min() < -9) if base else (expected.min() < -23)  # silence reaches the floor
    np.testing.assert_allclose(ours, expected[:, : ours.shape[1]], atol=1e-6)  # librosa has one frame more


def test_their_mels_convert_to_ours_exactly(tmp_path, speech):
    """Their log10 with its floor 1e-10 has all that the default mels of this program keep."""
    theirs = load_mel_spec(write(tmp_path, {**PARALLEL_WAVEGAN, "fmin": 0, "fmax": 8000}))
    ours = MelSpec(22050, 1024, 1024, 256, 80, f_max=8000)
    speech = torch.from_numpy(speech[: len(speech) // 256 * 256])[None]
    mel = torch.from_numpy(log_mel(speech[0].numpy(), {**PARALLEL_WAVEGAN, "fmin": 0, "fmax": 8000}))
    torch.testing.assert_close(convert(mel, theirs, ours)[None, :, :-1], LogMel(ours)(speech), atol=1e-5, rtol=0)
    assert not ours.convertible_to(theirs)  # what our floor took cannot come back


def test_espnet_2_differs_in_digital_silence_alone(tmp_path, speech):
    spec = load_mel_spec(write(tmp_path, ESPNET_2))
    speech = torch.from_numpy(speech[: len(speech) // 256 * 256])
    window = torch.hann_window(1024, dtype=torch.float64)
    power = torch.stft(speech, 1024, 256, 1024, window, center=True, return_complex=True).abs().square()
    basis = torch.from_numpy(librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=80, fmax=7600))
    theirs = (basis.double() @ power.clamp(min=1e-10).sqrt()).clamp(min=1e-10).log10()[:, :-1]
    ours = LogMel(spec)(speech[None])[0]
    silent = (ours == -10).all(0)
    assert silent.sum() > 5
    torch.testing.assert_close(ours[:, ~silent][:, :-4], theirs[:, ~silent][:, :-4], atol=1e-3, rtol=0)
    assert abs(theirs[:, silent].mean() + 6.3) < 0.1


def test_all_three_styles_and_our_own_file_say_the_same(tmp_path, repository, caplog):
    ours = repository / "egs/TEMPLATE/voc1/conf/mel_espnet_22k.yaml"
    with caplog.at_level(logging.INFO):
        specs = [load_mel_spec(write(tmp_path, options)) for options in (PARALLEL_WAVEGAN, ESPNET_1)]
        assert not caplog.records
        specs.append(load_mel_spec(write(tmp_path, ESPNET_2)))
        assert "digital silence" in caplog.text
    assert all(spec == MelSpec.load(ours) == load_mel_spec(ours) for spec in specs)
    flat = {**ESPNET_2["feats_extract_conf"], "fs": "22.05k", "fmin": 80, "fmax": 7600, "htk": True}
    assert load_mel_spec(write(tmp_path, flat)).mel_scale == "htk"


REFUSED = {
    "window": (PARALLEL_WAVEGAN, {"window": "hamming"}, "window 'hamming' cannot be expressed"),
    "base_2": (PARALLEL_WAVEGAN, {"log_base": 2.0}, "log_base: expected 10.0, or null .*, found 2.0"),
    "base_list": (PARALLEL_WAVEGAN, {"log_base": [10.0]}, r"log_base: expected 10.0, or null .*, found \[10.0\]"),
    "other_rate": (PARALLEL_WAVEGAN, {"sampling_rate_for_feats": 16000}, "sampling_rate_for_feats 16000 is not"),
    "absent": (PARALLEL_WAVEGAN, {"fmax": ...}, "has no fmax; write what the features were made with"),
    "espnet_absent": (ESPNET_1, {"fmin": ...}, "has no fmin"),
    "misspelt": (ESPNET_1, {"n_mel": 80}, "no option 'n_mel'; did you mean 'n_mels'"),
    "not_padded": (ESPNET_1, {"center": False}, "center False cannot be expressed, only True"),
    "not_mels": (ESPNET_2, {"feats_extract": "linear_spectrogram"}, "only fbank gives mels"),
    "conf_list": (ESPNET_2, {"feats_extract_conf": [{"fs": 22050}]}, "feats_extract_conf: expected a mapping, found"),
    "conf_text": (ESPNET_2, {"feats_extract_conf": "conf.yaml"}, "feats_extract_conf: expected a mapping, found 'conf"),
    "conf_empty": (ESPNET_2, {"feats_extract_conf": []}, "feats_extract_conf: expected a mapping, found"),
    "type": (ESPNET_1, {"n_fft": "many"}, "foreign.yaml: mel.*n_fft"),
    "kaldi": ({}, {"num-mel-bins": 80}, "Kaldi's own filter banks"),
}


@pytest.mark.parametrize(("base", "change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_exact_is_refused_with_the_reason(tmp_path, base, change, message):
    options = {key: value for key, value in {**base, **change}.items() if value is not ...}
    with pytest.raises(InputError, match=message):
        load_mel_spec(write(tmp_path, options))
