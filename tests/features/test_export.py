"""Exported features: kaldiio reads them, another logarithm is exact, and nothing of somebody else's is lost."""

from dataclasses import replace

import kaldiio
import numpy as np
import pytest

from vocoders import cli
from vocoders.errors import InputError
from vocoders.features.export import export_features
from vocoders.features.mel import MelSpec
from vocoders.io.features import FeatureReader, FeatureWriter, write_index
from vocoders.io.tables import read_table

HOP = 8
SPEC = MelSpec(sample_rate=1000, n_fft=16, win_size=16, hop_size=HOP, n_mels=4)
FRAMES = {"a": 5, "b": 9}


@pytest.fixture
def features(tmp_path):
    return make(tmp_path / "dump")


def make(directory, spec=SPEC, seed=0):
    random = np.random.default_rng(seed)
    with FeatureWriter(directory / "feats.1.h5") as part:
        for utt, frames in FRAMES.items():
            mel = random.uniform(np.log(1e-5), 2, (frames, 4)).astype(np.float32)
            part.write(utt, np.zeros(frames * HOP, np.int16), mel)
    spec.save(directory / "mel.yaml")
    write_index(directory)
    return directory


def test_what_is_exported_is_what_kaldiio_reads(features, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["export-features", str(features), str(out)]) == 0
    assert f"{out}: 2 utterances, 14 frames" in capsys.readouterr().out
    found, reader = kaldiio.load_scp(str(out / "feats.scp")), FeatureReader(features)
    for utt in FRAMES:
        np.testing.assert_array_equal(found[utt], reader.mel(utt).T)
    assert read_table(out / "utt2num_frames") == {"a": "5", "b": "9"}
    assert MelSpec.load(out) == SPEC


@pytest.mark.parametrize(("log", "unit"), [("log10", np.log(10)), ("db", np.log(10) / 20)])
def test_another_logarithm_is_a_factor(features, tmp_path, log, unit):
    export_features(features, tmp_path / "out", log=log)
    found, reader = kaldiio.load_scp(str(tmp_path / "out/feats.scp")), FeatureReader(features)
    for utt in FRAMES:
        np.testing.assert_allclose(found[utt], reader.mel(utt).T.astype(np.float64) / unit, rtol=3e-7)
    assert MelSpec.load(tmp_path / "out") == replace(SPEC, log=log)


def test_again_it_is_written_anew_and_with_compression_is_smaller(features, tmp_path):
    out = tmp_path / "out"
    export_features(features, out)
    before = (out / "feats.ark").read_bytes()
    for name in ("feats.scp", "utt2num_frames"):  # as if killed
        (out / name).unlink()
    (out / ".feats.x.partial.ark").write_text("left over")
    export_features(features, out)
    assert (out / "feats.ark").read_bytes() == before
    names = ["export.json", "feats.ark", "feats.scp", "mel.yaml", "utt2num_frames"]
    assert sorted(path.name for path in out.iterdir()) == names
    export_features(make(tmp_path / "other", seed=1), out, compress=True)
    assert (out / "feats.ark").stat().st_size < len(before)


def test_no_mels_are_left_under_other_settings_when_writing_fails(features, tmp_path, monkeypatch):
    export_features(features, tmp_path / "out")
    monkeypatch.setattr(FeatureReader, "mel", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_features(features, tmp_path / "out", log="log10")
    assert MelSpec.load(tmp_path / "out").log == "log10"
    assert not any((tmp_path / "out" / name).exists() for name in ("feats.scp", "feats.ark", "utt2num_frames"))


def test_nothing_of_somebody_else_is_written_over(features, tmp_path):
    with pytest.raises(InputError, match="is a feature directory; name another"):
        export_features(features, features)
    theirs = tmp_path / "kaldi"
    SPEC.save(theirs / "mel.yaml")  # as features/source.py would have it beside their table
    for name in ("feats.scp", "utt2num_frames", "feats.ark", "mel.yaml"):
        (theirs / name).write_text(f"their {name}")
    for name in ("feats.scp", "feats.ark", "utt2num_frames", "mel.yaml"):  # fewer and fewer
        with pytest.raises(InputError, match=f"has a {name} that this export did not write; name another"):
            export_features(features, theirs)
        assert all(path.read_text() == f"their {path.name}" for path in theirs.iterdir())
        (theirs / name).unlink()


def test_mels_that_end_at_a_range_have_no_other_logarithm(tmp_path):
    spec = replace(SPEC, log="db", reference=20, unit_range=(-100, 0))
    with pytest.raises(InputError, match=r"limits of unit_range \[-100.0, 0.0\], so they have no exact ln"):
        export_features(make(tmp_path / "dump", spec), tmp_path / "out", log="ln")
    assert not (tmp_path / "out").exists()
