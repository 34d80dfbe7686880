"""Tables of figures as text that is Markdown too."""

from vocoders.io.files import write_json
from vocoders.reporting.markdown import markdown
from vocoders.reporting.tables import Column, Table


def table(rows, heads, first):
    """Markdown of ``rows``, mappings with a cell or None under each of ``heads``; those of None alone are left out.

    ``first`` heads the column of words; the others are numbers.
    """
    columns = [Column(first, [row[first] for row in rows])]
    for head in heads:
        cells = [row.get(head) for row in rows]
        if any(cell is not None for cell in cells):
            columns.append(_right(head, [cell or "" for cell in cells]))
    return markdown(Table("", rows, columns))


def publish(report, lines, json):
    """Prints the lines, and writes the report to the file ``json`` if it is named.

    In this order, so that no full disk takes what was measured for minutes.
    """
    print("\n".join(lines))
    if json:
        write_json(json, report)


def ceilings_line(ceilings):
    gemm = ", ".join(f"{name} {ceilings[name] / 1e9:.0f} GFLOP/s" for name in ("float32", "bfloat16"))
    copy = f"{ceilings['copy'] / 1e9:.0f} GB/s read and written"
    return f"Ceilings, in the same rounds: GEMM {gemm}; copy {copy}."


def significant(number, digits=3):
    """1234.5 as "1234", 0.01234 as "0.0123"; None stays."""
    if number is None:
        return None
    return f"{number:.0f}" if abs(number) >= 10 ** (digits - 1) else f"{number:#.{digits}g}".rstrip(".")


def percent(share):
    return f"{significant(100 * share, 2)} %"


def milliseconds(seconds):
    return None if seconds is None else f"{1000 * seconds:.0f}"


def _right(head, cells):
    width = max(map(len, [head, *cells]))
    return Column(head, [cell.rjust(width) for cell in cells])
