"""Processes of their own: their environment, their errors, their end."""

import multiprocessing
import os
import signal

import pytest

from vocoders import config
from vocoders.bench.worker import ALLOCATORS, Worker, burning
from vocoders.errors import InputError


@pytest.mark.parametrize(("allocator", "expected"), [("tuned", "268435456"), ("default", "unset")])
def test_the_allocator_is_chosen_by_the_environment_it_starts_in(allocator, expected, monkeypatch):
    monkeypatch.setenv("MALLOC_TOP_PAD_", "4096")
    with Worker("x", os.getenv, "MALLOC_TOP_PAD_", "unset", environment=ALLOCATORS[allocator]) as worker:
        assert worker.call("__str__") == expected
    assert os.environ["MALLOC_TOP_PAD_"] == "4096"


def test_what_it_refuses_is_said_here():
    with pytest.raises(InputError, match=r"^nowhere.yaml: no such configuration file"):
        Worker("x", config.load, "nowhere.yaml")


def test_a_bug_over_there_is_one_here():
    with Worker("the name", dict) as worker:
        with pytest.raises(RuntimeError, match=r"the name:(.|\n)*KeyError: 'absent'"):
            worker.call("pop", "absent")
        assert worker.call("__len__") == 0


def test_one_that_is_killed_is_named():
    with Worker("the name", os.getpid) as worker:
        os.kill(worker.call("__int__"), signal.SIGKILL)
        with pytest.raises(InputError, match=r"the name: its process was killed \(out of memory\?\)"):
            worker.call("__int__")


def test_what_keeps_cores_busy_ends():
    with burning(2):
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()
