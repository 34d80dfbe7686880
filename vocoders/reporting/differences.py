"""How every row differs from one of them, utterance by utterance: what the mean of differences says that the difference
of means, with the utterances' own spread in it, does not."""

from fnmatch import fnmatchcase

import numpy as np

from vocoders.errors import InputError
from vocoders.reporting.labels import labels
from vocoders.reporting.tables import ARROW, HEADLINE, NOTHING, Column, Table, digits_of
from vocoders.scoring.bootstrap import crossed_interval


def difference_table(name, results, against):
    """The rows of one set less the one whose place the pattern ``against`` matches.

    Each cell is ``mean ± half-width`` of the 95 % bootstrap interval over utterances (and trainings, paired in their
    order, where both rows are pooled); ``*`` marks an interval without 0.  Many cells are many chances: one in twenty
    without any effect has its mark.  Raises InputError unless one row matches.
    """
    matching = [result for result in results if fnmatchcase(result.place, against)]
    if len(matching) != 1:
        found = "none" if not matching else " and ".join(result.place for result in matching[:3])
        raise InputError(f"--against {against}: expected the path of one row of {name}, found {found}")
    (reference,) = matching
    others = [result for result in results if result is not reference]
    names = dict(zip((id(result) for result in results), labels(results)))
    metrics = [metric for metric in reference.metrics if all(metric in other.metrics for other in others)]
    metrics.sort(key=lambda metric: HEADLINE.index(metric) if metric in HEADLINE else len(HEADLINE))
    columns = [_column(metric, others, reference) for metric in metrics]
    rows = Column("paired difference", [names[id(other)] for other in others])
    return Table(f"{name}: less {names[id(reference)]}", others, [rows, *columns])


def _column(metric, others, reference):
    entry = reference.metrics[metric]
    found = [_difference(metric, other, reference) for other in others]
    digits = digits_of([interval.mean for interval in found if interval.mean is not None])
    header = f"{entry['label']} {ARROW[entry['better']]}"
    return Column(header, [_cell(interval, digits) for interval in found])


def _difference(metric, result, reference):
    utterances = sorted(set(result.scores) & set(reference.scores))
    ours, theirs = (each.values(metric, utterances) for each in (result, reference))
    if len(ours) != len(theirs):
        ours, theirs = ours.mean(0, keepdims=True), theirs.mean(0, keepdims=True)
    difference = ours - theirs
    return crossed_interval(difference[:, ~np.isnan(difference).any(0)])


def _cell(interval, digits):
    if interval.mean is None:
        return NOTHING
    if interval.low is None:
        return f"{interval.mean:+.{digits}f}"
    mark = "" if interval.low <= 0 <= interval.high else " *"
    return f"{interval.mean:+.{digits}f} ± {(interval.high - interval.low) / 2:.{digits}f}{mark}"
