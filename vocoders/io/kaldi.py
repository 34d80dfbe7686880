"""Features in Kaldi's tables and archives, as Kaldi, ESPnet and ParallelWaveGAN write them.

    feats.scp         <id> raw_feats.1.ark:17     a matrix [L, C], L frames of C mel bands, at byte 17 of an archive
                      <id> raw_feats.1.ark:17[0:99]     its first hundred frames
                      <id> denorm/utt.npy         numpy's own file (ESPnet 2 writes its predictions so)
                      <id> copy-matrix x.mat - |  a command
    feats.ark         <id> and its matrix, one after the other: binary, compressed or text
    utt2num_frames    <id> <L>; optional

Files are looked for from where the program runs, as Kaldi does.
"""

import hashlib
import io
import re
import struct
from pathlib import Path

import numpy as np

from vocoders.errors import InputError
from vocoders.io.audio import pipe_output
from vocoders.io.files import atomic_path
from vocoders.io.tables import ID, read_table

PLACE = re.compile(r"(?P<path>.+?)(:(?P<offset>\d+))?(\[(?P<ranges>[\d:,]+)\])?")
HEADER = 24  # bytes of a binary matrix in which its number of rows is found
SPEECH = 2  # Kaldi's compression for speech features: one byte a value, on a scale of each column
DAMAGE = (ValueError, AssertionError, RuntimeError, EOFError, struct.error)  # what parsers of foreign bytes raise


class KaldiReader:
    """Random access to the mels of a table ``feats.scp`` or an archive ``.ark``; there are no waves.

    ``statistics`` (mean [C], deviation [C]) are those that the features were normalised with: it is undone.
    One utterance is in memory at a time.  Raises InputError that names the utterance when one is missing, damaged,
    not [frames, ``n_mels``], or not finite; the constructor reads no more than the headers, ``digest`` everything.
    """

    def __init__(self, table, *, n_mels, statistics=None):
        self.table = Path(table)
        self._places = _archive_places(self.table) if self.table.suffix == ".ark" else read_table(self.table)
        if not self._places:
            raise InputError(f"{self.table}: no utterances")
        self.utterances = list(self._places)
        self._n_mels, self._statistics = n_mels, statistics
        self.frames = self._count()

    def mel(self, utterance, start=0, stop=None):
        """float32 [C, stop - start], counted in frames."""
        return np.ascontiguousarray(self._read(utterance)[start:stop].T)

    def wave(self, utterance, start=0, stop=None):
        raise InputError(
            f"{self.table}: has mels only, and this system copies the recording; give it a feature directory "
            f"(vocoders features)"
        )

    def digest(self):
        """Sixteen hexadecimal digits that change with any mel; reads everything."""
        content = hashlib.sha256()
        for utterance in self.utterances:
            content.update(utterance.encode())
            content.update(self._read(utterance).data)
        return content.hexdigest()[:16]

    def _count(self):
        """Utterance -> L, from ``utt2num_frames`` or the headers; only text and commands have to be read for it."""
        path = self.table.parent / "utt2num_frames"
        counted = read_table(path) if path.exists() else {}
        wrong = [utt for utt in self.utterances if not counted.get(utt, "0").isdecimal()]
        if wrong:
            raise InputError(f"{path}: {wrong[0]}: expected a number of frames, found {counted[wrong[0]]!r}")
        return {
            utt: int(counted[utt]) if utt in counted else _count_rows(place, self._where(utt))
            for utt, place in self._places.items()
        }

    def _read(self, utterance):
        """float32 [L, C], with the normalisation undone."""
        if utterance not in self._places:
            raise InputError(f"{self.table}: has no utterance {utterance!r}")
        where = self._where(utterance)
        matrix = read_matrix(self._places[utterance], where)
        if matrix.ndim != 2 or matrix.shape[1] != self._n_mels or not len(matrix):
            raise InputError(f"{where}: expected [frames, {self._n_mels}] as the mel config says, found {matrix.shape}")
        if len(matrix) != self.frames[utterance]:
            raise InputError(
                f"{where}: has {len(matrix)} frames, utt2num_frames says {self.frames[utterance]}; remove that table, "
                f"it is optional"
            )
        finite = np.isfinite(matrix)
        if not finite.all():
            frame, band = np.argwhere(~finite)[0]
            raise InputError(f"{where}: frame {frame}, band {band} is {matrix[frame, band]}, not a finite number")
        if self._statistics is not None:
            mean, deviation = self._statistics
            matrix = matrix * deviation + mean  # in float64, as the statistics are
        return np.ascontiguousarray(matrix, dtype=np.float32)

    def _where(self, utterance):
        return f"{self.table}: {utterance}"


def read_matrix(place, where):
    """The matrix, float32 or float64, at a place as ``feats.scp`` names it.  Raises InputError, after ``where``."""
    if _is_command(place):
        return _parse(io.BytesIO(pipe_output(place, where)), where)
    path, offset, ranges = _split(place)
    with _open(path, where) as file:
        if path.endswith(".npy"):
            return _parse_numpy(file, where)[ranges]
        file.seek(offset)
        return _parse(file, f"{where}: {place}")[ranges]


def write_archive(path, matrices, *, compress=False):
    """Writes (id, float32 [L, C]) pairs as a Kaldi archive, aside and renamed; returns the places for ``feats.scp``.

    ``compress`` loses precision: a value becomes one byte, as Kaldi does by default.
    """
    from kaldiio import save_ark

    places = {}
    with atomic_path(path) as partial, open(partial, "wb") as file:
        for utterance, matrix in matrices:
            places[utterance] = f"{path}:{file.tell() + len(utterance) + 1}"  # behind the id and a blank
            save_ark(file, {utterance: matrix}, compression_method=SPEECH if compress else None)
    return places


def _archive_places(path):
    """Where each matrix of an archive lies; reads it once, a matrix at a time."""
    from kaldiio.matio import read_token

    places = {}
    with _open(path, "") as file:
        while True:
            try:
                utterance = read_token(file)
            except UnicodeDecodeError:
                utterance = "?"
            if not (utterance or "").strip():
                return dict(sorted(places.items()))
            if not ID.fullmatch(utterance):
                raise InputError(
                    f"{path}: id {utterance[:40]!r} has characters other than A-Z a-z 0-9 _ . -, or it is no archive"
                )
            if utterance in places:
                raise InputError(f"{path}: id {utterance!r} stands twice; every utterance needs its own id")
            places[utterance] = f"{path}:{file.tell()}"
            _parse(file, f"{path}: {utterance}")


def _count_rows(place, where):
    if _is_command(place):
        return len(read_matrix(place, where))
    path, offset, ranges = _split(place)
    if path.endswith(".npy") or ranges:
        return len(read_matrix(place, where))
    with _open(path, where) as file:
        file.seek(offset)
        rows = _header_rows(file.read(HEADER))
    return len(read_matrix(place, where)) if rows is None else rows


def _header_rows(head):
    """The rows that the header of a binary matrix tells; None of text, and of what is no matrix."""
    kind, _, rest = head[2:].partition(b" ")
    first = {b"FM": 1, b"DM": 1, b"CM": 8, b"CM2": 8, b"CM3": 8}.get(kind)  # behind a size mark, or two floats
    if head[:2] != b"\0B" or first is None or len(rest) < first + 4:
        return None
    return struct.unpack_from("<i", rest, first)[0]


def _parse(file, where):
    """The matrix that begins at the file's position."""
    from kaldiio.matio import read_kaldi

    head = file.read(2)
    file.seek(-len(head), io.SEEK_CUR)
    try:
        # kaldiio would also unpickle, which may run code; and it takes text for integers if its first number is one
        return read_kaldi(file) if head == b"\0B" else _parse_text(file)
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{where}: truncated, or not a matrix of Kaldi ({reason}); write it again") from None


def _parse_text(file):
    """`` [`` and rows of numbers up to ``]``, as Kaldi prints them."""
    rows, line = [], file.readline().lstrip(b" ")
    if not line.startswith(b"["):
        raise ValueError("text without [")
    line = line[1:]
    while line:
        numbers, end, _ = line.partition(b"]")
        if numbers.strip():
            rows.append(np.array(numbers.split(), dtype=np.float32))
        if end:
            return np.stack(rows)
        line = file.readline()
    raise ValueError("text without ]")


def _parse_numpy(file, where):
    try:
        return np.load(file, allow_pickle=False)
    except DAMAGE as error:
        raise InputError(f"{where}: not an array of numpy ({error}); write it again") from None


def _open(path, where):
    try:
        return open(path, "rb")
    except OSError as error:
        before = f"{where}: " if where else ""
        hint = "; paths in it start where the program runs" if where and not Path(path).is_absolute() else ""
        raise InputError(f"{before}{path}: {error.strerror}{hint}") from None


def _is_command(place):
    return place.rstrip().endswith("|")


def _split(place):
    """(path, offset, slices); Kaldi counts the last row of a range in."""
    match = PLACE.fullmatch(place)
    ranges = [part.split(":") for part in match["ranges"].split(",")] if match["ranges"] else []
    slices = [slice(int(ends[0]), int(ends[-1]) + 1) if ends[0] else slice(None) for ends in ranges]
    return match["path"], int(match["offset"] or 0), tuple(slices)
