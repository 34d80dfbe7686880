"""Rows of any recipes side by side: what may stand in one ranking, and what differs there beyond chance."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from vocoders.errors import InputError
from vocoders.io.audio import duration
from vocoders.io.tables import read_table
from vocoders.reporting.labels import labels
from vocoders.reporting.results import Result, find_results
from vocoders.reporting.tables import HEADLINE, digits_of, origin, real_time_factor
from vocoders.scoring.paired import ALPHA, holm, letters, paired_differences

ASPECTS = ("utterances", "reference", "mel", "alignment")  # rows that differ in one are never in one ranking


@dataclass(frozen=True)
class Row(Result):
    """A scored directory of one of several roots; ``recipe`` is its root's name for people."""

    recipe: str = ""

    @cached_property
    def conditions(self):
        """Aspect -> what must be the same for two rows to be compared."""
        mel = self.system.get("mel_hash")
        return {
            "reference": self._reference(),
            "utterances": tuple(sorted(self.scores)),
            "mel": mel or f"not told ({self.directory})",
            "alignment": self.summary["alignment"]["mode"],
        }

    def _reference(self):
        """Digests of the references' samples; of rows that were scored before there were any, their path."""
        digests = {utt: row.get("reference") for utt, row in self.scores.items()}
        if None in digests.values():
            return f"{self.root.absolute().parent}/{self.summary['reference']}"
        return tuple(sorted(digests.items()))


@dataclass(frozen=True)
class Group:
    """Rows under identical conditions; ``apart`` says why they do not stand with the first group's."""

    title: str
    rows: tuple
    apart: str = ""

    @cached_property
    def names(self):
        return labels(self.rows)

    @cached_property
    def utterances(self):
        return sorted(self.rows[0].scores)

    @cached_property
    def metrics(self):
        """Names of the scores that rows have, those that order systems as ears do first."""
        known = dict.fromkeys(name for row in self.rows for name in row.metrics)
        return [*(name for name in HEADLINE if name in known), *(name for name in known if name not in HEADLINE)]

    def entry(self, metric):
        """Label, unit, direction and definition of a score."""
        return next(row.metrics[metric] for row in self.rows if metric in row.metrics)

    @cached_property
    def speakers(self):
        """Utterance -> speaker, from beside the reference; empty where that is not there."""
        return self._beside_reference("utt2spk")

    @cached_property
    def texts(self):
        return self._beside_reference("text")

    @cached_property
    def seconds(self):
        """Utterance -> duration of the first row's wave that is there."""
        waves = next((row.waves for row in self.rows if row.waves), {})
        return {utt: duration(path) for utt, path in waves.items()}

    @cached_property
    def differences(self):
        """Metric -> (pairs of rows, ``Differences`` first minus second, p after Holm's correction over the pairs)."""
        return {metric: self._tested(metric) for metric in self.metrics}

    @cached_property
    def letters(self):
        """Metric -> a text for each row: rows that share a letter are not known to differ in this score."""
        return {metric: self._lettered(*self.differences[metric]) for metric in self.metrics}

    def _lettered(self, pairs, _differences, p):
        tested = sorted({at for pair in pairs for at in pair})
        found = letters(tested, [pair for pair, value in zip(pairs, p) if value < ALPHA])
        return [found.get(at, "") for at in range(len(self.rows))]

    def _tested(self, metric):
        having = [at for at, row in enumerate(self.rows) if (row.metrics.get(metric) or {}).get("mean") is not None]
        pairs = list(combinations(having, 2))
        if not pairs:
            return [], None, []
        values = {at: self.rows[at].values(metric, self.utterances)[0] for at in having}
        found = paired_differences(np.stack([values[one] - values[other] for one, other in pairs], 1))
        return pairs, found, holm(found.p)

    def _beside_reference(self, name):
        for row in self.rows:
            path = row.root.absolute().parent / Path(row.summary.get("reference") or "").parent / name
            if path.is_file():
                return read_table(path)
        return {}


def find_groups(places, *, only="*"):
    """The scored directories under ``places`` (recipes, experiment roots or score folders) in comparable groups.

    The largest group comes first.  Raises InputError when a place has nothing scored, or is given twice.
    """
    rows, seen = [], {}
    for place in places:
        root = Path(place)
        root = root / "exp" if (root / "exp").is_dir() else root
        for results in find_results(root, only=only).values():
            for result in results:
                where = result.directory.resolve()
                if where in seen:
                    raise InputError(f"{place}: {result.directory} is in {seen[where]} already; give each place once")
                seen[where] = place
                rows.append(Row(result.directory, result.root, recipe=recipe_name(root)))
    found = {}
    for row in rows:
        found.setdefault(tuple(row.conditions.values()), []).append(row)
    groups = sorted(found.values(), key=lambda members: -len(members))  # stable: in the order given
    titles = _titles(groups)
    return [
        Group(title, tuple(members), _apart(members[0], groups[0][0], titles[0]) if at else "")
        for at, (title, members) in enumerate(zip(titles, groups))
    ]


def recipe_name(root):
    """The recipe's directory, as in ``ljspeech/voc1``."""
    return "/".join(Path(root).resolve().parent.parts[-2:])


def _titles(groups):
    titles = [_unique(f"{row.recipe}, {row.eval_set}" for row in members) for members in groups]
    return [f"{title} ({titles[:at].count(title) + 1})" if titles.count(title) > 1 else title
            for at, title in enumerate(titles)]  # fmt: skip


def _unique(names):
    return " and ".join(dict.fromkeys(names))


def _apart(row, first, title):
    """In words, in what the conditions of ``row`` differ from those of ``first``."""
    mine, others = row.conditions, first.conditions
    shared = len(set(mine["utterances"]) & set(others["utterances"]))
    reasons = {
        "utterances": f"{len(mine['utterances'])} utterances, {shared or 'none'} of them among its "
        f"{len(others['utterances'])}",
        "reference": "other recordings as reference",
        "mel": _mel_difference(row, first),
        "alignment": f"waves {mine['alignment']}",
    }
    told = [reasons[aspect] for aspect in ASPECTS if mine[aspect] != others[aspect]]
    if not shared:
        told.remove(reasons["reference"])  # goes without saying
    return f"not in one ranking with {title}: {'; '.join(told)}"


def _mel_difference(row, first):
    mine, others = row.system.get("mel"), first.system.get("mel")
    if not (mine and others):
        return "mels that are not told"
    changed = [
        f"{key} {mine.get(key)} instead of {others.get(key)}" for key in mine if mine.get(key) != others.get(key)
    ]
    return f"other mels ({', '.join(changed)})"


def comparison(groups):
    """All of it as plain values, for JSON and for the page."""
    return {"alpha": ALPHA, "groups": [_group(group) for group in groups]}


def _group(group):
    rows = [_row(group, at) for at in range(len(group.rows))]
    utterances = [
        {"id": utt, "text": group.texts.get(utt), "speaker": group.speakers.get(utt), "seconds": group.seconds.get(utt)}
        for utt in group.utterances
    ]
    metrics = {name: _definition(group, name) for name in group.metrics}
    differences = {name: _differences(*group.differences[name]) for name in group.metrics}
    first = group.rows[0]
    return {
        "title": group.title,
        "apart": group.apart or None,
        "n": len(group.utterances),
        "reference": first.summary.get("reference"),
        "mel": first.system.get("mel"),
        "mel_hash": first.system.get("mel_hash"),
        "alignment": first.summary["alignment"]["mode"],
        "metrics": metrics,
        "utterances": utterances,
        "rows": rows,
        "differences": differences,
    }


def _definition(group, name):
    entry = group.entry(name)
    means = [row.metrics[name]["mean"] for row in group.rows if (row.metrics.get(name) or {}).get("mean") is not None]
    keys = ("label", "unit", "better", "definition")
    return {**{key: entry.get(key, "") for key in keys}, "digits": digits_of(means)}


def _row(group, at):
    row = group.rows[at]
    system = row.system
    scores = {name: _plain(row.values(name, group.utterances)[0]) for name in row.metrics}
    means = {
        name: {**{key: entry.get(key) for key in ("mean", "low", "high", "n")}, "letters": group.letters[name][at]}
        for name, entry in row.metrics.items()
    }
    return {
        "name": group.names[at],
        "recipe": row.recipe,
        "place": str(row.directory),
        "kind": system.get("kind") or "other",
        "baseline": system.get("baseline"),
        "parameters": system.get("parameters"),
        "evaluations": system.get("evaluations"),
        "rtf": real_time_factor(row),
        "train_steps": system.get("train_steps"),
        "training_seconds": system.get("training_seconds"),
        "device": system.get("device"),
        "again": origin(row),
        "facts": row.facts,
        "means": means,
        "scores": scores,
    }


def _differences(pairs, found, p):
    return [
        {
            "rows": list(pair),
            **{key: _number(getattr(found, key)[at]) for key in ("mean", "low", "high")},
            "n": int(found.n[at]),
            "p": _number(p[at]),
        }
        for at, pair in enumerate(pairs)
    ]


def _plain(values):
    return [_number(value) for value in values]


def _number(value):
    """Six digits, which no score has; None for what is not a number."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
