"""The paired test against scipy and against simulated data whose truth is known."""

import numpy as np
import pytest
from scipy import stats

from vocoders.scoring.paired import holm, letters, paired_differences

SIMULATIONS = 1000
SHAPES = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "heavy tails": lambda random, shape: random.standard_t(5, shape),
    "skewed": lambda random, shape: random.gamma(4.0, 1.0, shape) - 4.0,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("utterances", [20, 100])
def test_one_comparison_in_twenty_without_any_effect_is_called_different(shape, utterances):
    differences = SHAPES[shape](np.random.default_rng(1), (utterances, SIMULATIONS))
    p = paired_differences(differences, resamples=4000).p
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.01)


def test_few_utterances_have_students_test():
    ours, theirs = np.random.default_rng(2).normal(0.4, 1, (2, 6, 50))
    found, expected = paired_differences(ours - theirs), stats.ttest_rel(ours, theirs)
    np.testing.assert_allclose(found.p, expected.pvalue)
    np.testing.assert_allclose(found.high, expected.confidence_interval().high)


def test_a_known_effect_is_found_as_often_as_students_test_finds_it():
    differences = np.random.default_rng(3).normal(0.5, 1.0, (40, SIMULATIONS))
    found = np.mean(paired_differences(differences, resamples=4000).p < 0.05)
    assert found == pytest.approx(np.mean(stats.ttest_1samp(differences, 0).pvalue < 0.05), abs=0.02)


def test_p_and_interval_are_those_of_scipy_for_many_normal_utterances():
    random = np.random.default_rng(4)
    ours, theirs = random.normal(0.1, 1, (400, 30)), random.normal(0, 1, (400, 30))
    found = paired_differences(ours - theirs, resamples=20_000)
    expected = stats.ttest_rel(ours, theirs)
    interval = expected.confidence_interval()
    np.testing.assert_allclose(found.mean, (ours - theirs).mean(0))
    np.testing.assert_allclose(found.p, expected.pvalue, atol=0.012)
    np.testing.assert_allclose(found.low, interval.low, atol=0.006)
    np.testing.assert_allclose(found.high, interval.high, atol=0.006)


def test_the_interval_excludes_nothing_exactly_where_the_test_rejects():
    differences = np.random.default_rng(5).normal(0.4, 1, (25, 200))
    found = paired_differences(differences, resamples=4000)
    assert ((found.low > 0) | (found.high < 0)).tolist() == (found.p < 0.05).tolist()


def test_undefined_utterances_count_for_nothing():
    random = np.random.default_rng(6)
    differences = random.normal(0.3, 1, (60, 1))
    holes = np.concatenate([differences, np.full((40, 1), np.nan)])
    whole, part = paired_differences(differences), paired_differences(holes)
    assert part.n == whole.n == 60
    assert part.mean == pytest.approx(whole.mean)
    assert part.p == pytest.approx(whole.p, abs=0.01)


def test_what_cannot_be_told_is_not_told():
    found = paired_differences([[1.0, 0.5, 0.0], [np.nan, 0.5, 0.0], [np.nan, 0.5, 0.0]])
    assert np.isnan(found.p[0]) and np.isnan(found.low[0])
    assert found.p[1] == stats.binomtest(3, 3).pvalue  # three equal signs
    assert found.p[2] == 1


def test_holm_against_its_definition():
    p = np.array([0.01, 0.04, 0.03, 0.005, np.nan])
    np.testing.assert_allclose(holm(p), [0.03, 0.06, 0.06, 0.02, np.nan])  # the example of Wikipedia's article


def test_false_differences_in_a_family_are_as_rare_as_promised():
    random = np.random.default_rng(7)
    families = random.standard_normal((30, 10 * SIMULATIONS))
    adjusted = paired_differences(families, resamples=4000).p.reshape(SIMULATIONS, 10)
    assert np.mean([holm(p).min() < 0.05 for p in adjusted]) < 0.065


def test_two_share_a_letter_exactly_where_they_are_not_known_to_differ():
    names = ["r", "s", "t", "u"]
    different = {("r", "t"), ("r", "u"), ("s", "u")}
    found = letters(names, different)
    assert found == {"r": "a", "s": "ab", "t": "bc", "u": "c"}
    for one, other in [(a, b) for a in names for b in names if a < b]:
        assert bool(set(found[one]) & set(found[other])) == ((one, other) not in different)


def test_letters_that_nobody_could_read_are_not_given():
    names = [f"{half}{number}" for number in range(5) for half in "ab"]
    different = [(f"a{number}", f"b{number}") for number in range(5)]  # 2^5 largest sets without one
    assert letters(names, different) is None
    assert letters(names, different[:4]) is not None
