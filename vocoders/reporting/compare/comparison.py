"""Rows of any recipes side by side: what may stand in one ranking, and what differs there beyond chance."""

import logging
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from vocoders.config import flat
from vocoders.data.directory import some
from vocoders.errors import InputError
from vocoders.io.audio import duration, read_wave, resample
from vocoders.io.tables import read_table
from vocoders.reporting.labels import labels
from vocoders.reporting.results import Result, find_above, recipe_name
from vocoders.reporting.tables import HEADLINE, digits_of, origin, real_time_factor
from vocoders.scoring.paired import ALPHA, holm, letters, method, paired_differences
from vocoders.scoring.utterance import wave_digest

ASPECTS = ("utterances", "reference", "mel", "alignment")  # rows that differ in one are never in one ranking
FEW = 5  # utterances, of which the page says that they tell little
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row(Result):
    """A scored directory of one of several roots; ``recipe`` is its root's name for people."""

    recipe: str = ""

    @cached_property
    def conditions(self):
        """Aspect -> what must be the same for two rows to be compared."""
        return {
            "utterances": tuple(sorted(self.scores)),
            "reference": self._reference(),
            "mel": self.system.get("mel_hash"),
            "alignment": self.summary["alignment"]["mode"],
        }

    def _reference(self):
        """Digests of the references' samples; from the recordings where rows were scored before there were any."""
        digests = {utt: row.get("reference") for utt, row in self.scores.items()}
        table = self.find(self.summary.get("reference") or "")
        if None in digests.values() and table:
            rates = {row["alignment"]["rate"] for row in self.scores.values()}
            digests = _digests(table, rates.pop(), tuple(digests)) if len(rates) == 1 else digests
        return "not told" if None in digests.values() else tuple(sorted(digests.items()))

    def check(self):
        """Raises InputError where the means are not those of the scores."""
        if len(self.scores) != self.summary["n"]:
            raise InputError(
                f"{self.directory}: summary.json is of {self.summary['n']} utterances, scores.jsonl has "
                f"{len(self.scores)}; score it again (stage 5)"
            )


@cache
def _digests(table, rate, utterances):
    waves = read_table(table)
    if not set(utterances) <= set(waves):
        return dict.fromkeys(utterances)
    found = {}
    for utt in utterances:
        path = find_above(table, waves[utt])
        found[utt] = wave_digest(resample(*read_wave(path), rate)) if path else None
    return found


@dataclass(frozen=True)
class Group:
    """Rows under identical conditions; ``apart`` says why they do not stand with the first group's."""

    title: str
    rows: tuple
    apart: str = ""

    @cached_property
    def names(self):
        """One for each row, no two the same: the recipe tells equal ones apart, or the directory."""
        names = dict.fromkeys(self.rows)
        for recipe in dict.fromkeys(row.recipe for row in self.rows):
            members = [row for row in self.rows if row.recipe == recipe]
            names.update(zip(members, labels(members)))
        for more in (lambda row: row.recipe, lambda row: row.directory.absolute()):
            found = list(names.values())
            names = {row: f"{name} ({more(row)})" if found.count(name) > 1 else name for row, name in names.items()}
        return list(names.values())

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
    def intervals(self):
        """Metric -> its low and high ends for each row, by the method of the differences; NaN where there is none."""
        return {metric: self._intervals(metric) for metric in self.metrics}

    def _intervals(self, metric):
        rows = [row.values(metric, self.utterances)[0] for row in self.rows]
        found = paired_differences(np.stack(rows, 1))  # from nothing
        return list(zip(found.low, found.high))

    @cached_property
    def letters(self):
        """Metric -> a text for each row: rows that share a letter are not known to differ in this score.

        None where so many would be needed that nobody could read them.
        """
        return {metric: self._lettered(*self.differences[metric]) for metric in self.metrics}

    def _lettered(self, pairs, _differences, p):
        tested = sorted({at for pair in pairs for at in pair})
        found = letters(tested, [pair for pair, value in zip(pairs, p) if value < ALPHA])
        return None if found is None else [found.get(at, "") for at in range(len(self.rows))]

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
            path = row.find(Path(row.summary.get("reference") or "").parent / name)
            if path:
                return read_table(path)
        return {}


def find_groups(places, *, only="*"):
    """The scored directories under ``places`` (recipes, experiment roots or score folders) in comparable groups.

    ``only`` is a pattern that their paths under the root must match.  The largest group comes first.  A place where
    nothing has been scored is named; InputError when none has anything, or one holds another.
    """
    rows, seen = [], {}
    chosen = "" if only == "*" else f" that --only {only} names"
    for place in places:
        found = _rows(Path(place), only)
        if not found and Path(place).parent.name != "TEMPLATE":  # which egs/*/voc1 names too
            log.warning("%s: nothing scored there%s; left out", place, chosen)
        for row in found:
            where = row.directory.resolve()
            if where in seen:
                raise InputError(f"{place}: {row.directory} is in {seen[where]} already; give each place once")
            seen[where] = place
            row.check()
        rows += found
    if not rows:
        where = some(list(map(str, places)))
        raise InputError(f"{where}: no summary.json there{chosen}; run vocoders score (stage 5) first")
    found = {}
    for row in rows:
        found.setdefault(tuple(row.conditions.values()), []).append(row)
    groups = sorted(found.values(), key=lambda members: -len(members))  # stable: in the order given
    for members in groups:
        _check_definitions(members)
    titles = _titles(groups)
    return [
        Group(title, tuple(members), _apart(members[0], groups[0][0], titles[0]) if at else "")
        for at, (title, members) in enumerate(zip(titles, groups))
    ]


def _rows(place, only):
    if not place.is_dir():
        raise InputError(f"{place}: no such directory; give recipes, or directories that vocoders score has filled")
    root = place / "exp" if (place / "exp").is_dir() else place
    rows = [Row(path.parent, root, recipe=recipe_name(root)) for path in root.rglob("summary.json")]
    return sorted((row for row in rows if fnmatchcase(row.place, only)), key=lambda row: (row.eval_set, row.order))


def _check_definitions(rows):
    """Raises InputError where a score of one name was measured in two ways, by another version."""
    first = {}
    for row in rows:
        for name, entry in row.metrics.items():
            other = first.setdefault(name, row)
            if entry.get("definition") != other.metrics[name].get("definition"):
                raise InputError(
                    f"{other.directory} and {row.directory}: {entry.get('label', name)} was measured in two ways, by "
                    f"different versions; score the older one again (stage 5)"
                )


def _titles(groups):
    titles = [" and ".join(dict.fromkeys(f"{row.recipe}, {row.eval_set}" for row in members)) for members in groups]
    return [
        f"{title} ({titles[:at].count(title) + 1})" if titles.count(title) > 1 else title
        for at, title in enumerate(titles)
    ]


def _apart(row, first, title):
    """In words, in what the conditions of ``row`` differ from those of ``first``."""
    mine, others = row.conditions, first.conditions
    shared = len(set(mine["utterances"]) & set(others["utterances"]))
    untold = "not told" in (mine["reference"], others["reference"])
    reasons = {
        "utterances": f"{len(mine['utterances'])} utterances, {shared or 'none'} of them among its "
        f"{len(others['utterances'])}",
        "reference": "a reference that is not told; score again (stage 5)"
        if untold
        else "other recordings as reference",
        "mel": _mel_difference(row.system, first.system),
        "alignment": f"waves {mine['alignment']}",
    }
    told = [reasons[aspect] for aspect in ASPECTS if mine[aspect] != others[aspect]]
    if not shared and not untold:
        told.remove(reasons["reference"])  # goes without saying
    return f"not in one ranking with {title}: {'; '.join(told)}"


def _mel_difference(mine, others):
    specs = [system.get("mel") or {} for system in (mine, others)]
    if not all(specs):
        return "mels that are not told"
    changed = [key for key in {**specs[1], **specs[0]} if specs[0].get(key) != specs[1].get(key)]
    words = [f"{key} {specs[0].get(key)} instead of {specs[1].get(key)}" for key in changed]
    return f"other mels ({', '.join(words) or mine.get('mel_hash')})"


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
        "test": f"{method(len(group.utterances))}, Holm's correction over the pairs of rows, each score for itself",
        "few": len(group.utterances) < FEW,
        "metrics": metrics,
        "utterances": utterances,
        "rows": rows,
        "differences": differences,
    }


def _definition(group, name):
    entry = group.entry(name)
    means = [row.metrics[name]["mean"] for row in group.rows if (row.metrics.get(name) or {}).get("mean") is not None]
    keys = ("label", "unit", "better", "definition")
    about = {"digits": digits_of(means), "lettered": group.letters[name] is not None}
    return {**{key: entry.get(key, "") for key in keys}, **about}


def _row(group, at):
    row = group.rows[at]
    system = row.system
    scores = {name: _plain(row.values(name, group.utterances)[0]) for name in row.metrics}
    means = {name: _mean(group, at, name, entry) for name, entry in row.metrics.items()}
    return {
        "name": group.names[at],
        "recipe": row.recipe,
        "place": str(row.directory),
        "work": str(row.root.absolute().parent),
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
        "settings": flat(row.settings),
        "means": means,
        "scores": scores,
    }


def _mean(group, at, name, entry):
    low, high = map(_number, group.intervals[name][at])
    told = entry["mean"] is not None
    return {
        "mean": entry["mean"],
        "low": low if told else None,
        "high": high if told else None,
        "n": entry["n"],
        "letters": (group.letters[name] or {at: ""})[at],
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
