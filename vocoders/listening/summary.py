"""A collected test in Markdown."""

SIGNS = {"mushra": "MUSHRA, 0 to 100", "mos": "mean opinion score, 1 to 5", "ab": "preference"}


def markdown(summary):
    """Tables and, below them, what they mean: who was excluded, what the intervals are."""
    parts = [f"### Listening test: {SIGNS[summary['mode']]}"]
    parts += _preferences(summary) if summary["mode"] == "ab" else _ratings(summary)
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in _notes(summary))]) + "\n"


def _ratings(summary):
    digits = 1 if summary["mode"] == "mushra" else 2
    rows = [[row["system"], _figures(row, digits), str(row["n"])] for row in summary["systems"]]
    yield _table(["system", "mean ↑", "n"], rows)
    rows = [
        [f"{row['system']} − {row['minus']}", _figures(row, digits, sign="+") + _mark(row), str(row["n"])]
        for row in summary["differences"]
    ]
    if rows:
        yield _table(["paired difference", "mean", "n"], rows)


def _preferences(summary):
    columns = ["A", "B", "A preferred", "no preference", "B preferred", "share of A", "p", "p, Holm"]
    rows = [
        [
            row["first"],
            row["second"],
            *(str(row[key]) for key in ("prefer_first", "no_preference", "prefer_second")),
            _figures(row, 2),
            _probability(row["p"]),
            _probability(row["p_holm"]),
        ]
        for row in summary["pairs"]
    ]
    yield _table(columns, rows)


def _notes(summary):
    listeners = len(summary["listeners"])
    utterances = summary["utterances"]
    yield f"{_counted(listeners, 'listener')}, {_counted(utterances, 'utterance')}; n counts ratings."
    rows = summary["pairs"] if summary["mode"] == "ab" else summary["systems"]
    if utterances == 1:
        yield "No intervals: one utterance says nothing of others."
    elif all(row["low"] is None for row in rows):
        yield "No intervals: nobody had a preference."
    elif listeners == 1:
        yield "Intervals: 95 %, bootstrap over utterances; with one listener they say nothing of others."
    else:
        yield f"Intervals: {summary['interval']}."
    if summary["mode"] == "ab":
        yield from _notes_on_preferences(rows, listeners, utterances)
    elif any(_mark(row) for row in summary["differences"]):
        yield "* the interval of the difference excludes 0; it is not corrected for the number of differences."
    yield f"All at {summary['loudness']:.1f} LUFS (ITU-R BS.1770)."
    yield from (f"Excluded: {listener} {why}." for listener, why in summary["excluded"].items())
    yield from (f"Unusual, but counted: {listener}: {why}." for listener, why in summary["outliers"].items())


def _notes_on_preferences(rows, listeners, utterances):
    yield "Shares count no preference as half; Holm corrects p for the number of pairs."
    if min(listeners, utterances) == 1:
        one = "one listener" if listeners == 1 else "one utterance"
        yield f"p: exact sign test over the votes with a preference; of {one}, it says nothing of others."
    else:
        yield "p: of a share of one half, from the model of the intervals (t test)."
    if any(row["mean"] in (0, 1) for row in rows):
        fewer = min((number for number in (listeners, utterances) if number > 1), default=1)
        yield (
            f"Where all prefer the same: exact sign test, and Clopper and Pearson's interval if any, of "
            f"{_counted(fewer, 'vote')}, as many as can be independent."
        )


def _counted(number, thing):
    return f"{number} {thing}{'s' * (number != 1)}"


def _figures(row, digits, sign=""):
    text = f"{row['mean']:{sign}.{digits}f}"
    return text if row["low"] is None else f"{text} [{row['low']:{sign}.{digits}f}, {row['high']:{sign}.{digits}f}]"


def _mark(row):
    return "" if row["low"] is None or row["low"] <= 0 <= row["high"] else " *"


def _probability(p):
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _table(columns, rows):
    """Padded, so that it reads well as text."""
    widths = [max(map(len, column)) for column in zip(columns, *rows)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in [columns, *rows]
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
