"""Searches for schedules, on functions whose best schedule is known."""

import math
from itertools import pairwise

import pytest

from vocoders.diffusion.search import search_cobyqa, search_grid

TARGET = (2e-5, 3e-3, 0.2)


def distance(betas, target=TARGET):
    return sum(math.log(b / t) ** 2 for b, t in zip(betas, target))


def coupled(betas):
    """A narrow valley: the ratios between neighbours matter much, the betas themselves little."""
    logs = [math.log(b / t) for b, t in zip(betas, TARGET)]
    return 20 * sum((a - b) ** 2 for a, b in pairwise(logs)) + sum(a**2 for a in logs)


class Scores:
    def __init__(self, function):
        self.function, self.asked = function, []

    def __call__(self, candidates):
        assert candidates and all(len(c) == len(candidates[0]) and min(c) > 0 and max(c) < 1 for c in candidates)
        self.asked += candidates
        return [self.function(c) for c in candidates]


def test_the_grid_has_every_mantissa_at_every_power_once():
    scores = Scores(lambda betas: distance(betas, (7e-6, 3e-1)))
    best, score = search_grid(scores, 2, budget=81)
    assert best == pytest.approx((7e-6, 3e-1)) and score == pytest.approx(0, abs=1e-9)
    expected = {(round(m, 0), round(n, 0)) for m in range(1, 10) for n in range(1, 10)}
    assert {(round(a / 1e-6), round(b / 1e-1)) for a, b in scores.asked} == expected
    assert len(scores.asked) == 81


def test_a_part_of_the_grid_is_drawn_once_each_and_repeats_with_its_seed():
    first, again, other = Scores(distance), Scores(distance), Scores(distance)
    for scores, seed in ((first, 1), (again, 1), (other, 2)):
        search_grid(scores, 3, budget=200, seed=seed)
    assert first.asked == again.asked != other.asked
    assert len(set(first.asked)) == 200
    for n in range(3):  # all over the grid, not at one end of it
        assert len({betas[n] for betas in first.asked}) == 9


@pytest.mark.parametrize("function, tolerance", [(distance, 0.02), (coupled, 0.5)])
def test_cobyqa_finds_the_minimum_and_keeps_to_its_budget(function, tolerance):
    scores = Scores(function)
    best, score = search_cobyqa(scores, (1e-4, 1e-2, 0.5), budget=400)
    assert score == min(map(function, scores.asked)) == function(best)
    assert max(abs(math.log(b / t)) for b, t in zip(best, TARGET)) < tolerance
    assert len(scores.asked) <= 400


@pytest.mark.parametrize("budget", [1, 2, 6, 7, 8, 9, 50])
def test_cobyqa_never_scores_more_than_its_budget(budget):
    scores = Scores(distance)
    best, score = search_cobyqa(scores, (1e-4, 1e-2, 0.5), budget=budget)
    assert len(scores.asked) <= budget and score == distance(best)
    assert score <= distance((1e-4, 1e-2, 0.5))


def test_cobyqa_needs_a_twentieth_of_what_the_grid_needs():
    grid, cobyqa = Scores(distance), Scores(distance)
    _, by_grid = search_grid(grid, 3, budget=1000, lowest=1e-6, highest=1e-1)
    _, by_cobyqa = search_cobyqa(cobyqa, (1e-4, 1e-2, 0.5), budget=len(grid.asked) // 20)
    assert len(grid.asked) == 729 and by_cobyqa < by_grid


def test_betas_stay_between_zero_and_one():
    best, _ = search_cobyqa(Scores(lambda betas: -betas[1] + betas[0]), (1e-8, 0.9), budget=100)
    assert best[0] >= 1e-9 and 0.99 < best[1] < 1
