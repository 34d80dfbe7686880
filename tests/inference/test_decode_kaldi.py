"""Features of other toolkits decode to the waves that our own feature directory gives."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
import yaml

from vocoders import cli, config
from vocoders.checkpoint import build_model
from vocoders.errors import InputError
from vocoders.features.export import export_features
from vocoders.features.mel import LogMel, MelSpec
from vocoders.inference.decode import Decoder
from vocoders.inference.system import baseline_system, model_system
from vocoders.interface import SpeechBatch
from vocoders.io.audio import read_wave, to_int16
from vocoders.io.features import FeatureReader, FeatureWriter, write_index
from vocoders.io.kaldi import write_archive
from vocoders.io.tables import read_table, write_table

SPEC = MelSpec(sample_rate=8000, n_fft=256, win_size=256, hop_size=64, n_mels=20)
THEIRS = {"sampling_rate": 8000, "fft_size": 256, "hop_size": 64, "win_length": None, "window": "hann"}
THEIRS |= {"num_mels": 20, "fmin": 0, "fmax": None}
FRAMES = {"a": 50, "b": 41}


@pytest.fixture
def features(tmp_path):
    """Of noise that swells, so that no frame is like another."""
    random = np.random.default_rng(0)
    with FeatureWriter(tmp_path / "dump/feats.1.h5") as part:
        for utt, frames in FRAMES.items():
            wave = random.normal(size=frames * SPEC.hop_size) * np.linspace(0, 0.3, frames * SPEC.hop_size)
            wave, _ = to_int16(wave.clip(-1, 1))
            mel = LogMel(SPEC)(torch.from_numpy(wave / 32768)[None])[0].T.float().contiguous().numpy()
            part.write(utt, wave, mel)
    SPEC.save(tmp_path / "dump/mel.yaml")
    write_index(tmp_path / "dump")
    return tmp_path / "dump"


@pytest.fixture
def system(features, repository):
    """A tiny WaveGrad whose every layer matters, decoding in three steps."""
    torch.manual_seed(0)
    section = config.load(repository / "egs/TEMPLATE/voc1/conf/wavegrad_tiny.yaml")["model"]
    vocoder = build_model(section, SPEC).eval()
    reader = FeatureReader(features)
    wave = torch.from_numpy(reader.wave("a") / 32768).float()
    vocoder.initialize([SpeechBatch(wave[None], torch.from_numpy(reader.mel("a"))[None])])
    for parameter in vocoder.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    vocoder.checkpoint_info = {"path": "exp/x/best.pt", "model": "wavegrad", "step": 1, "seconds": 1.0, "config": {}}
    return model_system(vocoder, {"steps": 3})


def waves(directory):
    return {utt: read_wave(path)[0] for utt, path in read_table(directory / "wav.scp").items()}


def same_bytes(one, other):
    names = sorted(path.name for path in (one / "wav").iterdir())
    return names == ["a.wav", "b.wav"] and all(
        (one / "wav" / name).read_bytes() == (other / "wav" / name).read_bytes() for name in names
    )


def test_exported_features_decode_to_the_same_bytes(features, system, tmp_path):
    Decoder(system, features, tmp_path / "ours").run()
    export_features(features, tmp_path / "export")
    for number, path in enumerate(("export", "export/feats.scp", "export/feats.ark")):
        Decoder(system, tmp_path / path, tmp_path / f"kaldi{number}").run()
        assert same_bytes(tmp_path / "ours", tmp_path / f"kaldi{number}")


def test_exported_with_another_logarithm_they_decode_to_the_same_waves_within_rounding(features, system, tmp_path):
    Decoder(system, features, tmp_path / "ours").run()
    export_features(features, tmp_path / "export", log="log10")
    Decoder(system, tmp_path / "export", tmp_path / "kaldi", convert_mel=True).run()
    ours, theirs = waves(tmp_path / "ours"), waves(tmp_path / "kaldi")
    for utt in FRAMES:
        np.testing.assert_allclose(theirs[utt], ours[utt], atol=2.5 / 32768)  # a step of 16 bits or two


def parallel_wavegan(features, directory):
    """What its preprocess.py and normalize.py would leave: log10, floor 1e-10, divided by its statistics."""
    spec, reader = replace(SPEC, log="log10", floor=1e-10), FeatureReader(features)
    mels = {
        utt: LogMel(spec)(torch.from_numpy(reader.wave(utt) / 32768)[None])[0].T.numpy() for utt in reader.utterances
    }
    every = np.concatenate([*mels.values()])
    mean, scale = every.mean(0).astype(np.float32), every.std(0).astype(np.float32)
    with h5py.File(directory / "stats.h5", "w") as file:
        file["mean"], file["scale"] = mean, scale
    (directory / "pwg.yaml").write_text(yaml.safe_dump(THEIRS))
    normalised = ((utt, ((mel - mean) / scale).astype(np.float32)) for utt, mel in mels.items())
    write_table(directory / "feats.scp", write_archive(directory / "raw.ark", normalised))
    given = {"mel_config": directory / "pwg.yaml", "stats": directory / "stats.h5"}
    return directory / "feats.scp", given


def test_normalised_log10_mels_decode_as_ours_within_rounding(features, system, tmp_path):
    table, given = parallel_wavegan(features, tmp_path)
    with pytest.raises(InputError, match=r"log: log10 != ln; floor: 1e-10 != 1e-05\), but can be converted"):
        Decoder(system, table, tmp_path / "refused", **given)
    assert not (tmp_path / "refused").exists()

    Decoder(system, features, tmp_path / "ours").run()
    Decoder(system, table, tmp_path / "theirs", convert_mel=True, **given).run()
    ours, theirs = waves(tmp_path / "ours"), waves(tmp_path / "theirs")
    for utt, frames in FRAMES.items():
        assert len(ours[utt]) == frames * SPEC.hop_size and np.abs(ours[utt]).max() > 0.01
        np.testing.assert_allclose(theirs[utt], ours[utt], atol=2.5 / 32768)  # a step of 16 bits or two
    settings = json.loads((tmp_path / "theirs/system.json").read_text())
    assert MelSpec(**settings["mel"]) == replace(SPEC, log="log10", floor=1e-10)


def test_other_mels_are_refused_with_both_specs(features, system, tmp_path):
    table, given = parallel_wavegan(features, tmp_path)
    (tmp_path / "pwg.yaml").write_text(yaml.safe_dump({**THEIRS, "fmin": 80, "hop_size": 80}))
    with pytest.raises(InputError, match=r"features != checkpoint: hop_size: 80 != 64; f_min: 80.0 != 0.0; log: "):
        Decoder(system, table, tmp_path / "out", convert_mel=True, **given)
    assert not (tmp_path / "out").exists()


def test_other_statistics_decode_anew(features, system, tmp_path):
    table, given = parallel_wavegan(features, tmp_path)
    Decoder(system, table, tmp_path / "out", convert_mel=True, **given).run()
    before = waves(tmp_path / "out")
    np.save(tmp_path / "other.npy", np.stack([np.full(20, -2.0), np.ones(20)]))
    given["stats"] = tmp_path / "other.npy"
    Decoder(system, table, tmp_path / "out", convert_mel=True, **given).run()
    assert all((wave != before[utt]).any() for utt, wave in waves(tmp_path / "out").items())


def test_griffin_lim_needs_the_mel_alone_and_copies_need_the_recording(features, tmp_path):
    export_features(features, tmp_path / "export")
    Decoder(baseline_system("griffin_lim", {"iterations": 2}), features, tmp_path / "ours").run()
    Decoder(baseline_system("griffin_lim", {"iterations": 2}), tmp_path / "export", tmp_path / "kaldi").run()
    assert same_bytes(tmp_path / "ours", tmp_path / "kaldi")
    for name in ("recording", "world"):
        with pytest.raises(InputError, match="has mels only, and this system copies the recording"):
            Decoder(baseline_system(name, {}), tmp_path / "export", tmp_path / name).run()
        assert not (tmp_path / name).exists()


def test_a_bad_mel_is_told_before_anything_is_written(features, system, tmp_path):
    mels = {utt: np.zeros((frames, 20), np.float32) for utt, frames in FRAMES.items()}
    mels["a"][7, 3] = np.inf
    write_table(tmp_path / "feats.scp", write_archive(tmp_path / "feats.ark", mels.items()))
    SPEC.save(tmp_path / "mel.yaml")
    with pytest.raises(InputError, match=r"feats.scp: a: frame 7, band 3 is inf"):
        Decoder(system, tmp_path / "feats.scp", tmp_path / "out").run()
    assert not (tmp_path / "out").exists()


def test_the_command_line(features, tmp_path, capsys):
    table, given = parallel_wavegan(features, tmp_path)
    named = [word for key, value in given.items() for word in (f"--{key}", str(value))]
    status = cli.main(["decode", "griffin_lim", str(table), str(tmp_path / "out"), *named, "--decode.iterations", "2"])
    assert status == 0 and "2 utterances, 0.7 s" in capsys.readouterr().out
    assert cli.main(["decode", "griffin_lim", str(features), str(tmp_path / "no"), *named]) == 1
    assert "has its own mel.yaml: leave out --mel_config and --stats" in capsys.readouterr().err
