"""Rows that are trainings of one configuration with several seeds, made one row."""

import json
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from vocoders import config
from vocoders.errors import InputError
from vocoders.reporting.results import Result
from vocoders.scoring.bootstrap import crossed_interval
from vocoders.scoring.summary import too_few_defined


@dataclass(frozen=True)
class Pooled(Result):
    """Several trainings: means over trainings and utterances, intervals for others of both."""

    members: tuple = ()

    @cached_property
    def summary(self):
        first = self.members[0].summary
        times = [member.summary["rtf"]["total"] for member in self.members if member.summary.get("rtf")]
        return {
            **first,
            "metrics": {name: self._metric(name, entry) for name, entry in first["metrics"].items()},
            "rtf": {"total": fmean(times)} if times else None,
            "interval": "95 % of crossed random effects: trainings and utterances",
            "system": {**first["system"], **self._training()},
        }

    @property
    def facts(self):
        own = {key: member.facts.get(key) for key in ("alignment", "mel", "versions") for member in self.members[:1]}
        each = {f"training {n}": _words(member) for n, member in enumerate(self.members, 1)}
        return {**each, **{key: fact for key, fact in own.items() if fact}, "interval": self.summary["interval"]}

    def values(self, metric, utterances):
        return np.concatenate([member.values(metric, utterances) for member in self.members])

    def _training(self):
        """What system.json says of the training: the mean of the times, steps and seed only where all agree."""
        seconds = [member.system.get("training_seconds") for member in self.members]
        steps = {member.system.get("train_steps") for member in self.members}
        return {
            "training_seconds": None if None in seconds else fmean(seconds),
            "train_steps": steps.pop() if len(steps) == 1 else None,
        }

    def _metric(self, name, entry):
        utterances = sorted(self.members[0].scores)
        values = self.values(name, utterances)
        defined = ~np.isnan(values).any(0)
        interval = crossed_interval(values[:, defined]) if defined.any() else None
        undefined = [utt for utt, known in zip(utterances, defined) if not known]
        found = interval._asdict() if interval else {"n": 0}
        if too_few_defined(len(undefined), len(utterances)):
            found.update(mean=None, low=None, high=None)
        return {**entry, **found, "undefined": undefined}


def pool(results):
    """One row for all results that differ in nothing but the seed of training; in the order of the first of each.

    Raises InputError when two of them have one seed, or were not scored alike.
    """
    groups = {}
    for result in results:
        groups.setdefault(_identity(result), []).append(result)
    return [_pooled(group) if len(group) > 1 else group[0] for group in groups.values()]


def seed_of(result):
    """The seed of the training that a row comes from; None where that is not known."""
    return config.flat(result.settings).get("train.seed")


def _pooled(group):
    first = group[0]
    for n, other in enumerate(group[1:], 1):
        if set(other.scores) != set(first.scores) or set(other.metrics) != set(first.metrics):
            raise InputError(
                f"{other.directory} and {first.directory} differ only in the seed of training, but not the same "
                f"utterances and metrics were scored; score both alike (stage 5)"
            )
        same = [earlier for earlier in group[:n] if seed_of(earlier) == seed_of(other)]
        if same:
            raise InputError(
                f"{other.directory} and {same[0].directory} differ in nothing, not even the seed of training; "
                f"leave one out with --only"
            )
    return Pooled(first.directory, first.root, tuple(sorted(group, key=lambda result: str(seed_of(result)))))


def _identity(result):
    """What makes a row the same row but for the seed of training."""
    settings = config.flat(result.settings)
    if not settings or not result.system:
        return result.place
    settings.pop("train.seed", None)
    system = {key: result.system.get(key) for key in ("system", "options", "schedule_name")}
    where = result.directory.relative_to(result.experiment).as_posix()
    return json.dumps([settings, system, where], sort_keys=True)


def _words(member):
    """A training in a line: its directory, and what decoded it."""
    facts = member.facts
    told = {"seed": seed_of(member), "step": member.system.get("train_steps"), "weights": facts.get("weights")}
    return "; ".join([member.place, *(f"{key} {value}" for key, value in told.items()), facts.get("decoded by", "")])
