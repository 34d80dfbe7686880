"""One utterance's scores."""

import hashlib
import json
import logging
import math
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from vocoders.errors import InputError
from vocoders.io.audio import read_wave, resample
from vocoders.scoring.alignment import lag, shift, trim
from vocoders.scoring.metrics import load_metric, package_versions
from vocoders.scoring.signal import Signal

metric = cache(load_metric)  # a network is loaded once per process


class Task(NamedTuple):
    """What a worker process is sent."""

    utterance: str
    reference: str  # as in wav.scp
    decoded: str
    metrics: tuple
    align: bool
    resample: bool
    key: str | None  # of the row that an earlier run wrote


class Outcome(NamedTuple):
    """What it sends back: a row of ``scores.jsonl``, None where the earlier one holds, or what went wrong."""

    utterance: str
    row: dict | None
    failures: tuple = ()


@contextmanager
def one_thread():
    """One thread for BLAS, OpenMP and torch."""
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def score_utterance(task):
    """The scores of one utterance, on one thread, so that they do not depend on the number of cores."""
    try:
        reference, decoded, rate = _read(task)
        key = _key(task, reference, decoded, rate)
        if key == task.key:
            return Outcome(task.utterance, None)
        against = wave_digest(reference)  # rows of one ranking are those with the same
        extra = len(decoded) - len(reference)
        reference, decoded = trim(reference, decoded, rate, where=f"{task.utterance}: ")
    except InputError as error:
        return Outcome(task.utterance, None, (str(error),))
    offset = lag(reference, decoded, rate)
    if task.align:
        reference, decoded = shift(reference, decoded, offset or 0)
    scores, failures = _measure(task, Signal(reference, rate), Signal(decoded, rate))
    alignment = {"lag": offset, "extra": extra, "rate": rate}  # samples, samples, Hz
    row = {"utt": task.utterance, **scores, "alignment": alignment, "reference": against, "key": key}
    return Outcome(task.utterance, None if failures else row, tuple(failures))


def wave_digest(wave):
    """Stands for the samples of a wave."""
    return hashlib.sha256(wave.tobytes()).hexdigest()[:12]


def _read(task):
    reference, rate = read_wave(task.reference, where=f"{task.utterance}: reference")
    decoded, found = read_wave(task.decoded, where=f"{task.utterance}: decoded")
    if found != rate and not task.resample:
        raise InputError(
            f"{task.utterance}: the decoded wave has {found} Hz, the reference {rate} Hz; use --resample true to bring "
            f"the reference to the rate of the decoded one"
        )
    return resample(reference, rate, found), decoded, found


def _key(task, reference, decoded, rate):
    """Stands for everything that the scores depend on: both waves, and what is measured how."""
    definitions = [[name, metric(name).scores] for name in task.metrics]
    settings = [rate, task.align, definitions, package_versions(task.metrics)]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for wave in (reference, decoded):
        digest.update(len(wave).to_bytes(8, "little") + wave.tobytes())
    return digest.hexdigest()[:16]


def _measure(task, reference, decoded):
    scores, failures = {}, []
    for name in task.metrics:
        try:
            found = metric(name)(reference, decoded)
        except InputError as error:
            failures.append(f"{task.utterance}: {name}: {error}")
        except Exception as error:  # other people's code on odd audio; counted, named, and the stage fails
            logging.getLogger(__name__).exception("%s: %s", task.utterance, name)
            failures.append(f"{task.utterance}: {name}: {type(error).__name__}: {error}")
        else:
            broken = [key for key, value in found.items() if value is not None and not math.isfinite(value)]
            failures += [f"{task.utterance}: {key} is {found[key]}" for key in broken]
            scores.update(found)
    return scores, failures
