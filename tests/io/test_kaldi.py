"""Kaldi's tables and archives: kaldiio's own writing is read back, and what is wrong is named."""

import logging
import pickle
import struct

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
        "columns": f"{tmp_path}/c.npy[:,0:4]",
        "command": f"cat {tmp_path}/c.mat |",
        "double": double,
        "numpy": f"{tmp_path}/c.npy",
        "range": f"{double}[2:11]",
        "square": f"{double}[3:3,0:4]",
        "whole": f"{tmp_path}/c.mat",
    }
    write_table(tmp_path / "feats.scp", places)
    reader = KaldiReader(tmp_path / "feats.scp", n_mels=BANDS)
    assert list(reader.frames.values()) == [33, 33, 33, 33, 10, 1, 33]
    for utt, expected in zip(places, [mel, mel, mel, mel, mel[2:12], mel[3:4], mel]):
        np.testing.assert_array_equal(reader.mel(utt), expected.T)


def test_commands_are_told_and_run_once_each(tmp_path, caplog):
    for utt, mel in mels().items():
        kaldiio.save_mat(str(tmp_path / f"{utt}.mat"), mel)
    places = {utt: f"echo {utt} >> {tmp_path}/runs; cat {tmp_path}/{utt}.mat |" for utt in "ab"}
    write_table(tmp_path / "feats.scp", {**places, "c": f"{tmp_path}/c.mat"})
    with caplog.at_level(logging.WARNING):
        reader = KaldiReader(tmp_path / "feats.scp", n_mels=BANDS)
    (record,) = caplog.records
    assert "feats.scp: runs 2 commands in the shell, the first is a: echo a >>" in record.getMessage()
    for utt in "abcba":
        np.testing.assert_array_equal(reader.mel(utt), mels()[utt].T)
    reader.digest()
    assert (tmp_path / "runs").read_text() == "a\nb\n"


def test_blanks_may_end_an_archive_but_nothing_may_follow_them(tmp_path):
    path, a, b = tmp_path / "feats.ark", "a  [\n  1 2\n  3 4 ]\n", "b  [\n  5 6 ]\n"
    for end in ("", "\n", " ", "\n \n\n"):
        path.write_text(a + b + end)
        assert KaldiReader(path, n_mels=2).frames == {"a": 2, "b": 1}
    for between in (" ", "\n ", " \n \n"):
        path.write_text(a + between + b)
        with pytest.raises(InputError, match=f"a blank instead of an id before byte {len(a + between)}; write it"):
            KaldiReader(path, n_mels=2)
    path.write_text(a.rstrip() + b)
    with pytest.raises(InputError, match=r"a: truncated, or not a matrix of Kaldi \(text after \] in its line\)"):
        KaldiReader(path, n_mels=2)


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
    "objects": (lambda d: numpy_file(d, np.array([{}])), "a: not an array of numpy"),
    "a_number": (lambda d: numpy_file(d, 3.0), r"a: expected a matrix of real numbers, found float64 \(\)"),
    "words": (lambda d: numpy_file(d, np.full((4, BANDS), "x")), "a: expected a matrix of real numbers, found <U1"),
    "complex": (lambda d: numpy_file(d, np.zeros((4, BANDS), complex)), "a: expected .* real .*, found complex128"),
    "zip": (lambda d: str(zipped(d)), "a: not an array of numpy"),
    "empty": (lambda d: str(garbage(d, b"", "x.npy")), "a: not an array of numpy"),
    "huge_numpy": (lambda d: str(huge_numpy(d)), "a: not an array of numpy"),
    "open_header": (lambda d: str(garbage(d, b"\x93NUMPY\1\0\1\0(", "x.npy")), "a: not an array of numpy"),
    "vector": (lambda d: vector(d), r"a: expected a matrix of real numbers, found float32 \(4,\)"),
    "header_only": (lambda d: str(garbage(d, b"\0B")), "a: .*truncated, or not a matrix of Kaldi"),
    "huge": (lambda d: str(garbage(d, sizes(2**31 - 1, 2**31 - 1))), "a: .*truncated, or not a matrix of Kaldi"),
    "below_zero": (lambda d: str(garbage(d, sizes(-1, BANDS) + bytes(40))), r"not a matrix of Kaldi \(-1 rows\)"),
    "beyond_float32": (lambda d: numpy_file(d, np.full((4, BANDS), 1e300)), "a: frame 0, band 0 is inf"),
    "offset": (lambda d: one(d, np.zeros((4, BANDS))) + "9" * 17, "a: .*x.ark"),
    "open_range": (lambda d: one(d, np.zeros((4, BANDS))) + "[2:]", r"a: .*\[2:\]: expected a range \[first:last\]"),
    "no_first": (lambda d: one(d, np.zeros((4, BANDS))) + "[:2]", r"expected a range \[first:last\]"),
    "step": (lambda d: one(d, np.zeros((4, BANDS))) + "[0:1:2]", r"expected a range \[first:last\]"),
    "single": (lambda d: one(d, np.zeros((4, BANDS))) + "[2]", r"expected a range \[first:last\]"),
    "three_ranges": (lambda d: one(d, np.zeros((4, BANDS))) + "[0:1,0:4,0:3]", r"expected a range \[first:last\]"),
    "rows": (lambda d: one(d, np.zeros((4, BANDS))) + "[0:4]", "a: range 0:4 of a matrix of 4 rows, numbered from 0"),
    "columns": (lambda d: one(d, np.zeros((4, BANDS))) + "[0:3,1:5]", "a: range 1:5 of a matrix of 5 columns"),
    "backwards": (lambda d: one(d, np.zeros((4, BANDS))) + "[2:1]", "a: range 2:1 of a matrix of 4 rows"),
}


def garbage(directory, content=bytes(range(256)), name="x"):
    (directory / name).write_bytes(content)
    return directory / name


def numpy_file(directory, values):
    np.save(directory / "x.npy", values, allow_pickle=True)
    return str(directory / "x.npy")


def zipped(directory):
    np.savez(directory / "x.npz", mel=np.zeros((4, BANDS)))
    return (directory / "x.npz").rename(directory / "x.npy")


def huge_numpy(directory):
    """A header that claims exabytes."""
    with open(directory / "x.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2**58, 5)})
    return directory / "x.npy"


def vector(directory):
    kaldiio.save_mat(str(directory / "x.vec"), np.zeros(4, np.float32))
    return str(directory / "x.vec")


def sizes(rows, columns):
    return b"\0BFM " + struct.pack("<bibi", 4, rows, 4, columns)


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
