"""What can be found out about a folder of recordings without asking: where its transcripts are, and who speaks.

Each guess comes with a sentence that says what was found and why.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from vocoders.data.corpus import name_parts, shown
from vocoders.data.directory import some
from vocoders.data.transcript import RECORDINGS, find_files, find_tables, read_cells, transcripts_of
from vocoders.errors import InputError

TEXT_FILES = (".normalized.txt", ".txt", ".lab")
TABLES = (".csv", "transcript.txt", "metadata.txt")
PLACE = {1: "the folder of a recording", 2: "the folder above that of a recording"}
MOST = 0.5  # share of the recordings that transcripts must be there for
SETS = {"train", "dev", "test", "eval", "valid", "validation", "verified", "data", "audio", "clips", "recordings"}
SETS |= {f"{kind}{rate}" for kind in ("wav", "wavs", "flac") for rate in ("", "16", "22", "24", "44", "48")}
VOICE_WORDS = {"s", "sp", "spk", "speaker", "m", "f", "p", "voice"}  # what numbered speakers are called
SECTION_WORDS = {"chapter", "ch", "part", "section", "book", "volume", "vol", "disc", "cd", "tape", "session", "take"}


def guess_audio(folder) -> tuple[list[str], dict[Path, str], str]:
    """(endings, recordings to leave out -> why, sentence): of several forms of one, the most usual is taken."""
    paths = find_files(folder, RECORDINGS)
    endings = Counter(_ending(path) for path in paths)
    if not endings:
        raise InputError(f"{folder}: no recordings (files ending in {', '.join(RECORDINGS)}) at any depth")
    usual = [ending for ending, _ in endings.most_common()]
    taken: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda path: usual.index(_ending(path))):
        taken.setdefault(path.with_suffix(""), path)
    kept = [ending for ending in usual if ending in map(_ending, taken.values())]
    twins = {path: taken[path.with_suffix("")] for path in paths if taken[path.with_suffix("")] != path}
    twins = {path: f"{path}: there as {shown(twin.name)} too" for path, twin in twins.items() if _ending(path) in kept}
    about = f"recordings: {', '.join(f'{count} {ending}' for ending, count in endings.most_common())}"
    if len(taken) < len(paths):
        about += f"; {len(paths) - len(taken)} of them are other forms of the rest, and left out"
    return kept, twins, about


def _ending(path: Path) -> str:
    return path.suffix[1:].lower()


def guess_transcript(folder, paths: Sequence[Path]) -> tuple[dict | None, str]:
    """The way of Corpus.transcript by which most recordings have a text; none below MOST."""
    kaldi = [{"kaldi": "text"}] if find_tables(folder, "text") else []
    ways = [*_tables(folder), *kaldi, *({"files": end} for end in TEXT_FILES)]
    found = [transcripts_of(paths, way, folder) for way in ways]
    counts = [len(each.values) + len(each.faults) for each in found]
    best = max(counts)
    if not best:
        unpaired = [name for each in found[: -len(TEXT_FILES)] for name in each.unpaired]
        belong = f" that belong to one recording each: {some(list(map(shown, unpaired)))} do not" if unpaired else ""
        return None, f"transcripts: none found{belong} (a vocoder needs none)"
    way = ways[counts.index(best)]
    words = ", ".join(f"{key} {value}" for key, value in way.items())
    if best < MOST * len(paths):
        return None, f"transcripts: not used, since {words} has those of only {best} of {len(paths)} recordings"
    return way, f"transcripts: {words}, of {best} of {len(paths)} recordings"


def guess_speaker(folder, paths: Sequence[Path], transcript: dict | None, otherwise: str) -> tuple[dict, str]:
    """A way of Corpus.speaker: a column of the table, a folder, a part of the names, or one speaker `otherwise`."""
    if transcript and "table" in transcript and (column := _speaker_column(folder, transcript)):
        return {"column": column}, f"speakers: column {column} of {transcript['table']}, whose values repeat"
    relative = [path.relative_to(folder) for path in paths]
    if found := _speaker_folder(relative):
        return found
    parts = [name_parts(path) for path in relative]
    for number in range(1, min(map(len, parts), default=0)):  # never the last: it tells recordings of a speaker apart
        names = [part[number - 1] for part in parts]
        if _plausible_names(names):
            why = f"part {number} of the names, which repeats"
            return {"name_part": number}, f"speakers: {_counted(names)}, {why}"
    return {"name": otherwise}, f"speakers: one, called {otherwise}: neither folders nor names tell several"


def _tables(folder):
    for name in dict.fromkeys(path.name for path in find_files(folder, TABLES)):
        tables = {path: read_cells(path) for path in find_tables(folder, name)}
        rows = [row for table in tables.values() for row in table]
        short = [f"{path}:{n}" for path, table in tables.items() for n, row in enumerate(table, 1) if len(row) == 1]
        if short and len(short) < sum(map(bool, rows)):
            raise InputError(f"{short[0]}: expected id|text, found no |; mend the line or move the table away")
        if any(rows) and not short:
            yield {"table": name, "column": _text_column(rows)}


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    rows = [row for row in rows if row]
    return [[row[number] for row in rows] for number in range(min(map(len, rows)))]


def _text_column(rows) -> int:
    """The last column of words (LJ Speech has the normalised text last), else the last."""
    columns = _columns(rows)
    wordy = [n for n in range(1, len(columns)) if sum(" " in cell for cell in columns[n]) > MOST * len(columns[n])]
    return (wordy[-1] if wordy else len(columns) - 1) + 1


def _speaker_column(folder, transcript) -> int | None:
    columns = _columns([row for path in find_tables(folder, transcript["table"]) for row in read_cells(path)])
    text = columns[transcript["column"] - 1]
    for number, column in enumerate(columns, 1):
        if number in (1, transcript["column"]) or [cell.lower() for cell in column] == [cell.lower() for cell in text]:
            continue
        if _plausible_names(column, numbered=True) and not any(" " in cell or not cell for cell in column):
            return number
    return None


def _speaker_folder(paths: Sequence[Path]) -> tuple[dict, str] | None:
    """The folder of a recording, or the one above it; sooner one that its name begins with."""
    folders = {}
    for level in (1, 2):
        if all(len(path.parts) > level for path in paths):
            names = [path.parts[-1 - level] for path in paths]
            if len(set(names)) > 1 and not {name.lower() for name in names} <= SETS and not _are_sections(names):
                folders[level] = names
    for level, names in folders.items():
        if all(path.name.startswith(name) for path, name in zip(paths, names)):
            return {"folder": level}, f"speakers: {_counted(names)}, {PLACE[level]}, with which names of files begin"
    for level, names in folders.items():
        if _plausible_names(names, numbered=True, digits=True):
            return {"folder": level}, f"speakers: {_counted(names)}, {PLACE[level]}, which repeats"
    return None


def _plausible_names(names: Sequence[str], *, numbered: bool = False, digits: bool = False) -> bool:
    """Several, each for two recordings or more on average.

    Words with numbers (LJ001, LJ002) only if `numbered`, or if the word is one for voices; numbers only if `digits`.
    """
    distinct = set(names)
    if not 2 <= len(distinct) <= len(names) / 2:
        return False
    word = _shared_word(distinct)
    if word == "":
        return digits
    return word is None or word in VOICE_WORDS or (numbered and word not in SECTION_WORDS)


def _are_sections(names: Sequence[str]) -> bool:
    return _shared_word(names) in SECTION_WORDS


def _shared_word(names: Iterable[str]) -> str | None:
    """`chapter` of chapter1 and Chapter_02, empty of 1 and 2; None where they differ in more than a number."""
    words = {match and match[1].lower() for match in (re.fullmatch(r"(\D*?)[ _-]?\d+", name) for name in names)}
    return words.pop() if len(words) == 1 else None


def _counted(names: Sequence[str]) -> str:
    distinct = sorted(set(names))
    return f"{len(distinct)} ({some(distinct)})"
