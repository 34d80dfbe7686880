"""Processes of their own: their environment, their errors, their end."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

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


def test_it_leaves_no_files(tmp_path):
    with Worker("x", TemporaryDirectory, None, None, tmp_path):
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def test_one_at_work_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("vocoders.bench.worker.CLOSING", 0.1)
    with Worker("x", subprocess.Popen, ["sleep", "1000"]) as worker:
        sleeping = worker.call("__getattribute__", "pid")
        worker._connection.send(("wait", ()))
    assert worker._process.exitcode == -signal.SIGTERM
    os.kill(sleeping, signal.SIGKILL)


def test_what_keeps_cores_busy_ends():
    with burning(2):
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()


def test_what_keeps_cores_busy_ends_with_who_started_it(repository):
    """Even where that one is killed."""
    program = "import time, multiprocessing; from vocoders.bench.worker import burning\n"
    program += "with burning(1): print(multiprocessing.active_children()[0].pid, flush=True), time.sleep(1000)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=repository) as process:
        busy = Path(f"/proc/{int(process.stdout.readline())}")
        assert busy.exists()
        process.kill()
    deadline = time.monotonic() + 60
    while busy.exists() and "Z" not in (busy / "stat").read_text().rpartition(")")[2].split()[0]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
