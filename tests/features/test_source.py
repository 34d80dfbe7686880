"""Where mels to decode come from, and that what cannot be a mel is refused."""

from dataclasses import replace

import librosa
import numpy as np
import pytest
import torch

from vocoders.errors import InputError
from vocoders.features.mel import LogMel, MelSpec
from vocoders.features.source import loudest, open_features
from vocoders.io.kaldi import write_archive
from vocoders.io.tables import write_table

SPEC = MelSpec(8000, 256, 256, 64, 20)
SPECS = [
    SPEC,
    MelSpec(8000, 256, 200, 64, 20, mel_scale="htk", mel_norm=None, power=2, log="log10", floor=1e-10),
    MelSpec(8000, 256, 256, 64, 20, stft_normalized=True, log="db", reference=20, unit_range=(-100, 40)),
]


@pytest.mark.parametrize("spec", SPECS, ids=["ln", "log10_power", "db_normalised"])
def test_no_wave_is_louder_than_the_loudest(spec):
    """A click train and waves at full scale stay below it, but not far."""
    random = torch.Generator().manual_seed(0)
    time = torch.arange(6400, dtype=torch.float64)
    waves = [torch.ones(6400), torch.rand(6400, generator=random).round() * 2 - 1, time % 256 == 0]
    waves += [torch.sin(2 * torch.pi * hertz / 8000 * time).sign() for hertz in (30, 100, 440, 3000)]
    mels = LogMel(spec)(torch.stack([wave.double() for wave in waves]))
    assert (mels <= loudest(spec)[:, None]).all()
    spread = loudest(spec) - mels.amax((0, 2))
    decade = {"ln": np.log(10), "log10": 1, "db": 20 / 140}[spec.log] * spec.power
    assert (spread < 1.5 * decade).all()  # not a bound for its own sake: within a factor of 30


def test_the_loudest_has_the_sum_of_the_window_in_every_bin():
    window = librosa.filters.get_window("hann", 256)
    basis = librosa.filters.mel(sr=8000, n_fft=256, n_mels=20, dtype=np.float64)
    np.testing.assert_allclose(loudest(SPEC), np.log(basis.sum(1) * window.sum()), atol=1e-6)


def write(directory, values):
    mels = [(utt, np.asarray(mel, dtype=np.float32)) for utt, mel in values.items()]
    write_table(directory / "feats.scp", write_archive(directory / "feats.ark", mels))
    return directory / "feats.scp"


def test_normalised_mels_are_not_taken_for_mels(tmp_path):
    random = np.random.default_rng(0)
    wave = torch.from_numpy(random.normal(size=6400) * 0.3).clamp(-1, 1)
    spec = replace(SPEC, log="log10", floor=1e-10)
    spec.save(tmp_path / "conf.yaml")
    mel = LogMel(spec)(wave[None])[0].numpy().T
    reader, found = open_features(write(tmp_path, {"a": mel}), mel_config=tmp_path / "conf.yaml")
    assert found == spec and reader.frames == {"a": 100}

    mean, deviation = mel.mean(0), mel.std(0)
    table = write(tmp_path, {"a": (mel - mean) / deviation})
    with pytest.raises(InputError, match=r"of the first 2000 values are louder than any wave in \[-1, 1\]; give the"):
        open_features(table, mel_config=tmp_path / "conf.yaml")
    np.save(tmp_path / "stats.npy", np.stack([mean, deviation]))
    reader, _ = open_features(table, mel_config=tmp_path / "conf.yaml", stats=tmp_path / "stats.npy")
    np.testing.assert_allclose(reader.mel("a").T, mel, atol=1e-5)


def test_settings_are_named_or_lie_beside(tmp_path):
    table = write(tmp_path, {"a": np.zeros((3, 20))})
    with pytest.raises(InputError, match="does not say how its mels were made; name the settings with --mel_config"):
        open_features(table)
    SPEC.save(tmp_path / "mel.yaml")
    for path in (table, tmp_path, tmp_path / "feats.ark"):
        assert open_features(path)[1] == SPEC
    with pytest.raises(InputError, match="none.scp: no such table"):
        open_features(tmp_path / "none.scp", mel_config=tmp_path / "mel.yaml")
