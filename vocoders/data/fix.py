"""Mends what has only one right answer in a data directory; what needs a decision stays as it is, and is a fault."""

import codecs
import shutil
from pathlib import Path

from vocoders.data.directory import TABLES, utterances_by_speaker
from vocoders.io.files import atomic_path, write_text
from vocoders.io.tables import scan_table, split_lines

BACKUP = ".backup"


def fix(path) -> list[str]:
    """Sorts tables, takes out empty lines, exact repetitions and byte order marks, and makes spk2utt what utt2spk says.

    No entry is lost: lines of one id that differ stay both, a table with a line of one word is left alone, as that may
    be part of another line, and so is spk2utt where utt2spk is not of the utterances in wav.scp.  The table as it was
    is kept in ``.backup/`` under a new name.  Returns a sentence for each table that was changed.
    """
    path = Path(path)
    done = [_tidy(path / name) for name in TABLES if (path / name).is_file()]
    return [sentence for sentence in [*done, _speakers(path)] if sentence]


def _tidy(file: Path) -> str | None:
    content = file.read_bytes()
    try:
        lines = split_lines(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return None
    filled = [line.rstrip() for line in lines if line.strip()]
    if any(len(line.split(maxsplit=1)) < 2 for line in filled):
        return None
    distinct = list(dict.fromkeys(filled))
    tidy = sorted(distinct, key=lambda line: line.split(maxsplit=1)[0])
    changes = {
        f"{len(lines) - len(filled)} empty line(s) taken out": len(lines) > len(filled),
        f"{len(filled) - len(distinct)} repeated line(s) taken out": len(filled) > len(distinct),
        "sorted": tidy != distinct,
        "byte order mark taken out": content.startswith(codecs.BOM_UTF8),
        "Windows line ends replaced": b"\r\n" in content,
    }
    return _replace(file, tidy, [change for change, is_so in changes.items() if is_so])


def _speakers(path: Path) -> str | None:
    speaker, faults = scan_table(path / "utt2spk")
    audio, more = scan_table(path / "wav.scp")
    if not speaker or faults or more or set(speaker) != set(audio):  # then either of the two may be right
        return None
    expected = [f"{spk} {' '.join(utts)}" for spk, utts in sorted(utterances_by_speaker(speaker).items())]
    file = path / "spk2utt"
    found = split_lines(file.read_bytes().decode("utf-8", errors="replace")) if file.exists() else None
    if found is not None and sorted(map(_members, found)) == sorted(map(_members, expected)):
        return None
    return _replace(file, expected, ["made from utt2spk"])


def _members(line: str) -> tuple[str, list[str]]:
    speaker, *utterances = line.split() or [""]
    return speaker, sorted(utterances)


def _replace(file: Path, lines: list[str], changes: list[str]) -> str | None:
    if not changes:
        return None
    kept = ""
    if file.exists():
        kept = f"; as it was: {_keep(file)}"
    write_text(file, "".join(f"{line}\n" for line in lines))
    return f"{file}: {', '.join(changes)}{kept}"


def _keep(file: Path) -> Path:
    """Copies it to a name in the backup folder that nothing has yet."""
    folder = file.parent / BACKUP
    number = 1
    while (folder / f"{file.name}.{number}").exists():
        number += 1
    backup = folder / f"{file.name}.{number}"
    with atomic_path(backup) as partial:
        shutil.copyfile(file, partial)
    return backup
