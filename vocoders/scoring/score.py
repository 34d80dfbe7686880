"""Decoded waves against their references: ``scores.jsonl``, one line per utterance, and ``summary.json``.

Knows no models: it scores any two ``wav.scp`` of the same utterances.  An interrupted or failed run keeps its
rows; the next one reuses those whose waves and metrics are still the same.  ``summary.json`` is written last,
and only when every utterance has every score.
"""

import logging
from concurrent.futures import as_completed
from pathlib import Path

from vocoders import config, provenance
from vocoders.errors import InputError
from vocoders.io.files import append_jsonl, atomic_path, read_json, read_jsonl, remove_partials, write_json
from vocoders.io.tables import read_table
from vocoders.log import progress
from vocoders.processes import spawned
from vocoders.scoring.metrics import METRICS, load_metric
from vocoders.scoring.summary import summarise
from vocoders.scoring.utterance import Task, score_utterance

log = logging.getLogger(__name__)
NAMED = 5  # failures that the error message itself names; the log has all


def score(reference_scp, decoded_scp, directory, *, metrics, nj=1, align=False, resample=False, subset=False):
    """Scores every utterance of ``decoded_scp`` and returns the summary that it wrote."""
    if nj < 1:
        raise InputError(f"--nj: expected a number of processes, found {nj}")
    reference, decoded = read_table(reference_scp), read_table(decoded_scp)
    check_same_utterances(reference, decoded, reference_scp, decoded_scp, subset=subset)
    for name in metrics:
        load_metric(name)  # a missing package is told now, not after an hour
    directory = Path(directory)
    remove_partials(directory)
    (directory / "summary.json").unlink(missing_ok=True)
    path = directory / "scores.jsonl"
    rows = {row["utt"]: row for row in read_jsonl(path) if row["utt"] in decoded}
    _write_rows(path, rows)
    keys = {utt: row["key"] for utt, row in rows.items() if "reference" in row}  # older rows have none
    tasks = [Task(utt, reference[utt], decoded[utt], tuple(metrics), align, resample, keys.get(utt)) for utt in decoded]
    failures = _score_all(tasks, nj, rows, path)
    _write_rows(path, rows)
    if failures:
        raise InputError(_failure_message(failures, len(tasks), path))
    decode = read_jsonl(Path(decoded_scp).parent / "decode.jsonl")
    summary = {
        "reference": str(reference_scp),
        "decoded": str(decoded_scp),
        **summarise([rows[utt] for utt in sorted(rows)], metrics, align=align, decode=decode),
        "system": _system(decoded_scp),
        "provenance": {key: value for key, value in provenance.collect().items() if key in ("command", "git")},
    }
    write_json(directory / "summary.json", summary)
    return summary


def choose_metrics(choice):
    """What ``--metrics`` asks for: all, a comma-separated list, or the ``metrics:`` of a YAML file."""
    if choice == "all":
        return METRICS.names()
    if choice.endswith((".yaml", ".yml")):
        settings = config.load(choice)
        config.refuse_unknown(settings, ["metrics"], choice)
        where, names = f"{choice}: metrics", settings.get("metrics")
    else:
        where, names = "--metrics", [name.strip() for name in choice.split(",") if name.strip()]
    if not isinstance(names, list) or not names:
        raise InputError(f"{where}: expected a list of {', '.join(METRICS.names())}; found {names!r}")
    for name in names:
        if name not in METRICS.names():
            raise InputError(f"{where}: no metric {name!r}; {config.hint(name, METRICS.names())}")
    return list(dict.fromkeys(names))


def check_same_utterances(reference, decoded, reference_scp, decoded_scp, *, subset=False):
    """Raises InputError naming what one of the tables lacks; ``subset`` forgives the decoded one."""
    if not decoded:
        raise InputError(f"{decoded_scp}: the table is empty, there is nothing to score")
    unknown = [utt for utt in decoded if utt not in reference]
    if unknown:
        raise InputError(f"{reference_scp}: no reference for {_named(unknown)} of {decoded_scp}")
    missing = [utt for utt in reference if utt not in decoded]
    if missing and not subset:
        raise InputError(
            f"{decoded_scp}: {_named(missing)} of {reference_scp} not decoded; "
            f"finish decoding, or score what there is with --subset true"
        )


def _score_all(tasks, nj, rows, path):
    """Adds to ``rows`` and to the file; returns the failures."""
    failures = []
    with progress(total=len(tasks), unit="utt", desc="score") as bar:
        for outcome in _outcomes(tasks, nj):
            bar.update()
            for failure in outcome.failures:
                log.error("%s", failure)
            if outcome.failures:
                failures.append(outcome.failures)
                rows.pop(outcome.utterance, None)
            elif outcome.row:
                rows[outcome.utterance] = outcome.row
                append_jsonl(path, outcome.row)
    return failures


def _outcomes(tasks, nj):
    if nj == 1:
        yield from map(score_utterance, tasks)
        return
    killed = "a scoring process was killed, perhaps for its memory; run again with a lower --nj"
    with spawned(min(nj, len(tasks)), killed=killed) as pool:
        for future in as_completed([pool.submit(score_utterance, task) for task in tasks]):
            yield future.result()


def _write_rows(path, rows):
    with atomic_path(path) as partial:
        for utt in sorted(rows):
            append_jsonl(partial, rows[utt])


def _failure_message(failures, total, path):
    first = [lines[0] for lines in failures[:NAMED]]
    more = f"; and {len(failures) - NAMED} more" if len(failures) > NAMED else ""
    return (
        f"{len(failures)} of {total} utterances could not be scored: {'; '.join(first)}{more} "
        f"(the scores of the others are kept in {path})"
    )


def _named(utterances):
    shown = ", ".join(utterances[:NAMED])
    return shown if len(utterances) <= NAMED else f"{shown} and {len(utterances) - NAMED} more"


def _system(decoded_scp):
    path = Path(decoded_scp).parent / "system.json"
    return read_json(path) if path.exists() else None
