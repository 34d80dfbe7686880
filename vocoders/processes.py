"""Processes that work beside this one."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from vocoders.errors import InputError

# For a process whose threads share short pieces of work beside other busy processes: a thread that waits for one that
# has no core leaves its own to it, where GNU OpenMP's would spin.  torch reads it when it is loaded.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
_unwanted = None  # in a spawned process: set when nobody waits for its work any more


@contextmanager
def spawned(number, *, killed, prepare=None, arguments=()):
    """Yields a pool of ``number`` processes (concurrent.futures) that have each called ``prepare(*arguments)``.

    Spawned, because a fork of a process that has used OpenMP threads can hang.  They end with this one, however that
    ends, and leave Ctrl-C to it.  Raises InputError with the sentence ``killed`` if one of them was killed.
    """
    context = multiprocessing.get_context("spawn")
    unwanted = context.Event()
    pool = ProcessPoolExecutor(number, context, initializer=_begin, initargs=(unwanted, prepare, arguments))
    try:
        yield pool
    except BrokenProcessPool:
        raise InputError(killed) from None
    finally:
        unwanted.set()
        pool.shutdown(cancel_futures=True)


def unwanted():
    """Whether the process that spawned this one waits for its work no more; for long work to ask now and then."""
    return _unwanted is not None and _unwanted.is_set()


def follow_the_parent():
    """Has this spawned process end with the one that spawned it, however that ends, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _begin(event, prepare, arguments):
    global _unwanted
    _unwanted = event
    follow_the_parent()
    if prepare:
        prepare(*arguments)


def _end_with_the_parent():
    multiprocessing.parent_process().join()
    os._exit(1)
