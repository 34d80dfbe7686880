"""Contenders in processes of their own: each has its memory, allocator and caches, and works only when asked."""

import multiprocessing
import os
import signal
import traceback
from contextlib import contextmanager, suppress
from operator import methodcaller

from vocoders.errors import InputError
from vocoders.processes import follow_the_parent

ALLOCATOR = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")
DEFAULT = dict.fromkeys(ALLOCATOR)
TUNED = dict(zip(ALLOCATOR, ("8589934592", "17179869184", "268435456")))  # no activation is mapped and faulted anew
ALLOCATORS = {"default": DEFAULT, "tuned": TUNED}
CLOSING = 5  # seconds that a process has to end by itself


class Worker:
    """A new process that holds ``make(*arguments)``, started with changes to the environment.

    >>> with Worker("training form", Inference, system, form, environment=TUNED) as worker:
    ...     seconds = worker.call("run", "6")

    ``environment`` maps names to values, or to None to remove them; the C library reads its part when a process
    starts.  ``make`` and what is passed must be picklable.
    Raises InputError with the process's own sentence, or when it is killed.
    """

    def __init__(self, name, make, *arguments, environment=None):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        with changed_environment(environment or {}):
            self._process.start()
        theirs.close()  # so that its death ends what we wait for
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def call(self, method, *arguments):
        """What ``method`` of the object over there returns."""
        with suppress(BrokenPipeError):  # it has ended, and the answer will tell how
            self._connection.send((method, arguments))
        return self._answer()

    def close(self):
        """Ends the process: by itself, so that it leaves no files, or by force if it is at work."""
        self._connection.close()
        self._process.join(CLOSING)
        self._process.terminate()
        self._process.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _answer(self):
        try:
            kind, value = self._connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            code = self._process.exitcode
            why = "was killed (out of memory?)" if code == -signal.SIGKILL else f"ended with status {code}"
            raise InputError(f"{self.name}: its process {why}; measure fewer systems, or fewer --seconds") from None
        if kind == "refused":
            raise InputError(value)
        if kind == "failed":
            raise RuntimeError(f"{self.name}:\n{value}")
        return value


@contextmanager
def changed_environment(changes):
    """Has processes that start inside see these variables, or not see those that are None."""
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(variables):
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def burning(cores):
    """Has that many other processes each keep a core busy inside the block."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_burn, daemon=True) for _ in range(cores)]
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _burn():
    follow_the_parent()
    while True:
        pass


def _serve(connection, make, arguments):
    follow_the_parent()
    thing = _answer_with(connection, make, arguments)
    while thing is not None:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        _answer_with(connection, methodcaller(method, *arguments), (thing,), send_value=True)


def _answer_with(connection, function, arguments, *, send_value=False):
    value = None
    try:
        value = function(*arguments)
        answer = ("done", value if send_value else None)
    except InputError as error:
        answer = ("refused", str(error))
    except Exception:
        answer = ("failed", traceback.format_exc())
    with suppress(BrokenPipeError):  # nobody waits for it any more
        connection.send(answer)
    return value
