"""Tables of results: a row per system, a column per score."""

from dataclasses import dataclass, field

from vocoders.reporting.labels import labels

NOTHING = "–"
HEADLINE = ("pesq", "stoi", "estoi", "dnsmos")  # the columns that order systems best as ears do
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
    """Rows of text; ``results`` are what they are about, ``origins`` say how they were made, in Markdown."""

    name: str
    results: list
    columns: list[Column] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)

    @property
    def rows(self):
        return list(zip(*(column.cells for column in self.columns)))

    @property
    def notes(self):
        """Column name -> unit and definition."""
        return {column.name: (column.unit, column.note) for column in self.columns if column.note}


def build_table(name, results):
    """Columns that would say nothing in every row are left out."""
    names = labels(results)
    columns = [Column("system", names), *_told(score_columns(results)), *fact_columns(results)]
    return Table(name, results, columns, [f"{row}: {origin(result)}" for row, result in zip(names, results)])


def fact_columns(results):
    """What is known of the rows beside scores, in columns."""
    counts = [result.summary["n"] for result in results]
    trainings = [len(result.members) for result in results]
    columns = [
        _numbers("trainings", trainings if max(trainings) > 1 else [None] * len(results), str),
        _numbers("parameters", [result.system.get("parameters") for result in results], "{:,}".format),
        _numbers("training steps", [result.system.get("train_steps") for result in results], "{:,}".format),
        _numbers("training", [result.system.get("training_seconds") for result in results], duration_words),
        _numbers("n", counts if len(set(counts)) > 1 else [None] * len(counts), str),
    ]
    return _told(columns)


def _told(columns):
    """Those that say something in some row."""
    return [column for column in columns if any(cell != NOTHING for cell in column.cells)]


def score_columns(results):
    """A column for each score that any of the results has, and one of real-time factors behind the headline."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    headline = [name for name in HEADLINE if name in names]
    speed = _numbers("RTF ↓", [real_time_factor(result) for result in results], "{:.3g}".format)
    others = [_metric_column(name, results) for name in names if name not in headline]
    return [*(_metric_column(name, results) for name in headline), speed, *others]


def real_time_factor(result):
    """Computing time over duration of all utterances; None where nothing was computed."""
    copied = result.system.get("baseline") == "recording"
    return None if copied else (result.summary.get("rtf") or {}).get("total")


def _metric_column(name, results):
    entries = [result.metrics.get(name) or {} for result in results]
    told = next(filter(None, entries))
    digits = digits_of([entry["mean"] for entry in entries if entry.get("mean") is not None])
    counts = [result.summary["n"] for result in results]
    cells = [mean_and_interval(entry, n, digits) for entry, n in zip(entries, counts)]
    header = f"{told.get('label', name)} {ARROW.get(told.get('better'), '')}".rstrip()
    means = [entry.get("mean") for entry in entries]
    return Column(header, cells, means, told.get("unit", ""), told.get("definition", ""))


def mean_and_interval(entry, n, digits):
    """``mean ± half-width of the 95 % interval``, with its own n where that is not everybody's."""
    if entry.get("mean") is None:
        return "undefined" if entry.get("undefined") else NOTHING
    text = f"{entry['mean']:.{digits}f}"
    if entry["low"] is not None:  # one utterance has no interval
        text += f" ± {(entry['high'] - entry['low']) / 2:.{digits}f}"
    return text if entry["n"] == n else f"{text} (n={entry['n']})"


def digits_of(means):
    """How many decimals a column of such means deserves."""
    largest = max(map(abs, means), default=0)
    return 3 if largest < 5 else 2 if largest < 20 else 1


def _numbers(name, values, form):
    return Column(name, [NOTHING if value is None else form(value) for value in values], values)


def duration_words(seconds):
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def origin(result):
    """How a row was made, in one line of Markdown."""
    system = result.system
    made = system.get("provenance") or {}
    parts = [
        f"`{made['command']}`" if "command" in made else f"`{result.directory}`, not decoded by vocoders",
        f"seed {system['seed']}" if "seed" in system else None,
        f"code at {made['git']}" if made.get("git") else None,
        f"mel {system['mel_hash']}" if "mel_hash" in system else None,
        f"and {len(result.members) - 1} trainings with other seeds" if len(result.members) > 1 else None,
    ]
    return ", ".join(part for part in parts if part)


def legend(tables):
    """What the signs in the tables mean."""
    counts = {table.name: _count(table) for table in tables}
    alike = len(set(counts.values())) == 1
    said = _count(tables[0]) if alike else ", ".join(f"{count} ({name})" for name, count in counts.items())
    pooled = any(len(result.members) > 1 for table in tables for result in table.results)
    kind = "95 % interval over trainings and utterances" if pooled else "95 % bootstrap interval over utterances"
    signs = "↑ higher is better, ↓ lower is better; RTF is computing time over duration"
    return f"Mean ± half-width of the {kind}, {said}; {signs}."


def _count(table):
    """Over how many utterances its means are; a table whose rows differ has a column n."""
    counts = {result.summary["n"] for result in table.results}
    return f"n = {counts.pop()}" if len(counts) == 1 else "n as stated"


def units(tables):
    """The units of the columns that have one; empty when none has."""
    named = {name[:-2]: unit for table in tables for name, (unit, _) in table.notes.items() if unit}
    return "Units: " + "; ".join(f"{name} {unit}" for name, unit in named.items()) + "." if named else ""
