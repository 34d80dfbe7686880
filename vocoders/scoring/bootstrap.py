"""Means with an interval."""

from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
BLOCK = 500  # resamples drawn at once: memory stays at BLOCK * n


class Interval(NamedTuple):
    """A mean, its 95 % interval and the number of values; fewer than two values have no interval."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


def mean_interval(values, *, seed=0):
    """The mean and its 95 % percentile bootstrap interval (Efron 1979), 10,000 resamples.

    With few values (n below about 10) such an interval is too narrow: read it beside its n.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return Interval(float(values[0]) if len(values) else None, None, None, len(values))
    low, high = np.percentile(_resampled_means(values, np.random.default_rng(seed)), [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high), len(values))


def crossed_interval(values, *, seed=0):
    """The same for ``values`` [trainings, utterances]: both are resampled, each by itself (Owen 2007, "The pigeonhole
    bootstrap"), so that the interval speaks of other trainings and other utterances.  ``n`` counts utterances."""
    values = np.asarray(values, dtype=np.float64)
    trainings, n = values.shape
    if trainings == 1 or n < 2:
        return mean_interval(values.mean(0), seed=seed)
    random = np.random.default_rng(seed)
    of_trainings = random.multinomial(trainings, np.full(trainings, 1 / trainings), RESAMPLES) / trainings
    of_utterances = random.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
    means = np.einsum("rt,tu,ru->r", of_trainings, values, of_utterances, optimize=True)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high), n)


def _resampled_means(values, random):
    n = len(values)
    blocks = (random.integers(n, size=(BLOCK, n)) for _ in range(RESAMPLES // BLOCK))
    return np.concatenate([values[block].mean(1) for block in blocks])
