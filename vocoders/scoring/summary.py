"""What all the rows of ``scores.jsonl`` say together."""

import logging
import statistics

from vocoders.scoring.bootstrap import mean_interval
from vocoders.scoring.metrics import METRICS, package_versions

log = logging.getLogger(__name__)
UNDEFINED_LIMIT = 0.1


def summarise(rows, metrics, *, align, decode):
    """The JSON value of ``summary.json``; ``decode`` are the lines of ``decode.jsonl``, or none."""
    scores = {key: score for name in metrics for key, score in METRICS[name].scores.items()}
    return {
        "n": len(rows),
        "alignment": _alignment(rows, align),
        "rtf": _rtf(decode, {row["utt"] for row in rows}),
        "metrics": {key: _metric(key, score, rows) for key, score in scores.items()},
        "interval": "95 % percentile bootstrap over utterances, 10,000 resamples, seed 0",
        "packages": package_versions(metrics),
    }


def table(summary):
    """The summary as lines to print."""
    width = max(len(entry["label"]) for entry in summary["metrics"].values())
    lines = [f"{entry['label']:<{width}}  {_figures(entry)}" for entry in summary["metrics"].values()]
    lines.append(f"{summary['n']} utterances, {alignment_words(summary['alignment'])}")
    if summary["rtf"]:
        lines.append(f"real-time factor {summary['rtf']['total']:.4f} (compute / audio seconds)")
    return "\n".join(lines)


def alignment_words(alignment):
    """What ``summary["alignment"]`` says, for people."""
    if alignment["median_lag_ms"] is None:
        return f"{alignment['mode']}: too unlike their references to tell a lag"
    lag = f"median lag {alignment['median_lag_ms']:.2f} ms, largest {alignment['largest_lag_ms']:.2f} ms"
    return f"{alignment['mode']}: {lag}, n = {alignment['lag_n']}"


def _figures(entry):
    arrow = {"higher": "↑", "lower": "↓"}[entry["better"]]
    unit = f" {entry['unit']}" if entry["unit"] else ""
    if entry["mean"] is None:
        return f"{arrow} –  (undefined for {len(entry['undefined'])} utterances)"
    interval = "" if entry["low"] is None else f"  [{entry['low']:.3f}, {entry['high']:.3f}]"
    return f"{arrow} {entry['mean']:8.3f}{interval}{unit}  n = {entry['n']}"


def _metric(key, score, rows):
    values = {row["utt"]: row[key] for row in rows}
    undefined = [utt for utt, value in values.items() if value is None]
    interval = mean_interval([value for value in values.values() if value is not None])
    if too_few_defined(len(undefined), len(rows)):
        log.warning("%s is undefined for %d of %d utterances: no mean is given", key, len(undefined), len(rows))
        interval = interval._replace(mean=None, low=None, high=None)
    return {**interval._asdict(), "undefined": undefined, **score._asdict()}


def too_few_defined(undefined, n):
    """Whether a mean over the utterances that happen to have a value would flatter the system: then none is given."""
    return undefined > UNDEFINED_LIMIT * n


def _alignment(rows, align):
    found = [row["alignment"] for row in rows]
    lags = [1000 * each["lag"] / each["rate"] for each in found if each["lag"] is not None]
    extra = [1000 * each["extra"] / each["rate"] for each in found]
    median = statistics.median(lags) if lags else None
    if median and not align:
        log.warning("decoded waves are %.2f ms late (median) and were compared as they are; see --align", median)
    return {
        "mode": "each shifted by its lag" if align else "compared without shifting",
        "median_lag_ms": median,
        "largest_lag_ms": max(lags, key=abs, default=None),
        "lag_n": len(lags),
        "largest_length_difference_ms": max(extra, key=abs),
    }


def _rtf(decode, utterances):
    """Compute seconds over audio seconds, of these utterances."""
    rows = [row for row in decode if row["utt"] in utterances]
    if len(rows) < len(utterances):
        return None
    total = sum(row["compute_seconds"] for row in rows) / sum(row["audio_seconds"] for row in rows)
    return {**mean_interval([row["rtf"] for row in rows])._asdict(), "total": total}
