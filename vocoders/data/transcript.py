"""Transcripts as corpora have them: a text file for each recording, a table of lines ``id|text``, Kaldi's ``text``."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from vocoders.errors import InputError
from vocoders.io.tables import read_table


def find_files(folder, endings: Iterable[str] = ("",)) -> list[Path]:
    """Files at any depth that end so, hidden ones aside, in byte order of their paths."""
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder")
    endings = tuple(ending.lower() for ending in endings)
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, n) for n in names if n.lower().endswith(endings) and not n.startswith(".")]
    return sorted(found, key=lambda path: os.fsencode(path))


def transcripts_of(paths: Sequence[Path], transcript: dict[str, int | str], folder) -> tuple[dict[Path, str], list]:
    """(recording -> text, names of texts without a recording), by one of Corpus's ways to say where texts are."""
    if "files" in transcript:
        ending = str(transcript["files"])
        files = {str(path.relative_to(folder))[: -len(ending)]: path for path in find_files(folder, [ending])}
        keys, unpaired = pair(paths, files, folder)
        texts = {path: read_text(files[key]) for path, key in keys.items()}
        return {path: text for path, text in texts.items() if text}, unpaired
    if "kaldi" in transcript:
        tables = [path for path in find_files(folder) if path.name == transcript["kaldi"]]
        return values_of(paths, {key: text for table in tables for key, text in read_table(table).items()}, folder)
    return values_of(paths, read_column(folder, str(transcript["table"]), int(transcript.get("column", -1))), folder)


def values_of(paths: Sequence[Path], values: dict[str, str], folder) -> tuple[dict[Path, str], list[str]]:
    """(recording -> value that is not empty, keys without a recording)."""
    keys, unpaired = pair(paths, values, folder)
    return {path: values[key] for path, key in keys.items() if values[key]}, unpaired


def read_column(folder, table: str, column: int) -> dict[str, str]:
    """Id -> a column, counted from 1, of lines ``id|...``; quotes mean nothing special."""
    values = {}
    for number, cells in enumerate(read_cells(Path(folder) / table), 1):
        if not cells:
            continue
        where = f"{Path(folder) / table}:{number}"
        if len(cells) < max(2, column):
            raise InputError(f"{where}: expected {max(2, column)} columns between |, found {len(cells)}")
        key = re.sub(r"\.(wav|flac|ogg|opus|mp3)$", "", cells[0], flags=re.IGNORECASE)
        if key in values:
            raise InputError(f"{where}: {key} is there twice")
        values[key] = cells[column - 1 if column > 0 else column]
    return values


def read_cells(path: Path) -> list[list[str]]:
    """The cells of each line of a table; none of an empty one."""
    lines = read_text(path, keep_lines=True).split("\n")
    return [[cell.strip() for cell in line.split("|")] if line.strip() else [] for line in lines]


def read_text(path: Path, *, keep_lines: bool = False) -> str:
    """The text of a file, on one line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    return text if keep_lines else " ".join(text.split())


def pair(paths: Sequence[Path], keys: Iterable[str], folder) -> tuple[dict[Path, str], list[str]]:
    """(recording -> its key, keys without a recording); keys are ids or paths, without an ending.

    A recording's key is the one that is called like it; of several, the one whose folders are called alike too.  Where
    that decides nothing, it has none.
    """
    by_name: dict[str, list[str]] = {}
    for key in keys:
        by_name.setdefault(Path(key).name, []).append(key)
    found = {}
    for path in paths:
        own = path.relative_to(folder).with_suffix("")
        alike = {key: _common_end(Path(key), own) for key in by_name.get(own.name, [])}
        most = [key for key, count in alike.items() if count == max(alike.values())]
        if len(most) == 1:
            found[path] = most[0]
    used = set(found.values())
    return found, [key for named in by_name.values() for key in named if key not in used]


def _common_end(one: Path, other: Path) -> int:
    count = 0
    for a, b in zip(reversed(one.parts), reversed(other.parts)):
        if a != b:
            break
        count += 1
    return count
