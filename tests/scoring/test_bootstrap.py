"""Intervals against the normal theory, scipy, and themselves."""

import numpy as np
import pytest
from scipy import stats

from vocoders.scoring.bootstrap import crossed_interval, crossed_p, mean_interval


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


@pytest.mark.parametrize("trainings, utterances", [(1.0, 0.1), (0.1, 1.0), (1.0, 1.0), (0.0, 1.0)])
def test_the_crossed_interval_covers_the_truth_with_few_trainings(trainings, utterances):
    """Three trainings and six utterances of a mean of zero; 600 draws have a standard error of .9 %."""
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(600):
        effects = trainings * random.normal(size=(3, 1)) + utterances * random.normal(size=(1, 6))
        found = crossed_interval(effects + 0.3 * random.normal(size=(3, 6)))
        hits += found.low <= 0 <= found.high
    assert 0.92 <= hits / 600 <= 0.985


def test_the_crossed_interval_of_trainings_that_alone_differ_is_that_of_student():
    found = crossed_interval(np.array([[1.0], [2.0], [4.0]]) * np.ones((3, 5)))
    theirs = stats.t.interval(0.95, 2, loc=7 / 3, scale=stats.sem([1, 2, 4]))
    assert (found.low, found.high) == pytest.approx(theirs) and found.n == 5
    p = crossed_p(np.array([[1.0], [2.0], [4.0]]) * np.ones((3, 5)), 0.5)
    assert p == pytest.approx(stats.ttest_1samp([1, 2, 4], 0.5).pvalue)


def test_values_that_cancel_out_have_the_interval_of_their_spread():
    """Rows and columns are all of one mean, which says nothing of how sure it is."""
    values = np.kron(np.ones((2, 2)), [[0.0, 1.0], [1.0, 0.0]])
    found = crossed_interval(values)
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 9, 0.5, np.sqrt(4 / 9 / 16)))
    assert crossed_p(values, 0.5) == 1 and crossed_p(values, found.low) == pytest.approx(0.05)


def test_one_training_has_the_interval_of_its_utterances():
    values = np.random.default_rng(1).normal(size=20)
    assert crossed_interval(values[None]) == mean_interval(values)
    assert crossed_interval(values[:3, None]) == (pytest.approx(values[:3].mean()), None, None, 1)
    assert crossed_interval(np.ones((3, 4))) == (1, 1, 1, 4)
