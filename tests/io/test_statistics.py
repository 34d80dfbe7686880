"""Statistics as each toolkit writes them, of one set of features, are the same ones."""

import h5py
import kaldiio
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from vocoders.errors import InputError
from vocoders.io.statistics import read_statistics

BANDS = 6
VALUES = np.random.default_rng(0).normal(size=(500, BANDS)) * [0.1, 1, 2, 3, 4, 5] - np.arange(BANDS)


def accumulators(values=VALUES):
    return np.stack([np.append(values.sum(0), len(values)), np.append((values**2).sum(0), 0)])


def hdf5(path):
    scaler = StandardScaler().fit(VALUES)
    with h5py.File(path, "w") as file:
        file["mean"], file["scale"] = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)


def speakers(path):
    with h5py.File(path, "w") as file:
        file["p225/mean"], file["p225/scale"] = np.zeros(BANDS), np.ones(BANDS)


def rows(path):
    scaler = StandardScaler().fit(VALUES)
    np.save(path, np.stack([scaler.mean_, scaler.scale_]).astype(np.float32))


WRITERS = {
    "stats.h5": hdf5,
    "stats.npy": rows,
    "kaldi_like.npy": lambda path: np.save(path, accumulators()),
    "feats_stats.npz": lambda path: np.savez(path, count=len(VALUES), sum=VALUES.sum(0), sum_square=(VALUES**2).sum(0)),
    "cmvn.ark": lambda path: kaldiio.save_mat(str(path), accumulators()),
    "cmvn_text.ark": lambda path: path.write_text(
        " [\n  " + "\n  ".join(" ".join(f"{v:.12g}" for v in row) for row in accumulators()) + " ]\n"
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_each_form_gives_mean_and_deviation(tmp_path, name):
    WRITERS[name](tmp_path / name)
    mean, deviation = read_statistics(tmp_path / name, BANDS)
    assert mean.dtype == deviation.dtype == np.float64
    np.testing.assert_allclose(mean, VALUES.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(deviation, VALUES.std(0), rtol=1e-5)


def test_a_band_that_never_changes_has_kaldis_smallest_deviation(tmp_path):
    kaldiio.save_mat(str(tmp_path / "cmvn.ark"), accumulators(np.zeros((3, BANDS))))
    assert (read_statistics(tmp_path / "cmvn.ark", BANDS)[1] == 1e-10).all()


def renamed(path, written):
    """``written`` is what numpy calls the file before it gets a name that is not for its kind."""
    save = np.savez if written.endswith("npz") else np.save
    save(path.with_name(written), np.zeros((2, BANDS)))
    path.with_name(written).rename(path)


def group(path):
    with h5py.File(path, "w") as file:
        file["mean/of/all"], file["scale"] = np.zeros(BANDS), np.ones(BANDS)


def complex_hdf5(path):
    with h5py.File(path, "w") as file:
        file["mean"], file["scale"] = np.full(BANDS, 1j), np.ones(BANDS)


def sums(path, count):
    np.savez(path, count=count, sum=VALUES.sum(0), sum_square=(VALUES**2).sum(0))


BAD = {
    "absent.h5": (lambda path: None, "no such statistics"),
    "speakers.h5": (speakers, "statistics of each speaker; .* one for all only"),
    "text.h5": (lambda path: path.write_text("no"), "not the statistics of"),
    "other.npz": (lambda path: np.savez(path, mean=np.zeros(BANDS)), "not the statistics of"),
    "torn.npz": (lambda path: path.write_bytes(b"PK\x03\x04"), "not the statistics of"),
    "bands.npy": (lambda path: np.save(path, np.ones((2, 9))), r"expected \[2, 7\] for 6 bands, found \(2, 9\)"),
    "zero.npy": (lambda path: np.save(path, np.zeros((2, BANDS))), "a deviation not positive"),
    "empty.npy": (lambda path: path.write_bytes(b""), "empty.npy: not an array of numpy"),
    "array.npz": (lambda path: renamed(path, "x.npy"), "not the statistics of .*one array, not an archive"),
    "archive.npy": (lambda path: renamed(path, "x.npz"), "archive.npy: not an array of numpy"),
    "words.npy": (lambda path: np.save(path, np.full((2, BANDS), "x")), "expected a matrix of real numbers"),
    "group.h5": (group, "not the statistics of"),
    "complex.h5": (complex_hdf5, "not the statistics of .*complex128 where numbers were expected"),
    "word_count.npz": (lambda path: sums(path, "many"), "not the statistics of .*<U4 where numbers were expected"),
    "counts.npz": (lambda path: sums(path, np.ones(3)), "not the statistics of"),
    "endless.npz": (lambda path: sums(path, np.inf), "counts inf frames"),
    "empty.ark": (lambda path: kaldiio.save_mat(str(path), np.zeros((2, BANDS + 1))), "counts 0.0 frames"),
    "keyed.ark": (
        lambda path: kaldiio.save_ark(str(path), {"p225": accumulators()}),
        r"statistics are one matrix \[2, 7\] without an id before it",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(tmp_path, name):
    write, message = BAD[name]
    write(tmp_path / name)
    with pytest.raises(InputError, match=message):
        read_statistics(tmp_path / name, BANDS)
