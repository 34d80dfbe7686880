"""Means with an interval."""

from typing import NamedTuple

import numpy as np
from scipy import stats

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


def crossed_interval(values):
    """The mean of ``values`` [trainings, utterances] and a 95 % interval for other trainings and other utterances.

    Both are random effects, crossed: the variance of the mean and its degrees of freedom are Satterthwaite's (Searle,
    Casella and McCulloch 1992, section 2.4), because a bootstrap of two or three trainings covers far too little.  One
    training has the interval of ``mean_interval``.  ``n`` counts utterances.
    """
    values = np.asarray(values, dtype=np.float64)
    trainings, n = values.shape
    if trainings == 1 or n < 2:
        return mean_interval(values.mean(0))
    mean, (error, freedom) = values.mean(), _crossed_error(values)
    half = error * stats.t.ppf(0.975, freedom)
    return Interval(float(mean), float(mean - half), float(mean + half), n)


def crossed_p(values, expected):
    """The two-sided p of a mean ``expected``, in the model of ``crossed_interval``: below .05 where the interval leaves
    ``expected`` out.  ``values`` [trainings, utterances] are two or more each way, and not all alike."""
    values = np.asarray(values, dtype=np.float64)
    error, freedom = _crossed_error(values)
    return float(2 * stats.t.sf(abs(values.mean() - expected) / error, freedom))


def _crossed_error(values):
    """(standard error of the mean, its degrees of freedom); where neither rows nor columns differ more than chance
    makes them, that of the rest, so that votes which cancel out do not seem certain."""
    trainings, n = values.shape
    mean = values.mean()
    of_trainings, of_utterances = values.mean(1) - mean, values.mean(0) - mean
    rest = values - mean - of_trainings[:, None] - of_utterances
    freedom = np.array([trainings - 1, n - 1, (trainings - 1) * (n - 1)])
    squares = np.array([n * (of_trainings**2).sum(), trainings * (of_utterances**2).sum(), (rest**2).sum()]) / freedom
    if squares.max() == 0:
        return 0.0, 1.0
    if squares[2] > squares[:2].sum():
        weights = np.array([0, 0, 1])
    else:
        weights = np.array([1, 1, -1]) if squares[2] < squares[:2].min() else np.array([1, 1, 0])
    variance = (weights * squares).sum()
    return np.sqrt(variance / values.size), variance**2 / ((weights * squares) ** 2 / freedom).sum()


def _resampled_means(values, random):
    n = len(values)
    blocks = (random.integers(n, size=(BLOCK, n)) for _ in range(RESAMPLES // BLOCK))
    return np.concatenate([values[block].mean(1) for block in blocks])
