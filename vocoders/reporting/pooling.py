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

UNDEFINED_LIMIT = 0.1


@dataclass(frozen=True)
class Pooled(Result):
    """Several trainings; means over trainings and utterances, intervals from resampling both."""

    members: tuple = ()

    @cached_property
    def summary(self):
        first = self.members[0].summary
        times = [member.summary["rtf"]["total"] for member in self.members if member.summary.get("rtf")]
        return {
            **first,
            "metrics": {name: self._metric(name, entry) for name, entry in first["metrics"].items()},
            "rtf": {"total": fmean(times)} if times else None,
            "interval": "95 % bootstrap over trainings and utterances, 10,000 resamples, seed 0",
            "system": {**first["system"], "training_seconds": self._training_seconds()},
        }

    @property
    def trainings(self):
        return len(self.members)

    def values(self, metric, utterances):
        return np.concatenate([member.values(metric, utterances) for member in self.members])

    def _training_seconds(self):
        seconds = [member.system.get("training_seconds") for member in self.members]
        return None if None in seconds else fmean(seconds)

    def _metric(self, name, entry):
        utterances = sorted(self.members[0].scores)
        values = self.values(name, utterances)
        defined = ~np.isnan(values).any(0)
        interval = crossed_interval(values[:, defined])._asdict()
        if (~defined).sum() > UNDEFINED_LIMIT * len(utterances):
            interval.update(mean=None, low=None, high=None)
        undefined = [utt for utt, known in zip(utterances, defined) if not known]
        return {**entry, **interval, "undefined": undefined}


def pool(results):
    """One row for all results that differ in nothing but the seed of training; in the order of the first of each.

    Raises InputError when the trainings were not scored alike.
    """
    groups = {}
    for result in results:
        groups.setdefault(_identity(result), []).append(result)
    return [_pooled(group) if len(group) > 1 else group[0] for group in groups.values()]


def _pooled(group):
    first = group[0]
    for other in group[1:]:
        if set(other.scores) != set(first.scores) or set(other.metrics) != set(first.metrics):
            raise InputError(
                f"{other.directory} and {first.directory} differ only in the seed of training, but not the same "
                f"utterances and metrics were scored; score both alike (stage 5)"
            )
    return Pooled(first.directory, first.root, tuple(group))


def _identity(result):
    """What makes a row the same row but for the seed of training."""
    settings = config.flat(result.settings)
    if not settings:
        return result.place
    settings.pop("train.seed", None)
    system = {key: result.system.get(key) for key in ("system", "options", "schedule_name")}
    return json.dumps([settings, system], sort_keys=True)
