"""Search for a sampling schedule of N betas.

Knows no networks: ``scores(candidates)`` takes a list of schedules, each a tuple of N betas from the cleanest step on,
and returns a number for each; lower is better.  Which candidates are asked for depends on nothing but earlier scores.
"""

import math
import random
from contextlib import suppress
from itertools import islice

MANTISSAS = range(1, 10)
SMALLEST, LARGEST = 1e-9, 0.999
FIRST_FACTOR, LAST_FACTOR = 4.0, 1.01
UNDEFINED = 1e6  # what the optimiser is told of an infinite score


def search_grid(scores, steps, *, budget, seed=0, lowest=1e-6, highest=1e-1, round_size=50):
    """The published search (Chen et al. 2021, section 4.3): mantissas 1 to 9 times one power of ten for each step.

    The powers are spread evenly from ``lowest`` to ``highest``.  Of the 9^N schedules, all are scored if the ``budget``
    allows, else so many that a generator seeded by ``seed`` draws.  Returns (betas, score) of the best.
    """
    count = len(MANTISSAS) ** steps
    chosen = range(count) if count <= budget else random.Random(seed).sample(range(count), budget)
    powers = [lowest * (highest / lowest) ** (n / max(steps - 1, 1)) for n in range(steps)]
    best = None
    candidates = (_on_grid(number, powers) for number in chosen)
    while some := list(islice(candidates, round_size)):
        best = min([*([best] if best else []), *zip(some, scores(some))], key=_by_score)
    return best


def _on_grid(number, powers):
    betas = []
    for power in powers:
        number, digit = divmod(number, len(MANTISSAS))
        betas.append(MANTISSAS[digit] * power)
    return tuple(betas)


def search_cobyqa(scores, start, *, budget):
    """Trust-region search with quadratic models (COBYQA, Ragonneau and Zhang 2023) of the betas' logits.

    A score whose noise is the same for all candidates is a smooth function of them, which two dozen values describe
    well.  Ends with the ``budget`` of schedules scored, or when the region is small.  Returns (betas, score) of the
    best.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    best, spent = (tuple(start), scores([tuple(start)])[0]), 1

    def score(logits):
        nonlocal best, spent
        if spent == budget:
            raise _SpentError
        spent += 1
        betas = tuple(expit(logits).clip(SMALLEST, LARGEST).tolist())
        (value,) = scores([betas])
        best = min([best, (betas, value)], key=_by_score)
        return min(value, UNDEFINED)

    radii = {"initial_tr_radius": math.log(FIRST_FACTOR), "final_tr_radius": math.log(LAST_FACTOR)}
    with suppress(_SpentError):
        minimize(score, logit(start), method="COBYQA", options=radii)
    return best


class _SpentError(Exception):
    """The budget is used up."""


def _by_score(entry):
    return entry[1]
