"""The table of results, as Markdown for the terminal and for the block of RESULTS.md that is ours."""

from dataclasses import dataclass, field
from pathlib import Path

from vocoders.errors import InputError
from vocoders.io.files import write_text

BEGIN, END = "<!-- vocoders report: begin -->", "<!-- vocoders report: end -->"
NOTHING = "–"
HEADLINE = ("pesq", "stoi", "estoi", "dnsmos")  # the columns that order systems best as ears do
WIDTH = 126  # of a piece of a table
ARROW = {"higher": "↑", "lower": "↓"}


@dataclass
class Column:
    """Its cells are text; ``values`` are what the cells say, for sorting (None where there is nothing)."""

    name: str
    cells: list[str]
    values: list = None
    unit: str = ""
    note: str = ""

    def __post_init__(self):
        if self.values is None:
            self.values = list(self.cells)


@dataclass
class Table:
    """The results of one set, a row per system."""

    name: str
    results: list
    columns: list[Column] = field(default_factory=list)

    @property
    def rows(self):
        return list(zip(*(column.cells for column in self.columns)))

    @property
    def notes(self):
        """Column name -> unit and definition."""
        return {column.name: (column.unit, column.note) for column in self.columns if column.note}


def build_table(name, results):
    """Columns that would say nothing in every row are left out."""
    counts = [result.summary["n"] for result in results]
    headline, others = _metric_columns(results)
    columns = [
        Column("system", labels(results)),
        *headline,
        _numbers("RTF ↓", [real_time_factor(result) for result in results], "{:.3g}".format),
        *others,
        _numbers("parameters", [result.system.get("parameters") for result in results], "{:,}".format),
        _numbers("steps", [result.system.get("train_steps") for result in results], "{:,}".format),
        _numbers("training", [result.system.get("training_seconds") for result in results], _duration),
        _numbers("n", counts if len(set(counts)) > 1 else [None] * len(counts), str),
    ]
    told = [column for column in columns if any(cell != NOTHING for cell in column.cells)]
    return Table(name, results, told)


def labels(results):
    """The systems' names; where two share one, the directory tells them apart."""
    names = [", ".join([result.label, *sampling(result)]) for result in results]
    places = [f" [{result.place}]" for result in results]
    return [name + place if names.count(name) > 1 else name for name, place in zip(names, places)]


def sampling(result):
    """The options of synthesis that are not the defaults, in words."""
    options = {key: value for key, value in (result.system.get("options") or {}).items() if value is not None}
    return [_option(key, value) for key, value in options.items()]


def _option(key, value):
    if isinstance(value, list):
        return f"{key} of {len(value)}"
    if isinstance(value, dict):  # a rule of a schedule
        return " ".join([key, *(f"{value[name]}" if name == "rule" else f"{name} {value[name]}" for name in value)])
    return f"{value} {key}" if isinstance(value, int) and not isinstance(value, bool) else f"{key} {value}"


def real_time_factor(result):
    """Computing time over duration of all utterances; None where nothing was computed."""
    copied = result.system.get("baseline") == "recording"
    return None if copied else (result.summary.get("rtf") or {}).get("total")


def _metric_columns(results):
    names = dict.fromkeys(name for result in results for name in result.metrics)
    headline = [name for name in HEADLINE if name in names]
    others = [name for name in names if name not in headline]
    return [[_metric_column(name, results) for name in group] for group in (headline, others)]


def _metric_column(name, results):
    entries = [result.metrics.get(name) or {} for result in results]
    told = next(filter(None, entries))
    digits = _digits([entry["mean"] for entry in entries if entry.get("mean") is not None])
    counts = [result.summary["n"] for result in results]
    cells = [_mean_and_interval(entry, n, digits) for entry, n in zip(entries, counts)]
    header = f"{told.get('label', name)} {ARROW.get(told.get('better'), '')}".rstrip()
    means = [entry.get("mean") for entry in entries]
    return Column(header, cells, means, told.get("unit", ""), told.get("definition", ""))


def _mean_and_interval(entry, n, digits):
    """``mean ± half-width of the 95 % interval``, with its own n where that is not everybody's."""
    if entry.get("mean") is None:
        return "undefined" if entry.get("undefined") else NOTHING
    text = f"{entry['mean']:.{digits}f}"
    if entry["low"] is not None:  # one utterance has no interval
        text += f" ± {(entry['high'] - entry['low']) / 2:.{digits}f}"
    return text if entry["n"] == n else f"{text} (n={entry['n']})"


def _digits(means):
    largest = max(map(abs, means), default=0)
    return 3 if largest < 5 else 2 if largest < 20 else 1


def _numbers(name, values, form):
    return Column(name, [NOTHING if value is None else form(value) for value in values], values)


def _duration(seconds):
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def markdown(table):
    """A table that reads well as text too: cells are padded, what is beyond WIDTH goes on in another."""
    system, *others = table.columns
    pieces = [[system]]
    for column in others:
        if len(pieces[-1]) > 1 and sum(map(_width, [*pieces[-1], column])) > WIDTH:
            pieces.append([system])
        pieces[-1].append(column)
    return "\n\n".join(_piece(piece) for piece in pieces)


def _piece(columns):
    grid = zip(*([column.name, *column.cells] for column in columns))
    widths = [_width(column) - 3 for column in columns]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in grid]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _width(column):
    return max(map(len, [column.name, *column.cells])) + 3


def results_block(tables, revision):
    """The Markdown between the marks of RESULTS.md: tables, and how each row was made."""
    written = f"Written by `vocoders report`, code at {revision or 'no git revision'}."
    parts = [f"{written} {legend(tables)} {units(tables)}".rstrip()]
    for table in tables:
        names = table.columns[0].cells
        origins = "\n".join(f"- {name}: {origin(result)}" for name, result in zip(names, table.results))
        parts += [f"### {table.name}", markdown(table), origins]
    return "\n\n".join(parts)


def origin(result):
    """How a row was made, in one line of Markdown."""
    system = result.system
    made = system.get("provenance") or {}
    parts = [
        f"`{made['command']}`" if "command" in made else f"`{result.directory}`, not decoded by vocoders",
        f"seed {system['seed']}" if "seed" in system else None,
        f"code at {made['git']}" if made.get("git") else None,
        f"mel {system['mel_hash']}" if "mel_hash" in system else None,
    ]
    return ", ".join(part for part in parts if part)


def legend(tables):
    """What the signs in the tables mean."""
    counts = {table.name: _count(table) for table in tables}
    alike = len(set(counts.values())) == 1
    said = _count(tables[0]) if alike else ", ".join(f"{count} ({name})" for name, count in counts.items())
    interval = f"Mean ± half-width of the 95 % bootstrap interval over {said}"
    return f"{interval}; ↑ higher is better, ↓ lower is better; RTF is computing time over duration."


def _count(table):
    """Over how many utterances its means are; a table whose rows differ has a column n."""
    counts = {result.summary["n"] for result in table.results}
    return f"n = {counts.pop()} utterances" if len(counts) == 1 else "n utterances as stated"


def units(tables):
    """The units of the columns that have one; empty when none has."""
    named = {name[:-2]: unit for table in tables for name, (unit, _) in table.notes.items() if unit}
    return "Units: " + "; ".join(f"{name} {unit}" for name, unit in named.items()) + "." if named else ""


def write_results(path, block):
    """Puts ``block`` between the marks of the file, or at its end; what people wrote there stays."""
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    marked = f"{BEGIN}\n{block}\n{END}"
    if (text.count(BEGIN), text.count(END)) == (0, 0):
        return write_text(path, f"{text.rstrip()}\n\n{marked}\n")
    before, _begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end or BEGIN in after or END in before + after:
        raise InputError(f"{path}: expected '{BEGIN}' and then '{END}', once each; mend the marks or delete them")
    return write_text(path, before + marked + after)
