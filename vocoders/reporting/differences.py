"""How every row differs from one of them, utterance by utterance: what the mean of differences says that the difference
of means, with the utterances' own spread in it, does not."""

from fnmatch import fnmatchcase

import numpy as np

from vocoders.errors import InputError
from vocoders.reporting.labels import labels
from vocoders.reporting.pooling import seed_of
from vocoders.reporting.tables import ARROW, HEADLINE, NOTHING, Column, Table, digits_of
from vocoders.scoring.bootstrap import crossed_interval
from vocoders.scoring.summary import too_few_defined


def difference_tables(sets, against):
    """One for each set (name -> rows) that has the row ``against``; raises InputError when none has."""
    tables = [difference_table(name, rows, against) for name, rows in sets.items()]
    if not any(tables):
        raise InputError(f"--against {against}: no row has such a path")
    return [table for table in tables if table]


def difference_table(name, results, against):
    """The rows of one set less the one whose place the pattern ``against`` matches; None where none does.

    Each cell is ``mean ± half-width`` of the 95 % interval over utterances (and trainings, which are paired by their
    seeds); ``*`` marks an interval without 0.  Many cells are many chances: about one in twenty without any effect has
    its mark.  Raises InputError when several rows match, or rows have no pairs.
    """
    matching = [row for row in results if any(fnmatchcase(member.place, against) for member in row.members)]
    if not matching:
        return None
    if len(matching) > 1:
        found = " and ".join(result.place for result in matching[:3])
        raise InputError(f"--against {against}: expected the path of one row of {name}, found {found}")
    (reference,) = matching
    names = labels(results)
    others = [result for result in results if result is not reference]
    metrics = dict.fromkeys(metric for metric in (*HEADLINE, *reference.metrics) if metric in reference.metrics)
    rows = Column("row minus that", [names[results.index(other)] for other in others])
    title = f"{name}: paired differences, row minus {names[results.index(reference)]}; * the 95 % interval excludes 0"
    return Table(title, others, [rows, *(_column(metric, others, reference) for metric in metrics)])


def _column(metric, others, reference):
    entry = reference.metrics[metric]
    found = [_difference(metric, other, reference) if metric in other.metrics else None for other in others]
    digits = digits_of([interval.mean for interval in found if interval])
    cells = [_cell(interval, len(reference.scores), digits) for interval in found]
    return Column(f"{entry['label']} {ARROW[entry['better']]}", cells)


def _difference(metric, result, reference):
    """Its interval; None where too few utterances have this score in both."""
    utterances = sorted(reference.scores)
    if set(result.scores) != set(utterances):
        raise InputError(f"{result.directory} and {reference.directory}: not the same utterances were scored")
    ours, theirs = (each.values(metric, utterances) for each in (result, reference))
    if min(len(ours), len(theirs)) > 1:
        seeds = [[seed_of(member) for member in each.members] for each in (result, reference)]
        if seeds[0] != seeds[1]:
            raise InputError(
                f"{result.directory} and {reference.directory}: their trainings cannot be paired, the seeds are "
                f"{seeds[0]} and {seeds[1]}"
            )
    difference = ours - theirs  # one training less each of several is that many differences
    defined = ~np.isnan(difference).any(0)
    if too_few_defined((~defined).sum(), len(utterances)):
        return None
    return crossed_interval(difference[:, defined])


def _cell(interval, n, digits):
    if interval is None:
        return NOTHING
    text = f"{interval.mean:+.{digits}f}"
    if interval.low is not None:
        mark = "" if interval.low <= 0 <= interval.high else " *"
        text += f" ± {(interval.high - interval.low) / 2:.{digits}f}{mark}"
    return text if interval.n == n else f"{text} (n={interval.n})"
