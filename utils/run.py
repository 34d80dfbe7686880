#!/usr/bin/env python3
"""Runs a command on this machine, the way a queue would, and keeps its output in a log.

    utils/run.py [--gpu N] [--max_jobs N] [--append true] [--show true] [JOB=1:8] LOG COMMAND...

With JOB=1:8 the command runs eight times, JOB in LOG and COMMAND standing for the number; as many run at once
as there are cores, or --max_jobs.  A job sees the first N GPUs (--gpu, default none).  A log opens with its
command and closes with its status.  A failed job stops the others from starting, and the end of its log is
shown with the command that runs it alone.  A single job started from a terminal, or with --show true, also
shows its standard error here, progress bars included.  No job outlives this program.
"""

import ctypes
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import termios
import time
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path

SWITCH = ("true|false", "true or false")
OPTIONS = {  # what a value looks like
    "gpu": (r"\d+", "a number of GPUs"),
    "max_jobs": (r"[1-9]\d*", "a number of jobs"),
    "append": SWITCH,
    "show": SWITCH,
}
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 20  # seconds that a job has to end after an interrupt
TAIL = 20  # lines of a failed log that are shown


class Usage(Exception):
    """The command line is wrong."""


class Stopped(BaseException):
    """A signal asked us to stop."""

    def __init__(self, signum, _frame=None):
        self.signum = signum


class Job:
    """One command with its log."""

    def __init__(self, log, command, environment):
        self.log, self.command, self.environment = log, command, environment
        self.process, self.file, self.started, self.screen = None, None, None, None

    def start(self, *, append, show):
        Path(self.log).parent.mkdir(parents=True, exist_ok=True)
        self.file = open(self.log, "ab" if append else "wb", buffering=0)
        self.started = time.time()
        self.note(f"{shlex.join(self.command)}\n# started {time.strftime('%F %T')}")
        self.screen, errors = open_screen() if show else (None, self.file)
        try:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=self.file,
                stderr=errors,
                env={**os.environ, **self.environment},
                start_new_session=True,  # a group of its own, so that its children can be stopped with it
                preexec_fn=prepare_child,
            )
        finally:
            if show:
                os.close(errors)

    def note(self, text):
        self.write(f"# {text}\n".encode())

    def write(self, content):
        try:
            self.file.write(content)
        except OSError as error:  # a full disk, which does not say where
            raise OSError(error.errno, error.strerror, str(self.log)) from None

    def close(self, status):
        """Ends the log; ``status`` is a number or a word on what happened."""
        if self.process:
            self.stop(signal.SIGKILL)  # what the command may have left running
        took = time.time() - self.started
        self.note(f"ended {time.strftime('%F %T')} after {took:.0f} s with status {status}")
        self.file.close()

    def stop(self, signum):
        with suppress(ProcessLookupError, PermissionError):  # it has ended
            os.killpg(self.process.pid, signum)

    def status(self):
        """The exit status as a shell would give it."""
        code = self.process.returncode
        return code if code >= 0 else 128 - code

    def alone(self):
        """The shell line that runs this job by itself."""
        paths = ". ./path.sh && " if Path("path.sh").exists() else ""
        values = "".join(f"{name}={shlex.quote(value)} " for name, value in self.environment.items())
        return f"cd {shlex.quote(os.getcwd())} && {paths}{values}{shlex.join(self.command)}"


def open_screen():
    """A channel for standard error: a terminal where we have one, so that progress bars show, else a pipe."""
    if not sys.stderr.isatty():
        return os.pipe()
    ours, theirs = pty.openpty()
    size = ioctl(sys.stderr.fileno(), termios.TIOCGWINSZ, bytes(8))
    ioctl(theirs, termios.TIOCSWINSZ, size)
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST  # line ends as they were written
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    return ours, theirs


def prepare_child():
    """Has Linux end this process when its parent goes, even by kill -9, and lets signals in again."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


@contextmanager
def undisturbed():
    """Holds back the signals that stop us, so that a process is never started without being known."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def parse(words):
    """(options, numbers or None, log, command) of a command line."""
    options = {"gpu": "0", "max_jobs": None, "append": "false", "show": None}
    words = list(words)
    while words and words[0].startswith("--"):
        name, equals, value = words.pop(0)[2:].replace("-", "_").partition("=")
        if name not in OPTIONS:
            raise Usage(f"no option --{name}; there are --{', --'.join(OPTIONS)}")
        value = value if equals else words.pop(0) if words else ""
        pattern, meaning = OPTIONS[name]
        if not re.fullmatch(pattern, value):
            raise Usage(f"--{name} takes {meaning}, not {value!r}")
        options[name] = value
    numbers = parse_numbers(words.pop(0)) if words and words[0].startswith("JOB=") else None
    if len(words) < 2:
        raise Usage("expected a log and a command")
    log, *command = words
    if numbers and len(numbers) > 1:
        if with_number(log, 1) == log:
            raise Usage(f"{len(numbers)} jobs cannot share the log {log}; put JOB in its name")
        if options["show"] == "true":
            raise Usage("--show true needs a single job")
    return options, numbers, log, command


def parse_numbers(word):
    match = re.fullmatch(r"JOB=(\d+)(?::(\d+))?", word)
    numbers = match and range(int(match[1]), int(match[2] or match[1]) + 1)
    if not numbers:
        raise Usage(f"expected JOB=first:last, as in JOB=1:8, found {word!r}")
    return numbers


def with_number(word, number):
    return re.sub(r"(?<![A-Za-z0-9])JOB(?![A-Za-z0-9])", str(number), word)


def job_environment(options, at_once):
    """What a job is told about GPUs and cores; several at once share the cores."""
    count = int(options["gpu"])
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = list(map(str, range(count))) if visible is None else list(filter(None, visible.split(",")))
    if len(devices) < count:
        raise Usage(f"--gpu {count}, but CUDA_VISIBLE_DEVICES={visible} names {len(devices)}")
    environment = {"CUDA_VISIBLE_DEVICES": ",".join(devices[:count])}
    if at_once > 1 and "OMP_NUM_THREADS" not in os.environ:
        environment["OMP_NUM_THREADS"] = str(max(1, cores() // at_once))
    return environment


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def run(jobs, at_once, *, append, show):
    """Runs the jobs, and returns [(job, status)] of those that failed."""
    waiting, running, failed = list(jobs), {}, []
    try:
        while running or (waiting and not failed):
            while waiting and not failed and len(running) < at_once:
                job = waiting.pop(0)
                try:
                    with undisturbed():
                        job.start(append=append, show=show)
                        running[job.process.pid] = job
                except OSError as error:
                    failed.append((job, not_started(job, error)))
            for job, status in finished(running, show):
                job.close(status)
                if status:
                    failed.append((job, status))
    except Stopped as stopped:
        stop_all(running, stopped)
        raise
    return failed


def not_started(job, error):
    """Ends the log of a command that the system would not start; returns its status."""
    if job.file is None:
        raise error  # the log itself cannot be written
    job.write(f"run.py: cannot start {job.command[0]}: {error.strerror}\n".encode())
    job.close(127)
    return 127


def finished(running, show):
    """Waits for a job to end; yields it with its exit status."""
    if not running:
        return
    if show:
        (job,) = running.values()
        copy_screen(job)
        job.process.wait()
    else:
        pid, status = os.wait()
        job = running[pid]
        job.process.returncode = os.waitstatus_to_exitcode(status)
    del running[job.process.pid]
    yield job, job.status()


def copy_screen(job):
    """Copies a job's standard error to ours and, less what progress bars overwrite, to its log."""
    line = b""
    while True:
        ready = select.select([job.screen], [], [], 0.2)[0]
        block = read_some(job.screen) if ready else None
        if block == b"" or (block is None and job.process.poll() is not None):
            break
        os.write(sys.stderr.fileno(), block or b"")
        *lines, line = (line + (block or b"")).split(b"\n")
        job.write(b"".join(last_state(text) + b"\n" for text in lines))
    job.write(last_state(line) + b"\n" if line else b"")
    os.close(job.screen)


def last_state(text):
    """What a line shows once every carriage return has been obeyed."""
    return text.rstrip(b"\r").rpartition(b"\r")[2]


def read_some(channel):
    try:
        return os.read(channel, 1 << 16)
    except OSError:  # a terminal's way of saying that its other end is closed
        return b""


def stop_all(running, stopped):
    """Passes the signal on, waits, and kills what does not end."""
    name = signal.Signals(stopped.signum).name
    for job in running.values():
        job.stop(stopped.signum)
    deadline = time.time() + GRACE
    with suppress(subprocess.TimeoutExpired, Stopped):
        for job in running.values():
            job.process.wait(max(0.0, deadline - time.time()))
    for job in running.values():
        job.stop(signal.SIGKILL)
        job.process.wait()
        job.close(f"{job.status()} ({name})")


def report(failed, total, *, shown):
    job, status = failed[0]
    of = f"{len(failed)} of {total} jobs" if total > 1 else "the job"
    print(f"run.py: error: {of} failed; {job.log} ended with status {status}", file=sys.stderr)
    if not shown:
        lines = Path(job.log).read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
        print("\n".join(f"    {line}" for line in lines), file=sys.stderr)
    print(f"run.py: to run it alone: {job.alone()}", file=sys.stderr)
    return status if total == 1 else 1


def main(words):
    if words[:1] in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    for signum in STOPPING:
        if signal.getsignal(signum) != signal.SIG_IGN:  # nohup stays in force
            signal.signal(signum, stop)
    try:
        options, numbers, log, command = parse(words)
        numbers = numbers or [None]
        at_once = min(len(numbers), int(options["max_jobs"] or cores()))
        environment = job_environment(options, at_once)
        show = len(numbers) == 1 and (options["show"] or str(sys.stderr.isatty()).lower()) == "true"
        jobs = [make_job(log, command, number, environment) for number in numbers]
        failed = run(jobs, at_once, append=options["append"] == "true", show=show)
    except Usage as error:
        print(f"run.py: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"run.py: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        return 128 + stopped.signum
    return report(failed, len(jobs), shown=show) if failed else 0


def make_job(log, command, number, environment):
    if number is None:
        return Job(log, command, environment)
    return Job(with_number(log, number), [with_number(word, number) for word in command], environment)


def stop(signum, frame):
    raise Stopped(signum, frame)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
