"""Which of several systems differ, tested on the utterances that all of them spoke."""

from itertools import islice
from string import ascii_lowercase
from typing import NamedTuple

import numpy as np
from scipy import stats

ALPHA = 0.05
RESAMPLES = 10_000
PER_TEST = 40  # resamples for each test of a family: the smallest p must survive its correction
FEW = 20  # utterances, below which resamples repeat each other too often to show what is rare
AT_ONCE = 2_560_000  # resampled means, which bounds memory


class Differences(NamedTuple):
    """One entry per comparison: mean difference, its 95 % interval, p of "none", and the number of utterances.

    NaN where nothing can be said: fewer than two utterances; the interval also where they are too few for one.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    n: np.ndarray


def paired_differences(differences, *, seed=0, resamples=None):
    """Studentised bootstrap over utterances, two-sided: [utterances, comparisons], NaN where undefined.

    The distance of a resampled mean from the mean, in its own standard errors, says how far a mean of such utterances
    strays (Efron and Tibshirani 1993, section 12.5; symmetric, Hall 1988).  Unlike the percentile bootstrap it keeps
    its level with few utterances.  All comparisons see the same resamples.  With fewer than 20 utterances it is
    Student's t instead: six utterances have 462 different resamples, so no p would survive the correction for many
    pairs; what it assumes, differences that are about normal, cannot be checked then.
    """
    differences = np.asarray(differences, dtype=np.float64)
    utterances, comparisons = differences.shape
    resamples = resamples or max(RESAMPLES, PER_TEST * comparisons)
    random = np.random.default_rng(seed)
    counts = random.multinomial(utterances, np.full(utterances, 1 / utterances), size=resamples).astype(np.float64)
    parts = np.array_split(differences, -(-comparisons * resamples // AT_ONCE), axis=1)
    return Differences(*map(np.concatenate, zip(*(_test(part, counts) for part in parts))))


def _test(differences, counts):
    known = ~np.isnan(differences)
    n = known.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, differences, 0).sum(0) / n
        centred = np.where(known, differences - mean, 0)
        error = np.sqrt((centred**2).sum(0) / (n - 1) / n)
        drawn = counts @ known
        stray = counts @ centred / drawn
        variance = (counts @ centred**2 / drawn - stray**2) / (drawn - 1)
        stray = np.abs(stray) / np.sqrt(variance)
        stray[~(variance > 1e-12 * error**2)] = np.inf  # a resample of equal values tells no spread
        p = (1 + (stray >= np.abs(mean) / error).sum(0)) / (len(counts) + 1)
        half = np.quantile(stray, 1 - ALPHA, axis=0, method="higher") * error
        student = stats.t(np.maximum(n - 1, 1))
        p = np.where(n < FEW, 2 * student.sf(np.abs(mean) / error), p)
        half = np.where(n < FEW, student.ppf(1 - ALPHA / 2) * error, half)
    same = error == 0  # all utterances differ by the very same: only their signs can be tested
    p = np.where(same, np.where(mean == 0, 1.0, np.maximum(2.0 ** (1 - n), 1 / (len(counts) + 1))), p)
    half = np.where(same, 0.0, half)
    p, half = np.where(n > 1, p, np.nan), np.where(n > 1, half, np.nan)
    return mean, mean - half, mean + half, p, n


def method(utterances):
    """The test that so many utterances have."""
    return "Student's t" if utterances < FEW else "studentised bootstrap over utterances"


def holm(p):
    """p-values adjusted so that the chance of any false difference among them stays below the level (Holm 1979).

    NaN is no test and stays.
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)  # NaN comes last
    tests = np.count_nonzero(~np.isnan(p))
    adjusted = np.full(p.shape, np.nan)
    factors = np.arange(tests, 0, -1)
    adjusted[order[:tests]] = np.minimum(1, np.maximum.accumulate(p[order[:tests]] * factors))
    return adjusted


def letters(names, different):
    """Name -> letters; two share one where they are not known to differ (Piepho 2004).

    ``different`` are the pairs of names that do.  Letters are given in the order of ``names``.  None where more than 26
    would be needed, which nobody could read.
    """
    from networkx import Graph, complement, find_cliques

    graph = Graph()
    graph.add_nodes_from(names)
    graph.add_edges_from(different)
    place = {name: at for at, name in enumerate(names)}
    cliques = sorted(sorted(map(place.get, clique)) for clique in islice(find_cliques(complement(graph)), 27))
    if len(cliques) > len(ascii_lowercase):
        return None
    alike = list(zip(ascii_lowercase, cliques))
    return {name: "".join(letter for letter, clique in alike if place[name] in clique) for name in names}
