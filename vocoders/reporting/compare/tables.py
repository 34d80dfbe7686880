"""A comparison as Markdown, for people, and as CSV, for spreadsheets."""

import csv
import io

from vocoders.reporting.markdown import markdown
from vocoders.reporting.tables import ARROW, NOTHING, Column, Table, duration_words, mean_and_interval

FACTS = ("parameters", "evaluations", "rtf", "train_steps", "training_seconds", "device")


def comparison_markdown(title, contents):
    """Overview across groups, then a table for each, why it stands apart, and how its rows are made again."""
    groups = contents["groups"]
    parts = [f"# {title}", _legend(contents)]
    if len(groups) > 1:
        parts += ["## Across sets", *(markdown(table, width=240) for table in overview_tables(groups))]
    for group in groups:
        parts.append(f"## {group['title']}")
        parts += [f"{group['apart'][0].upper()}{group['apart'][1:]}."] if group["apart"] else []
        crowded = [definition["label"] for definition in group["metrics"].values() if not definition["lettered"]]
        parts.append(f"n = {group['n']}; intervals and differences: {group['test']}.{_few(group)}")
        parts += [f"Too many letters would be needed: {', '.join(crowded)}."] if crowded else []
        parts.append(markdown(group_table(group)))
        parts.append("\n".join(f"- {row['name']}: in {row['recipe']}, {row['again']}" for row in group["rows"]))
    return "\n\n".join(parts) + "\n"


def _legend(contents):
    return (
        "Mean ± half-width of the 95 % interval over utterances; ↑ higher is better, ↓ lower is better; RTF is "
        "computing time over duration, on the device that decoded. Two rows that share a letter in a column are not "
        f"known to differ there, at the level of {contents['alpha']:g} and utterance by utterance, so that intervals "
        "may overlap where rows differ; letters are in no order. No single score ranks the rows."
    )


def _few(group):
    return f" {group['n']} utterances tell little: hardly any difference can be shown." if group["few"] else ""


def group_table(group):
    """A row per system; its cells are ``mean ± half-width letters``."""
    rows = group["rows"]
    columns = [Column("system", [row["name"] for row in rows])]
    columns += [_metric_column(group, metric, rows) for metric in group["metrics"]]
    columns += [
        _fact_column("RTF ↓", rows, "rtf", "{:.3g}".format),
        _fact_column("parameters", rows, "parameters", "{:,}".format),
        _fact_column("training", rows, "training_seconds", duration_words),
        _fact_column("training steps", rows, "train_steps", "{:,}".format),
        _fact_column("device", rows, "device", str),
    ]
    return Table(group["title"], rows, [column for column in columns if any(cell != NOTHING for cell in column.cells)])


def overview_tables(groups, most=4):
    """For each of the first scores that all groups have: a row per system, a column per group."""
    common = [metric for metric in groups[0]["metrics"] if all(metric in group["metrics"] for group in groups)]
    return [_overview(groups, metric) for metric in common[:most]]


def _overview(groups, metric):
    names = list(dict.fromkeys(row["name"] for group in groups for row in group["rows"]))
    definition = groups[0]["metrics"][metric]
    columns = [Column(f"{definition['label']} {ARROW[definition['better']]}", names)]
    for group in groups:
        cells = {row["name"]: _cell(group, metric, row, letters=False) for row in group["rows"]}
        columns.append(Column(group["title"], [cells.get(name, NOTHING) for name in names]))
    return Table(definition["label"], names, columns)


def _metric_column(group, metric, rows):
    definition = group["metrics"][metric]
    header = f"{definition['label']} {ARROW[definition['better']]}"
    return Column(header, [_cell(group, metric, row) for row in rows])


def _cell(group, metric, row, *, letters=True):
    found = row["means"].get(metric)
    if not found or found["mean"] is None:
        return NOTHING
    text = mean_and_interval(found, group["n"], group["metrics"][metric]["digits"])
    return f"{text} {found['letters']}".rstrip() if letters else text


def _fact_column(name, rows, key, form):
    return Column(name, [NOTHING if row[key] is None else form(row[key]) for row in rows])


def comparison_csv(contents):
    """A line per group, row and score; the facts of the row are repeated in each."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(
        ["set", "system", "directory", *FACTS, "score", "unit", "better", "mean", "low", "high", "n", "letters"]
    )
    for group in contents["groups"]:
        for row in group["rows"]:
            facts = [group["title"], row["name"], row["place"], *(row[key] for key in FACTS)]
            for metric, found in row["means"].items():
                definition = group["metrics"][metric]
                words = [definition["label"], definition["unit"], definition["better"]]
                writer.writerow([*facts, *words, *(found[key] for key in ("mean", "low", "high", "n", "letters"))])
    return lines.getvalue()
