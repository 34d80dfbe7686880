"""Search for a sampling schedule of N betas.

Knows no networks: ``scores(candidates)`` takes a list of schedules, each a tuple of N betas from the cleanest step on,
and returns a number for each; lower is better.  Candidates are asked for in rounds that depend on nothing but earlier
scores, so it is the same search however many are scored at a time.
"""

import math
import random
from itertools import islice

MANTISSAS = range(1, 10)
SMALLEST, LARGEST = 1e-9, 0.999
FIRST_FACTOR, LAST_FACTOR = 4.0, 1.02


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


def search_descent(scores, start, *, budget):
    """Pattern search on the logarithms of the betas (Hooke and Jeeves 1961), from the schedule ``start``.

    A round multiplies and divides each beta by a factor; the next tries all steps that helped at once, and the better
    half of them.  When nothing helps, the factor becomes its root.  Ends with the ``budget`` of schedules scored, or
    when the factor is near one.  Returns (betas, score) of the best.
    """
    best = (tuple(start), scores([tuple(start)])[0])
    spent, factor = 1, FIRST_FACTOR
    while factor > LAST_FACTOR:
        moves = [(n, sign) for n in range(len(start)) for sign in (1, -1)][: budget - spent]
        if not moves:
            break
        tried = list(zip(moves, scores([_moved(best[0], [move], factor) for move in moves])))
        spent += len(moves)
        helped = sorted((entry for entry in tried if entry[1] < best[1]), key=_by_score)
        together = [move for n, (move, _) in enumerate(helped) if move[0] not in [m[0] for m, _ in helped[:n]]]
        combined = [together, together[: (len(together) + 1) // 2]] if len(together) > 1 else []
        candidates = [_moved(best[0], some, factor) for some in combined][: budget - spent]
        found = list(zip(candidates, scores(candidates))) if candidates else []
        spent += len(candidates)
        singles = [(_moved(best[0], [move], factor), score) for move, score in helped[:1]]
        best = min([best, *singles, *found], key=_by_score)
        if not helped:
            factor = math.sqrt(factor)
    return best


def _moved(betas, moves, factor):
    moved = list(betas)
    for n, sign in moves:
        moved[n] = min(max(moved[n] * factor**sign, SMALLEST), LARGEST)
    return tuple(moved)


def _by_score(entry):
    return entry[1]
