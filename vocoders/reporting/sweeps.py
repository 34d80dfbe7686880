"""Quality against the number of network evaluations.

A sweep is one trained model decoded in one way, but for the number of steps.  A model that was decoded in some way with
at least three numbers of steps is swept; all its rows then stand in tables and plots of their own.
"""

from dataclasses import dataclass
from statistics import fmean

from vocoders.reporting.labels import family, model_labels
from vocoders.reporting.plots import LINES, sweep_svg
from vocoders.reporting.tables import (
    ARROW,
    HEADLINE,
    NOTHING,
    Column,
    Table,
    build_table,
    fact_columns,
    origin,
    real_time_factor,
    score_columns,
)

FEWEST = 3


@dataclass(frozen=True)
class Sweep:
    """``results`` by rising number of evaluations; ``model`` and ``sampling`` are their names in tables.

    ``short`` is the beginning of the model's name, if that tells the models apart.
    """

    model: str
    short: str
    sampling: str
    results: tuple

    @property
    def name(self):
        return f"{self.short}: {self.sampling}"

    @property
    def evaluations(self):
        return [result.system["evaluations"] for result in self.results]


def find_sweeps(results):
    """The sweeps among the results of one set, those of one model together."""
    by_model = {}
    for result in results:
        if result.system.get("evaluations"):
            by_model.setdefault(result.system["weights"], []).append(result)
    ways = [_ways(found) for found in by_model.values()]
    swept = [found for found in ways if max(map(len, found.values())) >= FEWEST]
    names = model_labels([next(iter(found.values()))[0] for found in swept])
    short = [name.partition(", ")[0] for name in names]
    if len(set(short)) < len(short):
        short = names
    return [
        Sweep(name, brief, sampling, tuple(sorted(some, key=lambda result: result.system["evaluations"])))
        for name, brief, found in zip(names, short, swept)
        for sampling, some in found.items()
    ]


def _ways(results):
    """Way of sampling -> its results, of one model.  A second result of one way and number of steps is a way itself."""
    ways = {}
    for result in results:
        way = family(result)
        taken = [other.system["evaluations"] for other in ways.get(way, [])]
        again = result.system["evaluations"] in taken
        ways.setdefault(f"{way} [{result.place}]" if again else way, []).append(result)
    return ways


def unswept(results, sweeps):
    """The results that are in none of the sweeps."""
    taken = {result.directory for sweep in sweeps for result in sweep.results}
    return [result for result in results if result.directory not in taken]


def summary_tables(name, results):
    """What text shows of one set: a table of the rows that are in no sweep, and those of its sweeps."""
    sweeps = find_sweeps(results)
    others = unswept(results, sweeps)
    tables = [build_table(name, others)] if others else []
    return tables + (sweep_tables(name, sweeps) if sweeps else [])


def sweep_tables(name, sweeps):
    """A table per score and one of real-time factors, a row per sweep and a column per number of evaluations; then what
    there is to know of each model, and how its rows were made."""
    results = [result for sweep in sweeps for result in sweep.results]
    models = {sweep.model: sweep.results[0] for sweep in sweeps}
    facts = Table(f"{name}: models", [], [Column("system", list(models)), *fact_columns(list(models.values()))])
    facts.origins.extend(f"{sweep.name}: {_origin(sweep)}" for sweep in sweeps)
    return [*(_pivot(f"{name}: {column.name}", column, sweeps) for column in score_columns(results)), facts]


def _pivot(title, column, sweeps):
    """The cells of a column of all sweeps, which stand one after the other, as a grid."""
    cells = iter(column.cells)
    rows = [dict(zip(sweep.evaluations, cells)) for sweep in sweeps]  # zip takes as many as the sweep is long
    counts = sorted({count for row in rows for count in row})
    grid = [Column(f"{count}", [row.get(count, NOTHING) for row in rows]) for count in counts]
    return Table(title, [], [Column("network evaluations", [sweep.name for sweep in sweeps]), *grid])


def _origin(sweep):
    return "; likewise ".join([origin(sweep.results[0]), *(f"`{result.place}`" for result in sweep.results[1:])])


def sweep_sections(table):
    """What the page shows of each swept model: a plot per score, a line per way of sampling."""
    models = {}
    for sweep in find_sweeps(table.results):
        models.setdefault(sweep.model, []).append(sweep)
    return [_section(table.name, model, sweeps) for model, sweeps in models.items()]


def _section(name, model, sweeps):
    colours = {sweep.sampling: LINES[n % len(LINES)] for n, sweep in enumerate(sweeps)}
    results = [result for sweep in sweeps for result in sweep.results]
    entries = {metric: entry for result in results for metric, entry in result.metrics.items()}
    metrics = {metric: entries[metric] for metric in dict.fromkeys((*HEADLINE, *entries)) if metric in entries}
    times = {}
    for result in results:
        if real_time_factor(result) is not None:
            times.setdefault(result.system["evaluations"], []).append(real_time_factor(result))
    speed = [(count, fmean(times[count])) for count in sorted(times)]
    plots = []
    for metric, entry in metrics.items():
        lines = {sweep.sampling: _points(sweep, metric) for sweep in sweeps}
        lines = {sampling: (points, colours[sampling]) for sampling, points in lines.items() if points}
        if lines:
            plots.append(sweep_svg(f"{entry['label']} {ARROW[entry['better']]}", lines, speed))
    return {"name": name, "model": model, "samplings": list(colours.items()), "plots": plots}


def _points(sweep, metric):
    """(evaluations, mean, low, high) where the score is defined; one utterance has no interval but its mean."""
    entries = [(count, result.metrics.get(metric) or {}) for count, result in zip(sweep.evaluations, sweep.results)]
    return [
        (count, entry["mean"], *(entry["mean"] if bound is None else bound for bound in (entry["low"], entry["high"])))
        for count, entry in entries
        if entry.get("mean") is not None
    ]
