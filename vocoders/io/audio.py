"""Audio in and out: one channel; files that libsndfile reads, and Kaldi pipes (``sox a.wav -t wav - |``)."""

import io
import os
import struct
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vocoders.errors import InputError
from vocoders.io.files import atomic_path

ENDINGS = ("wav", "flac", "ogg", "opus", "mp3", "aiff")  # of what libsndfile reads and corpora have
UNKNOWN_LENGTH = 0x7FF00000  # a WAV header's size from here on was written by a program that could not seek back
WAV_PCM = (1, 0xFFFE)  # formats in a WAV's header: integers, and extensible, which says it elsewhere
MAX_SAMPLES = 2**31 - 2**10  # of 16 bits: sizes in a WAV are numbers of bytes below 4 GiB


def read_wave(source, *, where=""):
    """(wave [T] float32, sampling rate) of a file or Kaldi pipe; 16 bits are exactly ``sample / 32768``.

    Raises InputError, its message after ``where``, for missing, empty, truncated (WAV, FLAC), foreign,
    multi-channel or non-finite audio.
    """
    source = str(source)
    where = f"{where}: {source}" if where else source
    is_pipe = source.rstrip().endswith("|")
    data = pipe_output(source, where) if is_pipe else _file_content(source, where)
    if not data:
        raise InputError(f"{where}: no audio, the {'command wrote' if is_pipe else 'file has'} 0 bytes")
    wave, rate = _decode(data, where)
    if wave.shape[1] != 1:
        raise InputError(f"{where}: expected one channel, found {wave.shape[1]}; extract one, e.g. with sox remix 1")
    if not len(wave):
        raise InputError(f"{where}: the audio has no samples")
    wave = wave[:, 0]
    if not np.isfinite(wave).all():
        first = int(np.flatnonzero(~np.isfinite(wave))[0])
        raise InputError(f"{where}: sample {first} is {wave[first]}, not a finite number")
    return wave, rate


def duration(path):
    """Seconds of an audio file, from its header.  Raises InputError when it has none."""
    import soundfile

    try:
        return soundfile.info(path).duration
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: not readable as audio ({error.error_string})") from None


def write_wave(path, wave, rate, *, comment=""):
    """Writes 16-bit PCM aside and renames it; returns the number of samples that had to be clipped."""
    with open_wave(path, rate, comment=comment) as file:
        file.write(wave)
    return file.clipped


@contextmanager
def open_wave(path, rate, *, comment=""):
    """Yields a ``WaveWriter``; what it writes lies aside and takes its name when the block succeeds.

    >>> with open_wave("copy.wav", 22050) as file:
    ...     for piece in pieces:
    ...         file.write(piece)
    """
    with atomic_path(path) as partial, open(partial, "wb") as file:
        writer = WaveWriter(file, rate, where=path, comment=comment)
        yield writer
        writer.finish()


class WaveWriter:
    """16-bit PCM in a WAV, piece by piece; without ``finish`` its length remains unknown, as in a pipe.

    libsndfile makes the header but does not write: it would not say that the disk is full.
    """

    def __init__(self, file, rate, *, where="wave", comment=""):
        self._file, self._where = file, where
        self._header = wav_bytes(np.zeros(0, np.int16), rate, comment=comment)  # its end is the number of bytes
        file.write(self._header[:4] + _UNKNOWN + self._header[8:-4] + _UNKNOWN)
        self.samples = self.clipped = 0

    def write(self, wave):
        """[T] in [-1, 1].  Raises InputError for what is not finite, and writes nothing of it."""
        samples, clipped = to_int16(wave, where=self._where)
        self._file.write(samples.astype("<i2").tobytes())
        self.samples += len(samples)
        self.clipped += clipped

    def finish(self):
        """Has the header say how long it is."""
        size = 2 * self.samples
        for position, value in ((4, len(self._header) - 8 + size), (len(self._header) - 4, size)):
            self._file.seek(position)
            self._file.write(struct.pack("<I", value))


_UNKNOWN = struct.pack("<I", 2**32 - 1)


def wav_bytes(samples, rate, *, comment=""):
    """The content of a WAV file of int16 samples [T]; a comment of ASCII letters, up to a few hundred."""
    import soundfile

    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", rate, channels=1, subtype="PCM_16", format="WAV") as file:
        if comment:
            file.comment = comment
        file.write(samples)
    return content.getvalue()


def read_comment(path):
    """The comment in an audio file; empty where there is none, or no such file, or it cannot be read."""
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            return file.comment
    except (OSError, soundfile.LibsndfileError):
        return ""


def to_int16(wave, where="wave"):
    """(int16 samples, number of clipped ones) of a wave in [-1, 1]; the inverse of ``sample / 32768``."""
    scaled = np.rint(np.asarray(wave, dtype=np.float64) * 32768)
    if not np.isfinite(scaled).all():
        bad = int((~np.isfinite(scaled)).sum())
        raise InputError(f"{where}: {bad} of {scaled.size} samples are not finite numbers")
    # +1.0 is one step above the largest 16-bit number: it is moved, but it is not clipping that anybody hears
    clipped = int(((scaled < -32768) | (scaled > 32768)).sum())
    return scaled.clip(-32768, 32767).astype(np.int16), clipped


def resample(wave, rate, new_rate):
    """The wave at another sampling rate (soxr, high quality)."""
    import soxr

    return wave if rate == new_rate else soxr.resample(wave, rate, new_rate, quality="HQ")


def _file_content(path, where):
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{where}: no such file") from None
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror}") from None


def pipe_output(command, where):
    """What a command that ends in ``|`` writes.  Raises InputError, its message after ``where``, when it fails."""
    from kaldiio import open_like_kaldi

    stream = open_like_kaldi(command, "rb")
    data = stream.read()
    status = stream.close()
    if status:
        raise InputError(f"{where}: the command failed with status {status >> 8}; run it by hand to see why")
    return data


def _decode(data, where):
    import soundfile

    missing = _missing_wav_bytes(data)
    if missing:
        raise InputError(f"{where}: truncated, {missing} bytes are missing at its end")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            wave = file.read(dtype="float32", always_2d=True)
            if len(wave) < file.frames < UNKNOWN_LENGTH:
                raise InputError(f"{where}: truncated, {len(wave)} of {file.frames} samples could be read")
            return wave, file.samplerate
    except soundfile.LibsndfileError as error:
        raise InputError(f"{where}: not audio that libsndfile can read ({error.error_string})") from None


def _missing_wav_bytes(data):
    """How far a WAV's ``data`` chunk reaches beyond the end; libsndfile would silently return less."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return 0
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        position += 8
        if name == b"data":
            return max(0, position + size - len(data)) if size < UNKNOWN_LENGTH else 0
        position += size + size % 2
    return max(1, position - len(data))  # ends before its audio begins


def read_wav_header(file, where):
    """(sampling rate, bytes of audio or None if it does not tell) of a 16-bit WAV of one channel; the audio comes next.

    For a pipe, which libsndfile cannot read.  Raises InputError, its message after ``where``, for any other audio.
    """
    head = file.read(12)
    if head and (head[:4] != b"RIFF" or head[8:] != b"WAVE"):
        raise InputError(f"{where}: not a WAV, it begins with {head[:4]!r}")
    rate = None
    while len(chunk := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data" and rate is not None:
            return rate, size if size < UNKNOWN_LENGTH else None
        content = file.read(size + size % 2)
        if name == b"fmt " and len(content) >= 16:
            kind, number, rate, _bytes, _block, bits = struct.unpack_from("<HHIIHH", content)
            if number != 1:
                raise InputError(f"{where}: expected one channel, found {number}; extract one, e.g. with sox remix 1")
            if kind not in WAV_PCM or bits != 16:
                raise InputError(f"{where}: expected 16-bit PCM, found {bits} bits of kind {kind}; convert it with sox")
    raise InputError(f"{where}: a WAV that ends before its audio begins" if head else f"{where}: no audio, 0 bytes")


def channels(path):
    """How many channels a file has, by its header; 1 where that cannot be read, and `read_wave` will say why."""
    import soundfile

    try:
        return soundfile.info(os.fsencode(path)).channels  # a name may be in no encoding
    except (OSError, soundfile.LibsndfileError):
        return 1
