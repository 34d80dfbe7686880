"""What is in the data directories and what is wrong with it.

Faults make the data unusable as it is: unreadable audio, a wrong rate, something that is in two sets.
Warnings are counted, named and left to the reader: clipping, silence, DC, duplicates within a set, near duplicates of
other sets, repeated transcripts, rates that few have, ids that Kaldi would not take.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

import numpy as np

from vocoders.data.directory import DataDirectory, remarks, some
from vocoders.data.measure import Measurement, measure_all
from vocoders.data.near_duplicate import CORRELATION, candidates, correlation
from vocoders.io.audio import read_wave
from vocoders.log import progress

QUIET_DB = -50.0  # RMS below which an utterance can hardly be speech
LONG_SILENCE_SECONDS = 1.0
LARGE_DC = 0.01
DIGITAL_SILENCE_SECONDS = 0.1  # exact zeros for longer were put there, by an editor, a gate or a codec

_WARNINGS = {  # key of a set's summary: (figure of a measurement, which is worth a warning, in words)
    "clipped": ("clipped", lambda share: share > 0, "with samples at full scale"),
    "quiet": ("level", lambda level: level < QUIET_DB, f"quieter than {QUIET_DB:.0f} dB RMS"),
    "dc": ("dc", lambda dc: abs(dc) > LARGE_DC, f"with a DC offset above {LARGE_DC}"),
    "digital_silence": (
        "zeros",
        lambda s: s > DIGITAL_SILENCE_SECONDS,
        f"with exact zeros for more than {DIGITAL_SILENCE_SECONDS} s on end",
    ),
    "leading_silence": ("leading", lambda s: s > LONG_SILENCE_SECONDS, "beginning with a long silence"),
    "trailing_silence": ("trailing", lambda s: s > LONG_SILENCE_SECONDS, "ending in a long silence"),
}


@dataclass(frozen=True)
class Examined:
    """A data directory and what reading its audio gave."""

    directory: DataDirectory
    measurements: list[Measurement]
    faults: list[str]

    @property
    def name(self) -> str:
        return str(self.directory.path)


def examine(directory: DataDirectory, *, faults: Sequence[str] = (), nj: int = 1, rate: int | None = None) -> Examined:
    """Reads all audio of the directory, whose tables have these `faults`; all of it must have the `rate`, in Hz."""
    measurements, faults = [], list(faults)
    bar = {"total": len(directory.audio), "unit": "utt", "desc": f"check {directory.path}"}
    results = measure_all(directory.audio, nj, where=f"{directory.path}/wav.scp")
    for result in progress(results, **bar):
        (faults if isinstance(result, str) else measurements).append(result)
    faults += [
        f"{directory.path}/wav.scp: {one.utterance}: sampling rate is {one.rate} Hz, expected {rate} Hz; "
        f"resample with --resample true, or choose another mel_config"
        for one in measurements
        if rate not in (None, one.rate)
    ]
    return Examined(directory, measurements, faults)


def data_report(sets: Sequence[Examined]) -> dict:
    """Everything as plain values: `valid`, `faults`, `sets` by name, and `between` for each pair of sets."""
    between = [_between(one, other) for one, other in combinations(sets, 2)]
    faults = [fault for examined in sets for fault in examined.faults] + _leaks(between)
    return {
        "valid": not faults,
        "faults": faults,
        "sets": {examined.name: _summary(examined) for examined in sets},
        "between": between,
    }


def table(report: dict) -> str:
    """The report for people: a row per set, then one line per kind of warning."""
    rows = [
        [
            "set",
            "utterances",
            "speakers",
            "hours",
            "seconds min/median/max",
            "Hz",
            "clipped",
            "quiet",
            "equal",
        ]
    ]
    for name, row in report["sets"].items():
        length = "/".join(f"{value:.1f}" for value in (row["seconds"] or {}).values())
        counts = [str(len(row[key])) for key in ("clipped", "quiet", "duplicates")]
        facts = [str(row["utterances"]), str(row["speakers"]), f"{row['hours']:.3f}", length]
        rows.append([name, *facts, ",".join(row["sampling_rates"]), *counts])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines + warnings(report))


def warnings(report: dict) -> list[str]:
    """A sentence per kind and set."""
    lines = []
    for name, row in report["sets"].items():
        lines += row["remarks"]
        if len(row["sampling_rates"]) > 1:
            counts = [f"{count} of {rate} Hz" for rate, count in row["sampling_rates"].items()]
            lines.append(f"{name}: several sampling rates: {', '.join(counts)}")
        for key, (_, _, words) in _WARNINGS.items():
            if row[key]:
                lines.append(f"{name}: {len(row[key])} utterance(s) {words}: {some(list(row[key]))}")
        if row["duplicates"]:
            groups = [" = ".join(group) for group in row["duplicates"]]
            lines.append(f"{name}: {len(groups)} recording(s) more than once: {some(groups)}")
    for pair in report["between"]:
        (one, other), repeated, near = pair["sets"], pair["same_text"], pair["near_duplicates"]
        if near:
            lines.append(
                f"{other}: {len(near)} utterance(s) that seem to be recordings of {one}, at another level or cut "
                f"otherwise: {some(near)}; leave them out of one of the two"
            )
        if repeated:
            lines.append(f"{other}: {len(repeated)} transcript(s) that are in {one} too: {some(repeated)}")
    return lines


def _summary(examined: Examined) -> dict:
    found, directory = examined.measurements, examined.directory
    seconds = [one.seconds for one in found]
    facts = {
        "utterances": len(directory.audio),
        "measured": len(found),
        "speakers": len(set(directory.speaker.values())),
        "transcripts": len(directory.text or {}),
        "hours": sum(seconds) / 3600,
        "seconds": {"min": min(seconds), "median": median(seconds), "max": max(seconds)} if found else None,
        "sampling_rates": {str(rate): n for rate, n in sorted(Counter(one.rate for one in found).items())},
        "clipped_share": float(np.average([one.clipped for one in found], weights=seconds)) if found else None,
        "duplicates": _duplicates(found),
        "remarks": remarks(directory),
    }
    return facts | {key: _worst(found, figure, is_bad) for key, (figure, is_bad, _) in _WARNINGS.items()}


def _worst(found: list[Measurement], figure: str, is_bad: Callable[[float], bool]) -> dict[str, float]:
    """Utterance -> figure of the bad ones, the furthest from 0 first."""
    figures = {one.utterance: getattr(one, figure) for one in found if is_bad(getattr(one, figure))}
    return {utt: round(figures[utt], 6) for utt in sorted(figures, key=lambda utt: -abs(figures[utt]))}


def _duplicates(found: list[Measurement]) -> list[list[str]]:
    """Groups of utterances with the same samples."""
    groups: dict[str, list[str]] = {}
    for one in found:
        groups.setdefault(one.digest, []).append(one.utterance)
    return [utterances for utterances in groups.values() if len(utterances) > 1]


def _between(one: Examined, other: Examined) -> dict:
    """What two sets share.  The same words spoken again are no leak, but a reader should know of them."""
    digests = {found.digest: found.utterance for found in one.measurements}
    texts = {text.casefold() for text in (one.directory.text or {}).values()}
    same_audio = [(digests.get(found.digest), found.utterance) for found in other.measurements]
    return {
        "sets": [one.name, other.name],
        "same_id": [utt for utt in other.directory.audio if utt in one.directory.audio],
        "same_audio": [f"{first} = {second}" for first, second in same_audio if first],
        "near_duplicates": _near_duplicates(one, other),
        "same_text": [utt for utt, text in (other.directory.text or {}).items() if text.casefold() in texts],
    }


def _near_duplicates(one: Examined, other: Examined) -> list[str]:
    """`A ~ B (0.98)`, with how the waves correlate, of recordings that are not the same samples."""
    pairs = candidates([found.words for found in one.measurements], [found.words for found in other.measurements])
    near = []
    for first, second in ((one.measurements[i], other.measurements[j]) for i, j in pairs):
        if first.digest == second.digest:
            continue
        sources = one.directory.audio[first.utterance], other.directory.audio[second.utterance]
        waves, rates = zip(*map(read_wave, sources))
        if (likeness := correlation(*waves, rates)) > CORRELATION:
            near.append(f"{first.utterance} ~ {second.utterance} ({likeness:.2f})")
    return near


def _leaks(between: list[dict]) -> list[str]:
    return [
        f"{' and '.join(pair['sets'])} share {len(pair[key])} {what}: {some(pair[key])}; "
        f"what is evaluated on must not be trained on"
        for pair in between
        for key, what in (("same_id", "utterance id(s)"), ("same_audio", "recording(s)"))
        if pair[key]
    ]
