"""Means and deviations that other toolkits normalise features with, out of their own files.

stats.h5, stats.npy    ParallelWaveGAN: ``mean`` [C] and ``scale`` [C]
feats_stats.npz        ESPnet 2: ``count``, ``sum`` [C] and ``sum_square`` [C]
cmvn.ark               Kaldi and ESPnet 1: [2, C + 1], the sums and the count over the sums of squares
"""

import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np

from vocoders.errors import InputError
from vocoders.io.kaldi import DAMAGE, read_matrix, reason

SMALLEST_VARIANCE = 1e-20  # below it, Kaldi and ESPnet divide by the root of this


def read_statistics(path, n_mels):
    """(mean, deviation), float64 [C] each: normalised features were ``(mel - mean) / deviation``.

    Raises InputError when the file is missing, holds statistics of each speaker, or is not of ``n_mels`` bands.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such statistics")
    reader = {".h5": _read_hdf5, ".npz": _read_sums, ".npy": _read_rows}.get(path.suffix, _read_kaldi)
    try:
        mean, deviation = (_numbers(values) for values in reader(path, n_mels))
    except InputError:
        raise
    except (*DAMAGE, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path}: not the statistics of ParallelWaveGAN (.h5, .npy), ESPnet (.npz) or Kaldi ({reason(error)})"
        ) from None
    if mean.shape != (n_mels,) or deviation.shape != (n_mels,):
        raise InputError(f"{path}: expected {n_mels} bands, found shapes {mean.shape} and {deviation.shape}")
    if not np.isfinite(mean).all() or not (np.isfinite(deviation) & (deviation > 0)).all():
        raise InputError(f"{path}: a mean is not finite or a deviation not positive; compute the statistics again")
    return mean, deviation


def _read_hdf5(path, n_mels):
    with h5py.File(path, "r") as file:
        if "mean" not in file and any(isinstance(item, h5py.Group) for item in file.values()):
            raise InputError(f"{path}: has statistics of each speaker; features are brought back with one for all only")
        return file["mean"][()], file["scale"][()]


def _read_sums(path, n_mels):
    file = np.load(path, allow_pickle=False)
    if isinstance(file, np.ndarray):
        raise ValueError("one array, not an archive of them")
    with file:
        return _moments(path, file["count"], file["sum"], file["sum_square"])


def _read_rows(path, n_mels):
    rows = read_matrix(str(path), str(path))
    return rows if rows.shape == (2, n_mels) else _from_accumulators(path, rows, n_mels)


def _read_kaldi(path, n_mels):
    try:
        rows = read_matrix(str(path), "statistics")
    except InputError as error:
        raise InputError(
            f"{error}; statistics are one matrix [2, {n_mels + 1}] without an id before it, as compute-cmvn-stats "
            f"writes without spk2utt"
        ) from None
    return _from_accumulators(path, rows, n_mels)


def _from_accumulators(path, rows, n_mels):
    if rows.shape != (2, n_mels + 1):
        raise InputError(f"{path}: expected [2, {n_mels + 1}] for {n_mels} bands, found {rows.shape}")
    return _moments(path, rows[0, -1], rows[0, :-1], rows[1, :-1])


def _moments(path, count, total, squares):
    count, total, squares = _numbers(count), _numbers(total), _numbers(squares)
    if not 1 <= count < np.inf:
        raise InputError(f"{path}: counts {count} frames; compute the statistics again")
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - mean**2, SMALLEST_VARIANCE))


def _numbers(values):
    """float64; numpy would take words for numbers, and half of a complex one."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{values.dtype} where numbers were expected")
    return values.astype(np.float64)
