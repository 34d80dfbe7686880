"""Transcripts as corpora have them: a text file for each recording, a table of lines ``id|text``, Kaldi's ``text``."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from vocoders.errors import InputError
from vocoders.io.audio import ENDINGS
from vocoders.io.tables import read_table

RECORDINGS = tuple(f".{ending}" for ending in ENDINGS)


class Paired(NamedTuple):
    """What recordings have, names of what none has, and why some recordings have what cannot be read."""

    values: dict[Path, str]
    unpaired: list[str]
    faults: dict[Path, str]


def find_files(folder, endings: Iterable[str] = ("",)) -> list[Path]:
    """Files at any depth that end so, hidden ones aside, in byte order of their paths.

    Links to folders are entered, but no folder twice: links may lead in circles.
    """
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder")
    endings = tuple(ending.lower() for ending in endings)
    found, seen = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        folders.sort(key=lambda name: (os.path.islink(os.path.join(place, name)), os.fsencode(name)))
        found += [Path(place, n) for n in names if n.lower().endswith(endings) and not n.startswith(".")]
    return sorted(found, key=lambda path: os.fsencode(path))


def find_tables(folder, name: str) -> list[Path]:
    """Those called so, at any depth; the name may have folders."""
    parts = Path(name).parts
    return [path for path in find_files(folder) if path.parts[-len(parts) :] == parts]


def transcripts_of(paths: Sequence[Path], transcript: dict[str, int | str], folder) -> Paired:
    """Texts, by one of Corpus's ways to say where they are."""
    if "kaldi" in transcript:
        return values_of(paths, str(transcript["kaldi"]), read_table, folder)
    if "table" in transcript:
        return column_of(paths, str(transcript["table"]), int(transcript.get("column", -1)), folder)
    ending = str(transcript["files"])
    files = {str(path.relative_to(folder))[: -len(ending)]: path for path in find_files(folder, [ending])}
    keys, unpaired = pair(paths, files, folder)
    texts, faults = {}, {}
    for path, key in keys.items():
        try:
            texts[path] = read_text(files[key])
        except InputError as error:
            faults[path] = str(error)
    return Paired({path: text for path, text in texts.items() if text}, unpaired, faults)


def column_of(paths: Sequence[Path], table: str, column: int, folder) -> Paired:
    """Values of a column, counted from 1, of tables of lines ``id|...``."""
    return values_of(paths, table, partial(read_column, column=column), folder)


def values_of(paths: Sequence[Path], table: str, read: Callable[[Path], dict[str, str]], folder) -> Paired:
    """Values that are not empty, of the tables called so.

    A table is for the recordings below its folder, where ids begin anew; one without any there is for all.  A recording
    of which two tables say different things has no value.
    """
    tables = find_tables(folder, table)
    if not tables:
        raise InputError(f"{Path(folder) / table}: no such file")
    given: dict[Path, set[str]] = {}
    unpaired = []
    for file in tables:
        place = file.parent
        meant = [path for path in paths if place in path.parents] if find_files(place, RECORDINGS) else paths
        values = {str(place.relative_to(folder) / key): value for key, value in read(file).items()}
        keys, rest = pair(meant, values, folder)
        unpaired += rest
        for path, key in keys.items():
            given.setdefault(path, set()).update(filter(None, [values[key]]))
    return Paired({path: min(values) for path, values in given.items() if len(values) == 1}, unpaired, {})


def read_column(path: Path, column: int) -> dict[str, str]:
    """Id -> a column, counted from 1, of lines ``id|...``; quotes mean nothing special."""
    values = {}
    for number, cells in enumerate(read_cells(path), 1):
        if not cells:
            continue
        where = f"{path}:{number}"
        if len(cells) < max(2, column):
            raise InputError(f"{where}: expected {max(2, column)} columns between |, found {len(cells)}")
        key = re.sub(rf"\.({'|'.join(ENDINGS)})$", "", cells[0], flags=re.IGNORECASE)
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

    A recording's key is the one that is called like it; of several, the one whose folders are called alike too.  So is
    a key's recording, of those in several folders.  Where that decides nothing, there is none.
    """
    by_name: dict[str, list[str]] = {}
    for key in keys:
        by_name.setdefault(Path(key).name, []).append(key)
    claims: dict[str, dict[Path, int]] = {}
    for path in paths:
        own = path.relative_to(folder).with_suffix("")
        alike = {key: _common_end(key, own) for key in by_name.get(own.name, [])}
        most = [key for key, count in alike.items() if count == max(alike.values())]
        if len(most) == 1:
            claims.setdefault(most[0], {})[path] = alike[most[0]]
    found = {}
    for key, alike in claims.items():
        most = [path for path, count in alike.items() if count == max(alike.values())]
        if len({path.parent for path in most}) == 1:
            found |= dict.fromkeys(most, key)
    used = set(found.values())
    return found, [key for named in by_name.values() for key in named if key not in used]


def _common_end(one, other) -> int:
    """How many parts of two paths are the same from the end on; one more if all are."""
    count = 0
    for a, b in zip(reversed(Path("/", one).parts), reversed(Path("/", other).parts)):
        if a != b:
            break
        count += 1
    return count
