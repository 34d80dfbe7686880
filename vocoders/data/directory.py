"""Kaldi data directories: the tables ``wav.scp``, ``text``, ``utt2spk`` and ``spk2utt``.

``wav.scp`` is written last, so a directory that has it is complete.  ``text`` may be absent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vocoders.errors import InputError
from vocoders.io.tables import scan_table, write_table

TABLES = ("wav.scp", "utt2spk", "spk2utt", "text")


@dataclass(frozen=True)
class Utterance:
    id: str
    audio: str  # a file, relative to the recipe's directory or absolute, or a command that ends in "|"
    text: str | None
    speaker: str


@dataclass(frozen=True)
class DataDirectory:
    """What `load` found; each mapping has exactly the same utterances, in LC_ALL=C order."""

    path: Path
    audio: dict[str, str]
    speaker: dict[str, str]
    text: dict[str, str] | None

    @classmethod
    def load(cls, path) -> "DataDirectory":
        """Reads and cross-checks the tables.  Raises InputError naming the file and utterances at fault."""
        directory, faults = inspect(path)
        if faults:
            raise InputError(faults[0])
        return directory

    @property
    def utterances(self) -> list[str]:
        return list(self.audio)


def inspect(path) -> tuple[DataDirectory, list[str]]:
    """What the good lines of the tables say, and every fault as a sentence: bad lines, then where tables disagree."""
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: no such data directory; run stage 1 to make it")
    names = [name for name in TABLES if name != "text" or (path / name).exists()]
    scanned = {name: scan_table(path / name) for name in names}
    audio, speaker, spk2utt, text = (scanned.get(name, (None, []))[0] for name in TABLES)
    faults = []
    if (path / "segments").exists():
        faults.append(f"{path}/segments: not supported; cut the recordings and list the pieces in wav.scp")
    faults += [fault for name in names for fault in scanned[name][1]]
    if not audio and not scanned["wav.scp"][1]:
        faults.append(f"{path}/wav.scp: no utterances")
    faults += _blanks_in_ids(path, audio, speaker)
    if audio and speaker:
        faults += _differences(path, "utt2spk", speaker, audio)
    if speaker and spk2utt:
        faults += _disagreements(path, speaker, spk2utt)
    if audio and text is not None:
        faults += _differences(path, "text", text, audio)
    return DataDirectory(path, audio, speaker, text), faults


def remarks(directory: DataDirectory) -> list[str]:
    """What Kaldi's own programs would not accept, and ours do."""
    speakers = [directory.speaker[utt] for utt in sorted(directory.speaker)]
    after = [(one, other) for one, other in pairwise(speakers) if other < one]
    if not after:
        return []
    one, other = after[0]
    return [
        f"{directory.path}/utt2spk: in the order of utterances, speaker {other} comes after {one}; Kaldi wants ids "
        f"that begin with their speaker"
    ]


def write_data_directory(path, utterances: Iterable[Utterance]) -> None:
    """Writes the four tables of a set, sorted by id; no ``text`` where no utterance has one."""
    write_data_directories({path: utterances})


def write_data_directories(sets: Mapping[str | Path, Iterable[Utterance]], more: Mapping | None = None) -> None:
    """Writes sets that belong together; interrupted, it leaves no old one beside a new one.

    ``more`` has further tables of a set: path -> {"spk2gender": {speaker: "f"}}; an empty one is removed.
    Raises InputError, with nothing touched, for a set without utterances or one that has an id twice.
    """
    by_id = {Path(path): _by_id(path, utterances) for path, utterances in sets.items()}
    more = {Path(path): tables for path, tables in (more or {}).items()}
    for path in by_id:
        (path / "wav.scp").unlink(missing_ok=True)  # incomplete from here on, until it is back
    for path, utterances in by_id.items():
        for name, table in more.get(path, {}).items():
            (path / name).unlink(missing_ok=True)
            if table:
                write_table(path / name, table)
        _write_tables(path, utterances)


def _by_id(path, utterances: Iterable[Utterance]) -> dict[str, Utterance]:
    by_id = {}
    for utterance in utterances:
        if utterance.id in by_id:
            raise InputError(f"{path}: utterance {utterance.id} is given twice; each needs its own id")
        by_id[utterance.id] = utterance
    if not by_id:
        raise InputError(f"{path}: no utterances to write")
    return by_id


def _write_tables(path: Path, by_id: dict[str, Utterance]) -> None:
    speakers = utterances_by_speaker({utt: by_id[utt].speaker for utt in sorted(by_id)})
    (path / "text").unlink(missing_ok=True)
    if texts := {utt: utterance.text for utt, utterance in by_id.items() if utterance.text}:
        write_table(path / "text", texts)
    write_table(path / "utt2spk", {utt: utterance.speaker for utt, utterance in by_id.items()})
    write_table(path / "spk2utt", {speaker: " ".join(utts) for speaker, utts in speakers.items()})
    write_table(path / "wav.scp", {utt: utterance.audio for utt, utterance in by_id.items()})


def split(ids: Sequence[str], num_dev: int, num_eval: int) -> tuple[list[str], list[str], list[str]]:
    """(train, dev, eval): the last `num_eval` of the sorted ids are eval, the `num_dev` before them dev."""
    ids = sorted(ids)
    num_train = len(ids) - num_dev - num_eval
    if min(num_dev, num_eval) < 1:
        raise InputError(f"num_dev and num_eval must be 1 or more, found {num_dev} and {num_eval}")
    if num_train < 1:
        raise InputError(
            f"{len(ids)} utterance(s) leave none for training beside {num_dev} dev and {num_eval} eval ones; "
            f"choose a smaller --num_dev and --num_eval"
        )
    return ids[:num_train], ids[num_train : num_train + num_dev], ids[num_train + num_dev :]


def split_by_speaker(speaker: dict[str, str], num_dev: int, num_eval: int) -> tuple[list[str], list[str], list[str]]:
    """(train, dev, eval) of utterance -> speaker: of each speaker, utterances spread evenly over the order of its ids.

    A speaker's share of a set is that of all utterances, to a whole number: ids often tell what is said, so the last
    ones would all say the same.
    """
    split(list(speaker), num_dev, num_eval)  # whose conditions are the same
    remaining = {spk: sorted(utts) for spk, utts in sorted(utterances_by_speaker(speaker).items())}
    sets = []
    for size in (num_eval, num_dev):
        chosen = []
        for spk, count in _shares({spk: len(utts) for spk, utts in remaining.items()}, size).items():
            known = remaining[spk]
            spread = {known[(2 * number + 1) * len(known) // (2 * count)] for number in range(count)}
            chosen += spread
            remaining[spk] = [utt for utt in known if utt not in spread]
        sets.append(sorted(chosen))
    evaluation, dev = sets
    return sorted(utt for utts in remaining.values() for utt in utts), dev, evaluation


def some(names: Sequence[str], *, limit: int = 3, between: str = ", ") -> str:
    """The first few of `names` and how many more there are, for messages."""
    more = len(names) - limit
    return between.join(names[:limit]) + (f"{between}and {more} more" if more > 0 else "")


def _shares(counts: dict[str, int], size: int) -> dict[str, int]:
    """`size` divided in proportion to the counts, by largest remainders; of equal ones the first."""
    exact = {name: size * count / sum(counts.values()) for name, count in counts.items()}
    shares = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(counts, key=lambda name: shares[name] - exact[name])
    for name in by_remainder[: size - sum(shares.values())]:
        shares[name] += 1
    return shares


def _differences(path: Path, name: str, table: dict, audio: dict) -> list[str]:
    extra = [utt for utt in table if utt not in audio]
    absent = [utt for utt in audio if utt not in table]
    faults = []
    if extra:
        faults.append(
            f"{path}/{name}: {len(extra)} utterance(s) are not in wav.scp: {some(extra)}; "
            f"remove them, or add them to wav.scp"
        )
    if absent:
        faults.append(f"{path}/{name}: {len(absent)} utterance(s) of wav.scp are absent: {some(absent)}; add them")
    return faults


def _disagreements(path: Path, speaker: dict[str, str], spk2utt: dict[str, str]) -> list[str]:
    expected = utterances_by_speaker(speaker)
    found = {spk: utts.split() for spk, utts in spk2utt.items()}
    speakers = sorted(expected.keys() | found.keys())
    wrong = [spk for spk in speakers if sorted(found.get(spk, [])) != sorted(expected.get(spk, []))]
    return [f"{path}/spk2utt: {len(wrong)} speaker(s) disagree with utt2spk: {some(wrong)}"] if wrong else []


def _blanks_in_ids(path: Path, audio: dict[str, str], speaker: dict[str, str]) -> list[str]:
    """Such an id is read as a shorter one; what follows it then gives it away."""
    faults = [
        f"{path}/utt2spk: {utt} has {spk!r} where one speaker is expected; ids have no blanks"
        for utt, spk in speaker.items()
        if " " in spk
    ]
    for utt, source in audio.items():
        *rest, file = source.split()
        if rest and file != "|" and not Path(source).exists() and Path(file).exists():
            faults.append(f"{path}/wav.scp: id {' '.join([utt, *rest])!r} has a blank; ids have none")
    return faults


def utterances_by_speaker(speaker: dict[str, str]) -> dict[str, list[str]]:
    speakers: dict[str, list[str]] = {}
    for utt, spk in speaker.items():
        speakers.setdefault(spk, []).append(utt)
    return speakers
