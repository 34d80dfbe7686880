"""Feature directories: waves and mels of a set, read in random pieces by training and whole by decoding.

    dump/<mel>/<set>/feats.1.h5 ... feats.N.h5    <id>/wave int16 [T] and <id>/mel float32 [L, C]
                     utt2num_frames               <id> <L>
                     mel.yaml                     the settings the mels were made with
                     feats.scp                    <id> feats.J.h5:<id>; written last: then it is complete

T is L * hop_size in every utterance.  Nothing is compressed or chunked: a piece costs one seek.
"""

import hashlib
import math
import os
from pathlib import Path

import h5py
import numpy as np

from vocoders.errors import InputError
from vocoders.io.files import atomic_path
from vocoders.io.tables import read_table, write_table

BLOCK = 1 << 16  # rows in memory when everything is read


class FeatureWriter:
    """Writes one part, aside; it takes its name when the block succeeds.

    >>> with FeatureWriter("dump/mel/eval/feats.1.h5", hop_size=256) as part:
    ...     part.write("LJ001-0001", wave, mel)                     # int16 [T], float32 [L, C]
    """

    def __init__(self, path, *, hop_size=None, attributes=None):
        self.path = Path(path)
        self.hop_size = hop_size  # if not told, that of the first utterance
        self.attributes = attributes or {}

    def __enter__(self):
        self._aside = atomic_path(self.path)
        self._disk = _Disk(self._aside.__enter__(), self.path)
        self._file = h5py.File(self._disk, "w")
        self._file.attrs.update(self.attributes)
        return self

    def __exit__(self, kind, error, trace):
        self._file.close()
        self._disk.close()
        failure = error or self._disk.error
        self._aside.__exit__(type(failure) if failure else None, failure, trace)
        if failure is not error:
            raise failure

    def write(self, utterance, wave, mel):
        wave, mel = np.asarray(wave), np.asarray(mel)
        if wave.dtype != np.int16 or mel.dtype != np.float32 or wave.ndim != 1 or mel.ndim != 2:
            raise ValueError(
                f"{utterance}: expected wave int16 [T] and mel float32 [L, C], "
                f"found {wave.dtype} {wave.shape} and {mel.dtype} {mel.shape}"
            )
        if self.hop_size is None:
            self.hop_size = len(wave) // max(len(mel), 1)
        if not len(mel) or len(wave) != len(mel) * self.hop_size:
            raise ValueError(f"{utterance}: {len(wave)} samples are not {len(mel)} frames of {self.hop_size}")
        group = self._file.create_group(utterance)
        group.create_dataset("wave", data=wave)
        group.create_dataset("mel", data=mel)
        if self._disk.error:
            raise self._disk.error


class _Disk:
    """The file that HDF5 writes to.  Failures are kept for the writer to raise; told of one, HDF5 could not
    close the file any more and would crash when the process ends.
    """

    def __init__(self, path, name):
        self._file, self._name, self.error = open(path, "w+b", buffering=0), name, None
        self.read, self.readinto = self._file.read, self._file.readinto
        self.seek, self.tell = self._file.seek, self._file.tell
        self.flush, self.close = self._file.flush, self._file.close

    def write(self, data):
        rest = memoryview(data)
        while rest and not self.error:
            rest = rest[self._attempt(self._file.write, rest) :]
        return len(data)

    def truncate(self, size):
        self._attempt(self._file.truncate, size)

    def _attempt(self, operation, argument):
        try:
            return operation(argument)
        except OSError as error:
            self.error = self.error or OSError(error.errno, error.strerror, str(self._name))
        except KeyboardInterrupt as interrupt:
            self.error = interrupt
        return 0


def write_index(directory, parts=None):
    """Completes a directory: ``utt2num_frames``, then ``feats.scp``, over its parts (default: all)."""
    directory = Path(directory)
    frames, places = {}, {}
    for path in parts or sorted(directory.glob("feats.*.h5")):
        with open_part(path) as part:
            for utterance, group in part.items():
                if utterance in places:
                    raise InputError(f"{path}: {utterance} is also in {places[utterance]}; remove the part left over")
                frames[utterance] = group["mel"].shape[0]
                places[utterance] = f"{Path(path).name}:{utterance}"
    write_table(directory / "utt2num_frames", frames)
    write_table(directory / "feats.scp", places)


def open_part(path):
    """An HDF5 part for reading.  Raises InputError when it is missing, truncated or something else."""
    try:
        return h5py.File(path, "r", rdcc_nbytes=0)  # nothing is chunked: a chunk cache only costs memory
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run stage 2 (features) again") from None
    except OSError as error:
        raise InputError(
            f"{path}: truncated or not HDF5 ({error}); delete it and run stage 2 (features) again"
        ) from None


class FeatureReader:
    """Random access to a feature directory.  Copies in worker processes open their own files when used."""

    def __init__(self, directory):
        self.directory = Path(directory)
        index = self.directory / "feats.scp"
        if not index.exists():
            raise InputError(f"{self.directory}: incomplete, it has no feats.scp; run stage 2 (features)")
        self._places = {utterance: _place(value, index, utterance) for utterance, value in read_table(index).items()}
        self.utterances = list(self._places)
        self.frames = {key: int(value) for key, value in read_table(self.directory / "utt2num_frames").items()}
        if self.frames.keys() != self._places.keys():
            raise InputError(f"{self.directory}: feats.scp and utt2num_frames differ; run stage 2 (features) again")
        for part in sorted({part for part, _ in self._places.values()}):
            open_part(self.directory / part).close()  # a damaged one is told now, not by a worker hours later
        self._parts, self._process = {}, os.getpid()

    def wave(self, utterance, start=0, stop=None):
        """int16 [stop - start], counted in samples."""
        return self._read(utterance, "wave", start, stop)

    def mel(self, utterance, start=0, stop=None):
        """float32 [C, stop - start], counted in frames."""
        return np.ascontiguousarray(self._read(utterance, "mel", start, stop).T)

    def digest(self):
        """Sixteen hexadecimal digits that change with any wave or mel; reads everything."""
        content = hashlib.sha256()
        for utterance in self.utterances:
            content.update(utterance.encode())
            for name in ("wave", "mel"):
                for rows in self._blocks(utterance, name):
                    content.update(rows.data)
        return content.hexdigest()[:16]

    def close(self):
        for file, _ in self._parts.values():
            file.close()
        self._parts = {}

    def _blocks(self, utterance, name):
        """All rows of a dataset, some at a time."""
        start = 0
        while len(rows := self._read(utterance, name, start, start + BLOCK)):
            yield rows
            start += len(rows)

    def _read(self, utterance, name, start, stop):
        """Rows of a dataset, straight from where they lie: a look-up in h5py takes ten times as long as the reading."""
        if utterance not in self._places:
            raise InputError(f"{self.directory}/feats.scp: has no utterance {utterance!r}")
        part, key = self._places[utterance]
        file, extents = self._part(part)
        if (key, name) not in extents:
            raise InputError(
                f"{file.name}: has no {key}/{name}, though feats.scp says so; run stage 2 (features) again"
            )
        offset, shape, dtype = extents[key, name]
        start, stop, _ = slice(start, stop).indices(shape[0])
        rows = np.empty((max(0, stop - start), *shape[1:]), dtype)
        offset += start * math.prod(shape[1:]) * dtype.itemsize
        if rows.size and os.preadv(file.fileno(), [rows.data.cast("B")], offset) != rows.nbytes:
            raise InputError(f"{file.name}: truncated in {utterance}; delete it and run stage 2 (features) again")
        return rows

    def _part(self, name):
        """A part's open file, and where in it each dataset lies: (utterance, name) -> offset, shape, type."""
        if self._process != os.getpid():  # a forked worker opens its own files
            self._parts, self._process = {}, os.getpid()
        if name not in self._parts:
            path = self.directory / name
            with open_part(path) as contents:
                datasets = {(u, d.name.rpartition("/")[2]): d for u, group in contents.items() for d in group.values()}
                extents = {key: (d.id.get_offset(), d.shape, d.dtype) for key, d in datasets.items()}
            self._parts[name] = open(path, "rb", buffering=0), extents
        return self._parts[name]

    def __getstate__(self):
        return {**self.__dict__, "_parts": {}}


def _place(value, index, utterance):
    part, colon, key = value.rpartition(":")
    if not colon:
        raise InputError(f"{index}: {utterance}: expected '<file>.h5:<id>', found {value!r}")
    return part, key
