"""Who speaks in VCTK, and who of them is set aside for evaluation."""

from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from corpus import GAPS, find_corpus, read_text

from vocoders.errors import InputError


class Speaker(NamedTuple):
    gender: str | None  # F or M
    accent: str


UNKNOWN = Speaker(None, "Unknown")
P280 = Speaker("F", "Unknown")  # as 0.92 has it; the table of 0.80 lacks the row


def read_speakers(download_dir: Path) -> dict[str, Speaker]:
    """Speaker -> gender and accent, from speaker-info.txt (0.80 writes p225 as 225); empty without that file."""
    path = find_corpus(download_dir)[0] / "speaker-info.txt"
    if not path.is_file():
        return {}
    speakers = {"p280": P280}
    for number, line in enumerate(read_text(path).splitlines()[1:], 2):
        if not (fields := line.split()):
            continue
        if len(fields) < 3 or fields[2] not in ("F", "M"):
            raise InputError(f"{path}:{number}: expected 'ID AGE GENDER ACCENTS REGION', found {line[:80]!r}")
        name = f"p{fields[0]}" if fields[0].isdigit() else fields[0]
        speakers[name] = Speaker(fields[2], fields[3] if len(fields) > 3 else UNKNOWN.accent)
    return speakers


def choose_speakers(speakers, info: dict[str, Speaker], count: int, *, like=()) -> list[str]:
    """`count` of them: for each of `like` one of the same accent and gender, if there is one, then by `_ranking`."""
    left = sorted(set(speakers) - set(GAPS))
    chosen = []
    for kind in (info.get(speaker, UNKNOWN) for speaker in like):
        alike = [speaker for speaker in left if info.get(speaker, UNKNOWN) == kind and speaker not in chosen]
        chosen += alike[:1]
    return [*chosen, *(speaker for speaker in _ranking(speakers, info) if speaker not in chosen)][:count]


def _ranking(speakers, info):
    """A woman and a man of each accent in turn, the accent with most speakers first, the first ids first.

    Then those that are left without the other, or whose accent or gender is unknown; at the very end those with gaps.
    """
    accents = {}
    for speaker in sorted(set(speakers) - set(GAPS)):
        gender, accent = info.get(speaker, UNKNOWN)
        accents.setdefault(accent, {}).setdefault(gender, []).append(speaker)
    largest = sorted(accents, key=lambda accent: (-sum(map(len, accents[accent].values())), accent))
    pairs = [list(zip(accents[accent].get("F", []), accents[accent].get("M", []))) for accent in largest]
    paired = [speaker for turn in zip_longest(*pairs) for pair in turn if pair for speaker in pair]
    return [*paired, *sorted(set(speakers) - set(paired), key=lambda speaker: (speaker in GAPS, speaker))]
