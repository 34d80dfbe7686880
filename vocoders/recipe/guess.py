"""What can be found out about a folder of recordings without asking: where its transcripts are, and who speaks.

Each guess comes with a sentence that says what was found and why.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from vocoders.data.corpus import name_parts
from vocoders.data.directory import some
from vocoders.data.transcript import find_files, read_cells, transcripts_of
from vocoders.errors import InputError

AUDIO = ("wav", "flac", "ogg", "opus", "mp3", "aiff")
TEXT_FILES = (".normalized.txt", ".txt", ".lab")
TABLES = (".csv", "transcript.txt", "metadata.txt")
PLACE = {1: "the folder of a recording", 2: "the folder above that of a recording"}
MOST = 0.5  # share of the recordings that transcripts must be there for
SETS = {"train", "dev", "test", "eval", "valid", "validation", "verified", "data", "audio", "clips", "recordings"}
SETS |= {f"{kind}{rate}" for kind in ("wav", "wavs", "flac") for rate in ("", "16", "22", "24", "44", "48")}
VOICE_WORDS = {"s", "sp", "spk", "speaker", "m", "f", "p", "voice"}  # what numbered speakers are called


def guess_audio(folder) -> tuple[list[str], str]:
    """Endings of the recordings."""
    paths = find_files(folder, [f".{ending}" for ending in AUDIO])
    endings = Counter(path.suffix[1:].lower() for path in paths)
    if not endings:
        raise InputError(f"{folder}: no recordings (files ending in {', '.join(AUDIO)}) at any depth")
    counts = ", ".join(f"{count} {ending}" for ending, count in endings.most_common())
    if len({path.with_suffix("") for path in paths}) == len(paths):
        return list(endings), f"recordings: {counts}"
    (ending, _), *_ = endings.most_common(1)
    return [ending], f"recordings: {counts}; of those that are there in several forms, {ending} is taken"


def guess_transcript(folder, paths: Sequence[Path]) -> tuple[dict | None, str]:
    """The way of Corpus.transcript by which most recordings have a text; none below MOST."""
    ways = [way for way in [*_tables(folder), {"kaldi": "text"}, *({"files": end} for end in TEXT_FILES)] if way]
    counts = [len(transcripts_of(paths, way, folder)[0]) for way in ways]
    best = max(counts)
    if not best:
        return None, "transcripts: none found (a vocoder needs none)"
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
    for number in range(1, min(map(len, parts))):  # never the last: it tells recordings of a speaker apart
        names = [part[number - 1] for part in parts]
        if _plausible_names(names):
            why = f"part {number} of the names, which repeats"
            return {"name_part": number}, f"speakers: {_counted(names)}, {why}"
    return {"name": otherwise}, f"speakers: one, called {otherwise}: neither folders nor names tell several"


def _tables(folder):
    for path in find_files(folder, TABLES):
        widths = Counter(len(cells) for cells in read_cells(path) if cells)
        if widths and min(widths) > 1:
            name = str(path.relative_to(folder))
            yield {"table": name, "column": _text_column(read_cells(path))}
        elif max(widths, default=0) > 1:
            short = next(number for number, cells in enumerate(read_cells(path), 1) if len(cells) == 1)
            raise InputError(f"{path}:{short}: expected id|text, found no |; mend the line or move the table away")


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    rows = [row for row in rows if row]
    return [[row[number] for row in rows] for number in range(min(map(len, rows)))]


def _text_column(rows) -> int:
    """The last column of words (LJ Speech has the normalised text last), else the last."""
    columns = _columns(rows)
    wordy = [n for n in range(1, len(columns)) if sum(" " in cell for cell in columns[n]) > MOST * len(columns[n])]
    return (wordy[-1] if wordy else len(columns) - 1) + 1


def _speaker_column(folder, transcript) -> int | None:
    columns = _columns(read_cells(Path(folder) / transcript["table"]))
    text = columns[transcript["column"] - 1]
    for number, column in enumerate(columns, 1):
        if number in (1, transcript["column"]) or [cell.lower() for cell in column] == [cell.lower() for cell in text]:
            continue
        if _plausible_names(column) and not any(" " in cell or not cell for cell in column):
            return number
    return None


def _speaker_folder(paths: Sequence[Path]) -> tuple[dict, str] | None:
    """The folder of a recording, or the one above it; sooner one that its name begins with."""
    folders = {}
    for level in (1, 2):
        if all(len(path.parts) > level for path in paths):
            names = [path.parts[-1 - level] for path in paths]
            if len(set(names)) > 1 and not {name.lower() for name in names} <= SETS:
                folders[level] = names
    for level, names in folders.items():
        if all(path.name.startswith(name) for path, name in zip(paths, names)):
            return {"folder": level}, f"speakers: {_counted(names)}, {PLACE[level]}, with which names of files begin"
    for level, names in folders.items():
        if _plausible_names(names, digits=True):
            return {"folder": level}, f"speakers: {_counted(names)}, {PLACE[level]}, which repeats"
    return None


def _plausible_names(names: Sequence[str], *, digits: bool = False) -> bool:
    """Several, each for two recordings or more on average, and no numbers (unless `digits`) or counted sections."""
    distinct = sorted(set(names))
    if not 2 <= len(distinct) <= len(names) / 2:
        return False
    if all(re.fullmatch(r"\d+", name) for name in distinct):
        return digits
    numbered = [re.fullmatch(r"(\D*)(\d+)", name) for name in distinct]
    if not all(numbered) or len({match[1] for match in numbered}) > 1:
        return True
    numbers = sorted(int(match[2]) for match in numbered)
    counted = numbers[0] <= 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return not counted or numbered[0][1].lower() in VOICE_WORDS


def _counted(names: Sequence[str]) -> str:
    distinct = sorted(set(names))
    return f"{len(distinct)} ({some(distinct)})"
