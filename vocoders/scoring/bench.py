"""``vocoders bench score``: what each metric costs, on one thread, and all of them together.

CPU seconds, not those on the wall: they are what a core is kept from other work, and say the same on a busy machine.
"""

import statistics
import time
from contextlib import contextmanager
from itertools import product
from typing import NamedTuple

import numpy as np

from vocoders.errors import InputError
from vocoders.features.extract import wav_table
from vocoders.io.audio import read_wave, resample
from vocoders.io.files import write_json
from vocoders.scoring.alignment import lag, trim
from vocoders.scoring.metrics import load_metric, package_versions
from vocoders.scoring.score import check_same_utterances, choose_metrics
from vocoders.scoring.signal import Signal
from vocoders.scoring.utterance import one_thread

NOISE_DB = -20  # of the noise that stands for a decoder, beside the speech
SHARED_RATES = {
    "pesq": 16000,
    "mcd": 16000,
    "f0": 16000,
    "dnsmos": 16000,
    "log_mel_mae": 22050,
}  # Hz, of what resamples
READ, LAG, RESAMPLE = "read both", "lag", "resample, shared"
NETWORK = "dnsmos"  # a network, not signal processing: the total is given without it too


class Pair(NamedTuple):
    utterance: str
    reference: np.ndarray  # [T]
    decoded: np.ndarray  # [T]
    rate: int


@one_thread()
def main(source, decoded=None, *, metrics="all", utterances=8, rounds=5, seed=0, json=None):
    """Lines of a Markdown table: median seconds of each part, their totals, and the speed beside real time.

    Raises InputError for too few utterances or rounds, tables or waves that do not belong together, and what a metric
    cannot measure.
    """
    for option, number in (("utterances", utterances), ("rounds", rounds)):
        if number < 1:
            raise InputError(f"--{option}: expected at least 1, found {number}")
    names = choose_metrics(metrics)
    measure = {name: load_metric(name) for name in names}
    scp, references = wav_table(source)
    decodings = _decodings(scp, references, decoded)
    chosen = list(references if decoded is None else decodings)[:utterances]
    sources = {utt: (references[utt], decodings.get(utt)) for utt in chosen}
    costs = [_cost(sources, measure, seed) for _ in range(rounds + 1)][1:]  # the first one warms up
    audio = sum(len(pair.reference) / pair.rate for pair in _pairs(sources, seed))
    report = {
        "utterances": len(chosen),
        "of": len(references if decoded is None else decodings),
        "audio_seconds": audio,
        "rounds": rounds,
        **_figures(costs, audio),
        "packages": package_versions(names),
    }
    if json:
        write_json(json, report)
    return _lines(report)


def _decodings(scp, references, decoded):
    if decoded is None:
        return {}
    decoded_scp, table = wav_table(decoded)
    check_same_utterances(references, table, scp, decoded_scp, subset=True)
    return table


def _pairs(sources, seed):
    for number, (utt, (reference, decoded)) in enumerate(sources.items()):
        wave, rate = read_wave(reference, where=f"{utt}: reference")
        if decoded is None:
            yield Pair(utt, wave, _noisy(wave, np.random.default_rng([seed, number])), rate)
            continue
        other, found = read_wave(decoded, where=f"{utt}: decoded")
        wave = resample(wave, rate, found)  # as vocoders score with --resample true
        yield Pair(utt, *trim(wave, other, found, where=f"{utt}: "), found)


def _noisy(wave, random):
    level = 10 ** (NOISE_DB / 20) * np.sqrt(np.mean(wave.astype(np.float64) ** 2))
    return (wave + random.normal(scale=level, size=len(wave))).astype(np.float32)


def _cost(sources, measure, seed):
    """CPU seconds of each part over all utterances, each metric by itself after what is shared."""
    clock = _Clock()
    rates = {SHARED_RATES[name] for name in measure if name in SHARED_RATES}
    with clock(READ):
        pairs = list(_pairs(sources, seed))
    for pair in pairs:
        with clock(LAG):
            lag(pair.reference, pair.decoded, pair.rate)
        signals = Signal(pair.reference, pair.rate), Signal(pair.decoded, pair.rate)
        for signal, rate in product(signals, rates):
            with clock(RESAMPLE):
                signal.at(rate)
        for name, metric in measure.items():
            try:
                with clock(name):
                    metric(*signals)
            except InputError as error:
                raise InputError(f"{pair.utterance}: {name}: {error}") from error
    return clock.seconds


class _Clock:
    def __init__(self):
        self.seconds = {}

    @contextmanager
    def __call__(self, name):
        start = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.process_time() - start


def _figures(costs, audio):
    """Medians over the rounds of each part and of the totals, per second of audio."""
    parts = list(costs[0])
    sums = {part: [part] for part in parts} | {"total": parts}
    if NETWORK in parts:
        sums[f"total without {NETWORK}"] = [part for part in parts if part != NETWORK]
    medians = {name: statistics.median(sum(cost[part] for part in of) for cost in costs) for name, of in sums.items()}
    rows = {
        name: {
            "seconds_per_second": seconds / audio,
            "times_real_time": audio / seconds,
            "share": seconds / medians["total"],
        }
        for name, seconds in medians.items()
    }
    return {"parts": {name: rows.pop(name) for name in parts}, "totals": rows}


def _lines(report):
    count = f"{report['utterances']} of {report['of']} utterances, {report['audio_seconds']:.1f} s"
    rows = (report["parts"] | report["totals"]).items()
    return [
        f"{count}, one thread, medians of {report['rounds']} rounds",
        "",
        "| part                 | CPU ms per s | x real time |  share |",
        "|----------------------|-------------:|------------:|-------:|",
        *(f"| {name:<20} | {_cells(**row)} |" for name, row in rows),
    ]


def _cells(seconds_per_second, times_real_time, share):
    return f"{1000 * seconds_per_second:12.2f} | {times_real_time:11.1f} | {share:6.1%}"
