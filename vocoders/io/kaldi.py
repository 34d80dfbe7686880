"""Features in Kaldi's tables and archives, as Kaldi, ESPnet and ParallelWaveGAN write them.

    feats.scp         <id> raw_feats.1.ark:17     a matrix [L, C], L frames of C mel bands, at byte 17 of an archive
                      <id> raw_feats.1.ark:17[0:99]     its first hundred frames; [0:99,0:39] half of 80 bands
                      <id> denorm/utt.npy         numpy's own file (ESPnet 2 writes its predictions so)
                      <id> copy-matrix x.mat - |  a command
    feats.ark         <id> and its matrix, one after the other: binary, compressed or text
    utt2num_frames    <id> <L>; optional

Files are looked for from where the program runs, as Kaldi does.
"""

import hashlib
import io
import logging
import re
import struct
import tempfile
import tokenize
from pathlib import Path

import numpy as np

from vocoders.errors import InputError
from vocoders.io.audio import pipe_output
from vocoders.io.files import atomic_path, naming
from vocoders.io.tables import ID, read_table

PLACE = re.compile(r"(?P<path>.+?)(:(?P<offset>\d{1,18}))?(\[(?P<ranges>[\d:,]+)\])?")
RANGE = re.compile(r"(\d{1,9}):(\d{1,9})|:?")  # without numbers it is everything
HEADER = 24  # bytes of a binary matrix in which its number of rows is found
SPEECH = 2  # Kaldi's compression for speech features: one byte a value, on a scale of each column
# What parsers of foreign bytes raise; the memory runs out over sizes that a damaged header claims
DAMAGE = (ValueError, TypeError, LookupError, OverflowError, MemoryError, AssertionError, RuntimeError, OSError)
DAMAGE += (EOFError, SyntaxError, struct.error, tokenize.TokenError)
log = logging.getLogger(__name__)


class KaldiReader:
    """Random access to the mels of a table ``feats.scp`` or an archive ``.ark``; there are no waves.

    ``statistics`` (mean [C], deviation [C]) are those that the features were normalised with: it is undone.
    One utterance is in memory at a time.  Commands in the table are told of, and run once each (once more in another
    process that reads them).
    Raises InputError that names the utterance when one is missing, damaged, not [frames, ``n_mels``], or not finite;
    the constructor reads no more than the headers, ``digest`` everything.
    """

    def __init__(self, table, *, n_mels, statistics=None):
        self.table = Path(table)
        self._places = _archive_places(self.table) if self.table.suffix == ".ark" else read_table(self.table)
        if not self._places:
            raise InputError(f"{self.table}: no utterances")
        self.utterances = list(self._places)
        self._n_mels, self._statistics = n_mels, statistics
        self._outputs, self._last = _CommandOutputs(), (None, None)
        self._tell_of_commands()
        self.frames = self._count()

    def mel(self, utterance, start=0, stop=None):
        """float32 [C, stop - start], counted in frames."""
        if self._last[0] != utterance:
            self._last = None, None  # not two in memory
            self._last = utterance, self._read(utterance)
        return np.ascontiguousarray(self._last[1][start:stop].T)

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
        return {utt: int(counted[utt]) if utt in counted else self._count_rows(utt) for utt in self.utterances}

    def _count_rows(self, utterance):
        place, where = self._places[utterance], self._where(utterance)
        rows = None if _is_command(place) else _rows_in_header(place, where)
        return len(self._matrix(utterance)) if rows is None else rows

    def _matrix(self, utterance):
        """[L, C] as it is stored."""
        place, where = self._places[utterance], self._where(utterance)
        if not _is_command(place):
            return read_matrix(place, where)
        return _check_kind(_parse(io.BytesIO(self._outputs.read(utterance, place, where)), where), where)

    def _tell_of_commands(self):
        commands = [(utt, place) for utt, place in self._places.items() if _is_command(place)]
        if commands:
            log.warning(
                "%s: runs %d commands in the shell, the first is %s: %s", self.table, len(commands), *commands[0]
            )

    def _read(self, utterance):
        """float32 [L, C], with the normalisation undone."""
        if utterance not in self._places:
            raise InputError(f"{self.table}: has no utterance {utterance!r}")
        where = self._where(utterance)
        matrix = self._matrix(utterance)
        if matrix.shape[1] != self._n_mels or not len(matrix):
            raise InputError(f"{where}: expected [frames, {self._n_mels}] as the mel config says, found {matrix.shape}")
        if len(matrix) != self.frames[utterance]:
            raise InputError(
                f"{where}: has {len(matrix)} frames, utt2num_frames says {self.frames[utterance]}; remove that table, "
                f"it is optional"
            )
        if self._statistics is not None:
            mean, deviation = self._statistics
            matrix = matrix * deviation + mean  # in float64, as the statistics are
        with np.errstate(over="ignore"):  # told below
            matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        finite = np.isfinite(matrix)
        if not finite.all():
            frame, band = np.argwhere(~finite)[0]
            raise InputError(f"{where}: frame {frame}, band {band} is {matrix[frame, band]}, not a finite number")
        return matrix

    def _where(self, utterance):
        return f"{self.table}: {utterance}"

    def __getstate__(self):
        return {**self.__dict__, "_outputs": _CommandOutputs(), "_last": (None, None)}


class _CommandOutputs:
    """What commands write, kept in a temporary file without a name, so that each runs once."""

    def __init__(self):
        self._file, self._extents = None, {}

    def read(self, utterance, command, where):
        if utterance not in self._extents:
            self._keep(utterance, pipe_output(command, where))
        start, size = self._extents[utterance]
        self._file.seek(start)
        return self._file.read(size)

    def _keep(self, utterance, data):
        with naming(tempfile.gettempdir()):
            self._file = self._file or tempfile.TemporaryFile()
            start = self._file.seek(0, io.SEEK_END)
            self._file.write(data)
            self._file.flush()  # a full disk is told here
        self._extents[utterance] = start, len(data)


def read_matrix(place, where):
    """The matrix of real numbers in a file or archive, at a place as ``feats.scp`` names it; commands are not run.

    Raises InputError, its message after ``where``, when it is absent, damaged or no matrix, or a range leaves it.
    """
    path, offset, ranges = _split(place, where)
    with _open(path, where, offset) as file:
        matrix = _parse_numpy(file, where) if path.endswith(".npy") else _parse(file, f"{where}: {place}")
    return _cut(_check_kind(matrix, where), ranges, where)


def reason(error):
    """What an error of foreign bytes says, in one line."""
    return " ".join(str(error).split())[:120] or type(error).__name__


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
                _refuse_rest(file, path)
                return dict(sorted(places.items()))
            if not ID.fullmatch(utterance):
                raise InputError(
                    f"{path}: id {utterance[:40]!r} has characters other than A-Z a-z 0-9 _ . -, or it is no archive"
                )
            if utterance in places:
                raise InputError(f"{path}: id {utterance!r} stands twice; every utterance needs its own id")
            places[utterance] = f"{path}:{file.tell()}"
            _parse(file, f"{path}: {utterance}")


def _refuse_rest(file, path):
    """Blanks may end an archive; what comes after them would be lost."""
    while line := file.readline():
        if line.strip():
            raise InputError(
                f"{path}: a blank instead of an id before byte {file.tell() - len(line.lstrip())}; write it again"
            )


def _rows_in_header(place, where):
    """Rows that a binary matrix has by its header; None if the matrix itself has to be read for them."""
    path, offset, ranges = _split(place, where)
    if path.endswith(".npy") or ranges:
        return None
    with _open(path, where, offset) as file:
        return _header_rows(file.read(HEADER))


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

    try:
        head = file.read(HEADER)
        file.seek(-len(head), io.SEEK_CUR)
        rows = _header_rows(head)
        if rows is not None and rows < 0:  # kaldiio would read up to the end of the file
            raise ValueError(f"{rows} rows")
        # kaldiio would also unpickle, which may run code; and it takes text for integers if its first number is one
        return read_kaldi(file) if head[:2] == b"\0B" else _parse_text(file)
    except DAMAGE as error:
        raise InputError(f"{where}: truncated, or not a matrix of Kaldi ({reason(error)}); write it again") from None


def _parse_text(file):
    """`` [`` and rows of numbers up to ``]``, as Kaldi prints them."""
    rows, line = [], file.readline().lstrip(b" ")
    if not line.startswith(b"["):
        raise ValueError("text without [")
    line = line[1:]
    while line:
        numbers, end, rest = line.partition(b"]")
        if numbers.strip():
            rows.append(np.array(numbers.split(), dtype=np.float32))
        if rest.strip():
            raise ValueError("text after ] in its line")
        if end:
            return np.stack(rows)
        line = file.readline()
    raise ValueError("text without ]")


def _parse_numpy(file, where):
    try:
        return np.lib.format.read_array(file, allow_pickle=False)  # np.load would take a zip as well
    except DAMAGE as error:
        raise InputError(f"{where}: not an array of numpy ({reason(error)}); write it again") from None


def _check_kind(matrix, where):
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise InputError(f"{where}: expected a matrix of real numbers, found {matrix.dtype} {matrix.shape}")
    return matrix


def _open(path, where, offset=0):
    try:
        file = open(path, "rb")
        file.seek(offset)
        return file
    except (OSError, ValueError) as error:
        before = f"{where}: " if where else ""
        hint = "; paths in it start where the program runs" if where and not Path(path).is_absolute() else ""
        raise InputError(f"{before}{path}: {getattr(error, 'strerror', None) or error}{hint}") from None


def _is_command(place):
    return place.rstrip().endswith("|")


def _split(place, where):
    """(path, offset, ranges), a match of RANGE for the rows, or for rows and columns."""
    match = PLACE.fullmatch(place)
    ranges = [RANGE.fullmatch(part) for part in match["ranges"].split(",")] if match["ranges"] else []
    if len(ranges) > 2 or None in ranges:
        raise InputError(
            f"{where}: {place}: expected a range [first:last] of rows, or [first:last,first:last] of rows and columns"
        )
    return match["path"], int(match["offset"] or 0), ranges


def _cut(matrix, ranges, where):
    """The part of a matrix within the ranges; Kaldi counts the last row of one in."""
    slices = []
    for size, of, ends in zip(matrix.shape, ("rows", "columns"), ranges):
        first, last = (int(ends[1]), int(ends[2])) if ends[1] else (0, size - 1)
        if ends[1] and not first <= last < size:
            raise InputError(f"{where}: range {ends[0]} of a matrix of {size} {of}, numbered from 0")
        slices.append(slice(first, last + 1))
    return matrix[tuple(slices)]
