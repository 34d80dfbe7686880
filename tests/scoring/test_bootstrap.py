"""Intervals against the normal theory, scipy, and themselves."""

import numpy as np
import pytest
from scipy import stats

from vocoders.scoring.bootstrap import crossed_interval, mean_interval


def test_the_interval_of_many_values_is_the_normal_one():
    values = np.random.default_rng(0).normal(loc=3, scale=2, size=400)
    found = mean_interval(values)
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert (found.mean, found.n) == (pytest.approx(values.mean()), 400)
    assert found.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05 * half)


def test_the_interval_of_skewed_values_is_that_of_scipy():
    values = np.random.default_rng(1).exponential(size=16)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(2))
    found = mean_interval(values)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), rel=0.03)
    assert found.high - found.mean > 1.05 * (found.mean - found.low)  # not symmetric, as the values are not


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(1).normal(size=20)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_too_few_values_have_no_interval():
    assert mean_interval([0.5]) == (0.5, None, None, 1)
    assert mean_interval([]) == (None, None, None, 0)


def test_the_crossed_interval_has_both_spreads():
    """Values that are a training's effect plus an utterance's: the variances of the two means add up."""
    random = np.random.default_rng(0)
    trainings, utterances = random.normal(0, 1, 30), random.normal(0, 2, 50)
    found = crossed_interval(trainings[:, None] + utterances)
    half = 1.96 * np.sqrt(trainings.var() / 30 + utterances.var() / 50)
    assert found.mean == pytest.approx(trainings.mean() + utterances.mean()) and found.n == 50
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.03)


def test_one_training_has_the_interval_of_its_utterances():
    values = np.random.default_rng(1).normal(size=20)
    assert crossed_interval(values[None]) == mean_interval(values)
    assert crossed_interval(values[:3, None]) == (pytest.approx(values[:3].mean()), None, None, 1)
