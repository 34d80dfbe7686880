"""Data directories at another sampling rate, for a corpus that is at a higher one than the mels.

Each new wave says in its comment what it was made of, so that it is made again when that has changed: the files of its
source, where they are, their sizes and times.  Times are compared for equality, as an older file may replace a newer.
"""

import hashlib
import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vocoders.data.directory import DataDirectory, Utterance, some, write_data_directories
from vocoders.errors import InputError
from vocoders.io.audio import read_comment, read_wave, resample, write_wave
from vocoders.io.files import remove_partials
from vocoders.io.tables import read_table
from vocoders.log import progress


@dataclass(frozen=True)
class Recording:
    source: str  # a file, or a command that ends in "|"
    target: Path
    where: str

    @property
    def origin(self) -> str:
        """Digest of what tells whether the source has changed; of a command, that and the files that it names."""
        is_command = self.source.rstrip().endswith("|")
        files = [Path(word) for word in (_words(self.source) if is_command else [self.source])]
        stats = [(str(file.resolve()), file.stat()) for file in files if file.is_file()]
        known = [self.source if is_command else None, [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()

    @property
    def is_made(self) -> bool:
        """Whole, as files are written aside and renamed, and of this source."""
        return self.target.exists() and read_comment(self.target) == self.origin


def recordings_of(directory: DataDirectory, folder) -> dict[str, Recording]:
    """Utterance -> its recording, whose new wave is to be ``folder/<speaker>/<utterance>.wav``."""
    return {
        utt: Recording(source, Path(folder) / directory.speaker[utt] / f"{utt}.wav", f"{directory.path}/wav.scp: {utt}")
        for utt, source in directory.audio.items()
    }


def make(recordings: Sequence[Recording], rate: int) -> str:
    """Writes what is missing or of another source, 16 bits at `rate` Hz; returns a sentence with the numbers.

    Raises InputError naming the recordings that cannot be used, when all others are done.
    """
    missing = [one for one in recordings if not one.is_made]
    clipped, failures = 0, []
    for one in progress(missing, unit="utt", desc="resample"):
        origin = one.origin  # before reading: what changes meanwhile is made again
        try:
            wave, own_rate = read_wave(one.source, where=one.where)
            clipped += write_wave(one.target, resample(wave, own_rate, rate), rate, comment=origin)
        except InputError as error:
            failures.append(str(error))
    there, made = len(recordings) - len(missing), len(missing) - len(failures)
    found = f"{len(recordings)} recordings at {rate} Hz: {made} made, {there} were there; {clipped} samples clipped"
    if failures:
        raise InputError(
            f"{found}; {len(failures)} recording(s) cannot be used: {some(failures, between='; ')}; mend or remove them"
        )
    return found


def write_tables(directories: Iterable[DataDirectory], folder, output) -> None:
    """Writes ``output/<set>``, which name the waves of `make`; other tables of speakers (spk2gender) come along."""
    sets, more = {}, {}
    for directory in directories:
        recordings = recordings_of(directory, folder)
        for parent in {one.target.parent for one in recordings.values()}:
            remove_partials(parent)
        path, texts = Path(output) / directory.path.name, directory.text or {}
        sets[path] = [
            Utterance(utt, str(one.target), texts.get(utt), directory.speaker[utt]) for utt, one in recordings.items()
        ]
        own, old = ({table.name for table in where.glob("spk2*")} - {"spk2utt"} for where in (directory.path, path))
        more[path] = {name: read_table(directory.path / name) if name in own else {} for name in own | old}
    write_data_directories(sets, more)


def _words(command: str) -> list[str]:
    """Of a shell's command; none where its quotes do not close, which the shell will refuse."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return list(lexer)
    except ValueError:
        return []
