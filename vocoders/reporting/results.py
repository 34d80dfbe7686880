"""What decoding and scoring left under an experiment root, one ``Result`` per system and set.

exp/<system>/.../<set>/{summary.json, scores.jsonl, system.json, decode.jsonl, wav.scp, wav/}
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import numpy as np

from vocoders import config
from vocoders.errors import InputError
from vocoders.io.files import read_json, read_jsonl
from vocoders.io.tables import read_table

KINDS = {"baseline": 1, "model": 2}  # the order of rows; the recording stands first, strangers last


@dataclass(frozen=True)
class Result:
    """One system on one set; ``root`` is what paths are shown relative to."""

    directory: Path
    root: Path

    @property
    def members(self):
        """The trainings that the row is about; itself, but for a row that is several."""
        return (self,)

    @cached_property
    def summary(self):
        return read_json(self.directory / "summary.json")

    @cached_property
    def system(self):
        """The contents of system.json; wavs from elsewhere have none."""
        return self.summary.get("system") or {}

    @property
    def eval_set(self):
        return self.directory.absolute().name  # of "." too

    @property
    def place(self):
        """The directory that holds its sets, relative to the root: ``train_diffwave/decode_best``."""
        if self.directory == self.root:
            return self.eval_set
        return self.directory.parent.relative_to(self.root).as_posix()

    @property
    def label(self):
        return self.system.get("system") or self.place

    @property
    def order(self):
        if self.system.get("baseline") == "recording":
            return (0, _natural(self.place))
        return (KINDS.get(self.system.get("kind"), 3), _natural(self.place))

    @property
    def metrics(self):
        """Score name -> {"mean", "low", "high", "n"}."""
        return self.summary["metrics"]

    @property
    def facts(self):
        """How it was made: name -> text, of what is known."""
        made = self.system.get("provenance") or {}
        facts = {
            "trained by": self._trained.get("command"),
            "decoded by": made.get("command"),
            "scored by": (self.summary.get("provenance") or {}).get("command"),
            "time": made.get("time"),
            "code": made.get("git"),
            "seed": self.system.get("seed"),
            "options": self.system.get("options"),
            "checkpoint": self.system.get("checkpoint"),
            "weights": self.system.get("weights"),
            "device": self.system.get("device"),
            "alignment": self.summary.get("alignment"),
            "mel": self.system.get("mel"),
            "interval": self.summary.get("interval"),
            "versions": {**(made.get("versions") or {}), **(self.summary.get("packages") or {})},
        }
        return {name: _plain(fact) for name, fact in facts.items() if fact not in (None, {})}

    @cached_property
    def _trained(self):
        path = self.experiment / "provenance.json" if self.experiment else None
        return read_json(path) if path and path.is_file() else {}

    @cached_property
    def scores(self):
        """Utterance -> its scores by name, None where one is undefined."""
        return {row["utt"]: row for row in read_jsonl(self.directory / "scores.jsonl")}

    def values(self, metric, utterances):
        """One score of these utterances, [trainings, utterances]; NaN where it is undefined."""
        rows = [[self.scores[utt].get(metric) for utt in utterances]]
        return np.array(rows, dtype=np.float64)

    @cached_property
    def settings(self):
        """config.yaml of the training that it comes from; empty where that is not there."""
        return config.load(self.experiment / "config.yaml") if self.experiment else {}

    @cached_property
    def waves(self):
        """Utterance -> path of its decoded wave; of those that are there."""
        table = next(
            filter(None, map(self.find, (self.directory.absolute() / "wav.scp", self.summary.get("decoded", "")))), None
        )
        listed = read_table(table) if table else {}
        found = {utt: self._beside(table, path) or self.find(path) for utt, path in listed.items()}
        return {utt: str(path) for utt, path in found.items() if path}

    def find(self, path):
        """Where a file is that was named relative to the recipe, whose directory need not be this one; or None."""
        return find_above(self.directory, path)

    @staticmethod
    def _beside(table, path):
        """Where vocoders decode writes."""
        own = Path(table).parent / "wav" / Path(path).name
        return own if own.is_file() else None

    @cached_property
    def experiment(self):
        """The training directory that it lies in, or None."""
        for folder in self.directory.parents:
            if (folder / "config.yaml").exists():
                return folder
            if folder == self.root:
                return None
        return None


def find_above(start, path):
    """The file ``path`` in the nearest of the folders that ``start`` lies in; None where none has it."""
    places = (folder / path for folder in Path(start).absolute().parents)
    return next((place for place in places if place.is_file()), None)


def recipe_name(root):
    """The recipe that an experiment root is of, as in ``ljspeech/voc1``."""
    return "/".join(Path(root).resolve().parent.parts[-2:])


def find_results(root, *, only="*"):
    """Set name -> its results, the recording first, then baselines, then models.

    ``only`` is a pattern that their places must match.  Raises InputError when nothing has been scored under ``root``.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: no such directory; give the one that holds the experiments")
    results = [Result(path.parent, root) for path in root.rglob("summary.json")]
    if not results:
        raise InputError(f"{root}: no summary.json in it; run vocoders score (stage 5) first")
    results = [result for result in results if fnmatchcase(result.place, only)]
    if not results:
        raise InputError(f"--only {only}: no scored directory under {root} has such a path")
    sets = {}
    for result in sorted(results, key=lambda result: (result.eval_set, result.order)):
        sets.setdefault(result.eval_set, []).append(result)
    return sets


def common_utterances(results):
    """Utterances that every one of the results has, sorted."""
    return sorted(set.intersection(*(set(result.waves) for result in results)))


def training_curves(experiment):
    """The records of metrics.jsonl by split: {"train": [...], "dev": [...]}; empty without that file."""
    curves = {}
    for record in read_jsonl(experiment / "metrics.jsonl"):
        curves.setdefault(record.get("split", "train"), []).append(record)
    return curves


def _natural(text):
    """As people sort: step-6 before step-12."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]


def _plain(fact):
    return ", ".join(f"{key} {value}" for key, value in fact.items()) if isinstance(fact, dict) else fact
