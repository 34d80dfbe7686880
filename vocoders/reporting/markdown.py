"""Tables as Markdown, for the terminal and for the blocks of RESULTS.md that are ours."""

from pathlib import Path

from vocoders.errors import InputError
from vocoders.io.files import write_text
from vocoders.reporting.tables import legend, units

WIDTH = 126  # of a piece of a table


def markdown(table, width=WIDTH):
    """A table that reads well as text too: cells are padded, what is beyond ``width`` goes on in another."""
    system, *others = table.columns
    pieces = [[system]]
    for column in others:
        if len(pieces[-1]) > 1 and sum(map(_width, [*pieces[-1], column])) > width:
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


def results_block(tables, revision, shown):
    """The Markdown between two marks of RESULTS.md: the tables ``shown``, and how their rows were made.

    ``tables`` have all rows of each set; from them come the words on n, intervals and units.
    """
    written = f"Written by `vocoders report`, code at {revision or 'no git revision'}."
    parts = [f"{written} {legend(tables)} {units(tables)}".rstrip()]
    for table in shown:
        parts += [f"### {table.name}", markdown(table)]
        parts += ["\n".join(f"- {line}" for line in table.origins)] if table.origins else []
    return "\n\n".join(parts)


def marks(block=""):
    """The comments that a block of RESULTS.md stands between."""
    named = f"vocoders report {block}".strip()
    return f"<!-- {named}: begin -->", f"<!-- {named}: end -->"


def write_results(path, text, *, block=""):
    """Puts ``text`` between the marks of the file's ``block``, or at its end; what people wrote there stays."""
    path = Path(path)
    begin, end = marks(block)
    old = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    marked = f"{begin}\n{text}\n{end}"
    if (old.count(begin), old.count(end)) == (0, 0):
        return write_text(path, f"{old.rstrip()}\n\n{marked}\n")
    before, _begin, rest = old.partition(begin)
    _, found, after = rest.partition(end)
    if not found or begin in after or end in before + after:
        raise InputError(f"{path}: expected '{begin}' and then '{end}', once each; mend the marks or delete them")
    return write_text(path, before + marked + after)
