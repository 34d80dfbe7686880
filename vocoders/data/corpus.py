"""A folder of recordings as utterances, by what ``local/corpus.yaml`` of a recipe says of it.

    corpus = Corpus.load("local/corpus.yaml")
    utterances = corpus.utterances("downloads/mine")     # [Utterance(id, audio, text, speaker), ...]

``vocoders new-recipe`` writes that file; a person may change it.
"""

import hashlib
import os
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vocoders import config
from vocoders.data.directory import Utterance, some
from vocoders.data.transcript import Paired, column_of, find_files, transcripts_of
from vocoders.errors import InputError
from vocoders.io.audio import channels

NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.-]+")
BETWEEN_PARTS = re.compile(r"[_-]+")
WHO = ("folder", "name_part", "column", "name")
WHERE = ("files", "table", "column", "kaldi")


@dataclass(frozen=True)
class Corpus:
    """What is where in a folder.

    Args:
        audio: endings of the recordings, at any depth.
        speaker: {folder: 1} the folder that a recording is in, 2 the one above; {name_part: 2} the second part of its
            name, between - or _; {column: 2} of the table of transcripts; {name: mary} the one speaker of all.
        transcript: {files: .txt} in x.txt for x.wav, beside it or elsewhere; {table: metadata.csv, column: 2} in lines
            id|text; {kaldi: text} in Kaldi's tables; null: there are none.  Of several tables of that name, each is
            for the recordings below its folder.
        channel: which one of recordings with several, from 1 on, cut out by sox; null: all have one.
        leave_out: recordings that are not used.
        max_unpaired: transcripts that may lack a recording.
        num_dev: utterances in the dev set.
        num_eval: utterances in the eval set.
    """

    audio: list[str]
    speaker: dict[str, int | str]
    transcript: dict[str, int | str] | None = None
    channel: int | None = None
    leave_out: tuple[str, ...] = ()
    max_unpaired: int = 0
    num_dev: int = 1
    num_eval: int = 1

    def __post_init__(self):
        config.refuse_unknown(self.speaker, WHO, "speaker")
        config.refuse_unknown(self.transcript or {}, WHERE, "transcript")
        if len(self.speaker) != 1:
            raise InputError(f"speaker: expected one of {', '.join(WHO)}, found {self.speaker}")
        if self.transcript and len(self.transcript.keys() - {"column"}) != 1:
            raise InputError(f"transcript: expected one of files, table, kaldi, or null, found {self.transcript}")
        counted = [("channel", self.channel)]
        counted += [("speaker", value) for kind, value in self.speaker.items() if kind != "name"]
        counted += [("transcript", value) for kind, value in (self.transcript or {}).items() if kind == "column"]
        for key, value in counted:
            if value is not None and (not isinstance(value, int) or value < 1):
                raise InputError(f"{key}: expected a number from 1 on, found {value!r}")
        if "column" in self.speaker and "table" not in (self.transcript or {}):
            raise InputError("speaker: a column is one of the table of transcripts, and transcript names no table")

    @classmethod
    def load(cls, path) -> "Corpus":
        try:
            return config.build(cls, config.load(path), where="corpus")
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def utterances(self, folder) -> list[Utterance]:
        """All of them, sorted by id.  Raises InputError where something is missing, names the first and counts all."""
        folder = Path(folder)
        paths = self.recordings(folder)
        if faults := list(filter(None, map(fault_of_name, paths))):
            raise InputError(f"{len(faults)} recording(s) cannot be listed: {some(faults, between='; ')}")
        texts, told = self.transcripts(folder, paths), {}
        if "column" in self.speaker:
            told = column_of(paths, str(self.transcript["table"]), int(self.speaker["column"]), folder).values
        missing = [str(path.relative_to(folder)) for path in paths if path not in texts] if self.transcript else []
        if missing:
            raise InputError(
                f"{folder}: {len(missing)} recording(s) have no transcript: {some(missing)}; add them, or name "
                f"the recordings in leave_out"
            )
        names = [told.get(path) or self.speaker_of(path.relative_to(folder)) for path in paths]
        speakers = list(map(identifiers(names).get, names))
        ids = make_ids([path.relative_to(folder) for path in paths], speakers)
        sources = map(self.source, paths)
        found = [Utterance(*each) for each in zip(ids, sources, map(texts.get, paths), speakers)]
        return sorted(found, key=lambda utterance: utterance.id)

    def recordings(self, folder) -> list[Path]:
        """Raises InputError when there are none, or one that is left out does not exist."""
        paths = find_files(folder, [f".{ending}" for ending in self.audio])
        if not paths:
            raise InputError(f"{folder}: no recordings (files ending in {', '.join(self.audio)}) at any depth")
        left_out = {Path(folder) / name for name in self.leave_out}
        strange = sorted(left_out - set(paths))
        if strange:
            raise InputError(f"{strange[0]}: no such recording, but leave_out of local/corpus.yaml names it")
        return [path for path in paths if path not in left_out]

    def transcripts(self, folder, paths: Sequence[Path]) -> dict[Path, str]:
        """Recording -> text, of those that have one.  Raises InputError when too many texts have no recording."""
        found, unpaired, faults = self.pairs(folder, paths)
        if faults:
            reasons = some(list(faults.values()), between="; ")
            raise InputError(f"{len(faults)} transcript(s) cannot be read: {reasons}")
        if len(unpaired) > self.max_unpaired:
            names = some(list(map(shown, unpaired)))
            raise InputError(
                f"{folder}: {len(unpaired)} transcript(s) have no recording: {names}; complete the corpus, or "
                f"accept it with max_unpaired: {len(unpaired)} in local/corpus.yaml"
            )
        return found

    def pairs(self, folder, paths: Sequence[Path]) -> Paired:
        """Texts; of those without a recording only such as have not even one that is left out."""
        if not self.transcript:
            return Paired({}, [], {})
        found = transcripts_of(paths, self.transcript, folder)
        left_out = {Path(name).stem for name in self.leave_out}
        return found._replace(unpaired=[name for name in found.unpaired if Path(name).name not in left_out])

    def speaker_of(self, path: Path) -> str:
        """By the path of a recording, relative to the folder."""
        (kind, value), *_ = self.speaker.items()
        if kind == "name":
            return str(value)
        parts = path.parts[-2::-1] if kind == "folder" else name_parts(path)
        if kind == "column" or len(parts) < int(value):
            raise InputError(f"{path}: no {kind} {value} that could name a speaker; change speaker or leave it out")
        return parts[int(value) - 1]

    def source(self, path: Path) -> str:
        """What `wav.scp` has: as given inside the recipe, absolute elsewhere, so that the data can be moved."""
        relative = os.path.relpath(path)
        source = os.path.abspath(path) if relative.startswith("..") else relative
        if self.channel and channels(path) > 1:
            return f"sox {shlex.quote(source)} -t wav - remix {self.channel} |"
        return source


def name_parts(path: Path) -> list[str]:
    """0, george, 10 of 0_george_10.wav."""
    return BETWEEN_PARTS.split(path.stem)


def identifier(text: str) -> str:
    """`text` in the letters that ids are made of."""
    return _plain(text) or "x"


def identifiers(texts: Iterable[str]) -> dict[str, str]:
    """Text -> what no other has, in the letters that ids are made of: its identifier, with a hash where that is shared.

    What consists of such letters stays as it is.
    """
    texts = set(texts)
    count = Counter(map(_plain, texts))
    return {
        text: plain if plain and (plain == text or count[plain] == 1) else f"{plain or 'x'}-{_hash(text)}"
        for text, plain in ((text, _plain(text)) for text in texts)
    }


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return NOT_IN_IDS.sub("_", plain.replace("/", "-")).strip("_")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def shown(name: str) -> str:
    """On one line, and in letters that can be printed."""
    return name if name.isprintable() else ascii(name)


def fault_of_name(path: Path) -> str | None:
    """Why a path cannot stand in a line of a table."""
    if re.search("[\n\r\ud800-\udfff]", str(path)):  # surrogates are how Python reads what is not UTF-8
        return f"{shown(str(path))}: the name has a line break or is not UTF-8; rename it"
    return None


def make_ids(paths: Sequence[Path], speakers: Sequence[str]) -> list[str]:
    """Ids that begin with the speaker where there are several (Kaldi's order); folders enter where names repeat."""
    several = len(set(speakers)) > 1
    for texts in ([path.stem for path in paths], [str(path.with_suffix("")) for path in paths]):
        names = identifiers(texts)
        ids = [
            f"{speaker}-{names[text]}" if several and not names[text].startswith(speaker) else names[text]
            for text, speaker in zip(texts, speakers)
        ]
        if len(set(ids)) == len(ids):
            return ids
    twice = next(name for name, count in Counter(ids).items() if count > 1)
    same = [str(path) for path, name in zip(paths, ids) if name == twice]
    raise InputError(f"{some(same)}: would all have the id {twice}; rename them, or leave all but one out")
