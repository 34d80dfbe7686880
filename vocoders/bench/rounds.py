"""Alternating rounds and what is told of them.

On a machine that others use too, only what ran in the same minutes can be compared; so contenders take turns, and
ratios are of medians over the same rounds.
"""

import numpy as np

from vocoders.errors import InputError
from vocoders.log import progress

PERCENTILES = (50, 90, 95, 99)


def alternate(jobs, rounds):
    """name -> [what ``job()`` returned in each round]; in every round each job runs once, in the order given."""
    results = {name: [] for name in jobs}
    for _ in progress(range(rounds), unit="round"):
        for name, job in jobs.items():
            results[name].append(job())
    return results


def percentiles(values):
    """{"p50": the median, "p90": ...}, interpolated linearly."""
    return {f"p{q}": float(value) for q, value in zip(PERCENTILES, np.percentile(values, PERCENTILES))}


def check_positive(**options):
    """Raises InputError for the first option that is not above 0."""
    for option, number in options.items():
        if not number > 0:
            raise InputError(f"--{option}: expected a positive number, found {number}")


def numbers(option, text):
    """[6, 12] of "6,12"; raises InputError for anything but positive whole numbers."""
    try:
        found = [int(word) for word in text.split(",")] if text else []
    except ValueError:
        raise InputError(f"--{option}: expected whole numbers with commas between, found {text!r}") from None
    for number in found:
        check_positive(**{option: number})
    return found
