"""Quality against the number of network evaluations.

A sweep is one trained model decoded in one way, but for the number of steps.  A set has sweeps once a model was decoded
with at least three numbers of steps; they then have tables and plots of their own.
"""

from dataclasses import dataclass
from itertools import cycle
from statistics import fmean

from vocoders.reporting.labels import family, model_labels
from vocoders.reporting.plots import LINES, sweep_svg
from vocoders.reporting.tables import ARROW, NOTHING, Column, Table, origin, real_time_factor, score_columns

FEWEST = 3


@dataclass(frozen=True)
class Sweep:
    """``results`` by rising number of evaluations; ``model`` and ``sampling`` are their names in tables."""

    model: str
    sampling: str
    results: tuple

    @property
    def evaluations(self):
        return [result.system["evaluations"] for result in self.results]


def find_sweeps(results):
    """The sweeps among the results of one set, those of one model together."""
    by_model = {}
    for result in results:
        if result.system.get("evaluations"):
            by_model.setdefault(result.system["weights"], {}).setdefault(family(result), []).append(result)
    swept = [ways for ways in by_model.values() if any(len(_steps(found)) >= FEWEST for found in ways.values())]
    names = model_labels([next(iter(ways.values()))[0] for ways in swept])
    return [
        Sweep(name, sampling, tuple(sorted(found, key=lambda result: result.system["evaluations"])))
        for name, ways in zip(names, swept)
        for sampling, found in ways.items()
    ]


def unswept(results, sweeps):
    """The results that are in none of the sweeps."""
    taken = {result.directory for sweep in sweeps for result in sweep.results}
    return [result for result in results if result.directory not in taken]


def sweep_tables(name, sweeps):
    """A table per score, and one of real-time factors: a row per sweep, a column per number of evaluations."""
    results = [result for sweep in sweeps for result in sweep.results]
    tables = [_pivot(f"{name}: {column.name}", column, sweeps) for column in score_columns(results)]
    tables[-1].origins.extend(f"{_name(sweep)}: {_origin(sweep)}" for sweep in sweeps)
    return tables


def sweep_sections(table):
    """Plots of each model that was decoded with several numbers of steps: a plot per score, a line per sampling."""
    sweeps = find_sweeps(table.results)
    models = {}
    for sweep in sweeps:
        models.setdefault(sweep.model, []).append(sweep)
    return [
        {
            "name": table.name,
            "model": model,
            "samplings": [(sweep.sampling, colour) for sweep, colour in zip(of_model, cycle(LINES))],
            "plots": [sweep_svg(*plot) for plot in _sweep_plots(of_model)],
        }
        for model, of_model in models.items()
    ]


def _sweep_plots(sweeps):
    """(title, series, speed) of each score that is defined everywhere."""
    results = [result for sweep in sweeps for result in sweep.results]
    times = {}
    for result in results:
        if real_time_factor(result) is not None:
            times.setdefault(result.system["evaluations"], []).append(real_time_factor(result))
    speed = (sorted(times), [fmean(times[count]) for count in sorted(times)])
    for name, entry in results[0].metrics.items():
        if all((result.metrics.get(name) or {}).get("mean") is not None for result in results):
            series = {sweep.sampling: (sweep.evaluations, *_interval_lines(sweep, name)) for sweep in sweeps}
            yield f"{entry['label']} {ARROW[entry['better']]}", series, speed


def _interval_lines(sweep, name):
    """Means, lower and upper bounds; one utterance has no interval, so its bounds are the mean."""
    entries = [result.metrics[name] for result in sweep.results]
    bounds = [(entry["mean"], entry["low"], entry["high"]) for entry in entries]
    return zip(*[(mean, mean if low is None else low, mean if high is None else high) for mean, low, high in bounds])


def _pivot(title, column, sweeps):
    """The cells of a column of all sweeps, which stand one after the other, as a grid."""
    cells = iter(column.cells)
    rows = [dict(zip(sweep.evaluations, cells)) for sweep in sweeps]  # zip takes as many as the sweep is long
    counts = sorted({count for row in rows for count in row})
    names = [_name(sweep) for sweep in sweeps]
    grid = [Column(f"{count}", [row.get(count, NOTHING) for row in rows]) for count in counts]
    return Table(title, [], [Column("network evaluations", names), *grid])


def _name(sweep):
    return f"{sweep.model}: {sweep.sampling}"


def _origin(sweep):
    others = [result.directory.parent.relative_to(result.root).as_posix() for result in sweep.results[1:]]
    return "; likewise ".join([origin(sweep.results[0]), *[f"`{other}`" for other in others]])


def _steps(results):
    return {result.system["evaluations"] for result in results}
