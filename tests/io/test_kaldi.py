"""Kaldi's tables and archives: kaldiio's own writing is read back, and what is wrong is named."""

import pickle

import kaldiio
import numpy as np
import pytest

from vocoders.errors import InputError
from vocoders.io.kaldi import KaldiReader, write_archive
from vocoders.io.tables import write_table

BANDS = 5
FRAMES = {"a": 20, "b": 7, "c": 33}


def mels(seed=0):
    generator = np.random.default_rng(seed)
    return {utt: generator.normal(size=(frames, BANDS)).astype(np.float32) for utt, frames in FRAMES.items()}


def write(directory, **options):
    kaldiio.save_ark(str(directory / "feats.ark"), mels(), scp=str(directory / "feats.scp"), **options)
    return directory / "feats.scp"


FORMS = [{}, {"text": True}, *({"compression_method": method} for method in (1, 2, 3, 5))]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("suffix", [".scp", ".ark"])
def test_archives_of_every_form_are_what_kaldiio_reads(tmp_path, form, suffix):
    table = write(tmp_path, **form)
    expected = kaldiio.load_scp(str(table))
    reader = KaldiReader(table.with_suffix(suffix), n_mels=BANDS)
    assert reader.utterances == list(FRAMES) and reader.frames == FRAMES
    for utt, mel in mels().items():
        found = reader.mel(utt)
        assert found.dtype == np.float32 and found.flags.c_contiguous
        np.testing.assert_array_equal(found, expected[utt].T)
        np.testing.assert_allclose(found, mel.T, atol=0.05)
        np.testing.assert_array_equal(reader.mel(utt, 2, 6), found[:, 2:6])


def test_doubles_numpy_files_commands_and_ranges(tmp_path):
    mel = mels()["c"]
    kaldiio.save_ark(str(tmp_path / "d.ark"), {"x": mel.astype(np.float64)}, scp=str(tmp_path / "d.scp"))
    double = (tmp_path / "d.scp").read_text().split()[1]
    np.save(tmp_path / "c.npy", mel)
    kaldiio.save_mat(str(tmp_path / "c.mat"), mel)
    places = {
        "command": f"cat {tmp_path}/c.mat |",
        "double": double,
        "numpy": f"{tmp_path}/c.npy",
        "range": f"{double}[2:11]",
        "square": f"{double}[3:3,0:4]",
        "whole": f"{tmp_path}/c.mat",
    }
    write_table(tmp_path / "feats.scp", places)
    reader = KaldiReader(tmp_path / "feats.scp", n_mels=BANDS)
    assert list(reader.frames.values()) == [33, 33, 33, 10, 1, 33]
    for utt, expected in zip(places, [mel, mel, mel, mel[2:12], mel[3:4], mel]):
        np.testing.assert_array_equal(reader.mel(utt), expected.T)


def test_text_that_begins_with_an_integer_keeps_its_decimals(tmp_path):
    (tmp_path / "feats.ark").write_text("a  [\n  -5 1.25 1e-05\n  0 -0.5 3 ]\nb  [\n  1 2 3 ]\n")
    reader = KaldiReader(tmp_path / "feats.ark", n_mels=3)
    np.testing.assert_array_equal(reader.mel("a").T, np.float32([[-5, 1.25, 1e-5], [0, -0.5, 3]]))
    np.testing.assert_array_equal(reader.mel("b").T, np.float32([[1, 2, 3]]))


def test_normalisation_is_undone_and_changes_the_digest(tmp_path):
    mean, deviation = np.arange(BANDS) - 3.0, np.arange(BANDS) + 0.5
    kaldiio.save_ark(
        str(tmp_path / "n.ark"),
        {utt: ((mel - mean) / deviation).astype(np.float32) for utt, mel in mels().items()},
    )
    plain = KaldiReader(write(tmp_path), n_mels=BANDS)
    brought_back = KaldiReader(tmp_path / "n.ark", n_mels=BANDS, statistics=(mean, deviation))
    for utt in FRAMES:
        np.testing.assert_allclose(brought_back.mel(utt), plain.mel(utt), atol=1e-6)
    digests = {plain.digest(), brought_back.digest(), KaldiReader(tmp_path / "n.ark", n_mels=BANDS).digest()}
    assert len(digests) == 3 and KaldiReader(tmp_path / "feats.ark", n_mels=BANDS).digest() in digests


def test_only_headers_are_read_before_the_mels_are(tmp_path):
    table = write(tmp_path)
    archive = (tmp_path / "feats.ark").read_bytes()
    (tmp_path / "feats.ark").write_bytes(archive[:-8])
    reader = KaldiReader(table, n_mels=BANDS)
    assert reader.frames == FRAMES
    reader.mel("b")
    with pytest.raises(InputError, match=r"feats.scp: c: .*feats.ark:\d+: truncated"):
        reader.digest()


@pytest.mark.parametrize("compress", [False, True])
def test_what_is_written_is_read_by_kaldiio(tmp_path, compress):
    places = write_archive(tmp_path / "out.ark", mels().items(), compress=compress)
    write_table(tmp_path / "out.scp", places)
    found = kaldiio.load_scp(str(tmp_path / "out.scp"))
    assert dict(found).keys() == FRAMES.keys()
    for utt, mel in mels().items():
        assert np.abs(found[utt] - mel).max() <= (0.05 if compress else 0)
    assert (tmp_path / "out.ark").stat().st_size < (1000 if compress else 2000)


def one(directory, matrix):
    return write_archive(directory / "x.ark", [("a", np.asarray(matrix, dtype=np.float32))])["a"]


def with_nan():
    matrix = np.zeros((4, BANDS))
    matrix[2, 3] = np.nan
    return matrix


BAD = {
    "other_bands": (lambda d: one(d, np.zeros((9, 4))), r"a: expected \[frames, 5\] as .*, found \(9, 4\)"),
    "no_frames": (lambda d: one(d, np.zeros((0, BANDS))), r"a: expected \[frames, 5\]"),
    "nan": (lambda d: one(d, with_nan()), "a: frame 2, band 3 is nan, not a finite number"),
    "no_file": (lambda d: "nowhere.ark:4", "a: nowhere.ark: No such file or directory; paths in it start where"),
    "beyond_the_end": (lambda d: one(d, np.zeros((4, BANDS))) + "99999", "a: .*truncated, or not a matrix of Kaldi"),
    "not_an_archive": (lambda d: str(garbage(d)), "a: .*truncated, or not a matrix of Kaldi"),
    "failing_command": (lambda d: "false |", "a: false |: the command failed with status 1"),
    "objects": (lambda d: str(objects(d)), "a: not an array of numpy"),
}


def garbage(directory):
    (directory / "x").write_bytes(bytes(range(256)))
    return directory / "x"


def objects(directory):
    np.save(directory / "x.npy", np.array([{}]), allow_pickle=True)
    return directory / "x.npy"


@pytest.mark.parametrize(("place", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named(tmp_path, place, message):
    write_table(tmp_path / "feats.scp", {"a": place(tmp_path)})
    with pytest.raises(InputError, match=message):
        KaldiReader(tmp_path / "feats.scp", n_mels=BANDS).mel("a")


def test_pickles_are_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    (tmp_path / "feats.ark").write_bytes(b"a PKL" + pickle.dumps(Trap()))
    with pytest.raises(InputError, match="not a matrix of Kaldi"):
        KaldiReader(tmp_path / "feats.ark", n_mels=BANDS)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("utterance", ["../a", "a/b", "é"])
def test_ids_that_are_no_file_names_are_refused(tmp_path, utterance):
    kaldiio.save_ark(str(tmp_path / "feats.ark"), {utterance: mels()["a"]}, scp=str(tmp_path / "feats.scp"))
    for name in ("feats.ark", "feats.scp"):
        with pytest.raises(InputError, match="has characters other than"):
            KaldiReader(tmp_path / name, n_mels=BANDS)


def test_lengths_come_from_the_table_if_there_is_one_and_must_be_true(tmp_path):
    table = write(tmp_path)
    write_table(tmp_path / "utt2num_frames", {"a": 20, "b": 8, "z": 1})
    reader = KaldiReader(table, n_mels=BANDS)
    assert reader.frames == {"a": 20, "b": 8, "c": 33}
    with pytest.raises(InputError, match="b: has 7 frames, utt2num_frames says 8; remove that table"):
        reader.mel("b")
    write_table(tmp_path / "utt2num_frames", {"a": "many"})
    with pytest.raises(InputError, match="utt2num_frames: a: expected a number of frames, found 'many'"):
        KaldiReader(table, n_mels=BANDS)
