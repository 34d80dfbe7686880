"""utils/run.py: jobs, their logs, what is said of a failure, and that nothing is left running."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "utils" / "run.py"


@pytest.fixture
def run(tmp_path):
    def call(*words, **environment):
        variables = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS",)}
        variables.pop("CUDA_VISIBLE_DEVICES", None)
        command = [sys.executable, str(RUN), *words]
        variables.update(environment)
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables)

    return call


def start(*words, cwd, **options):
    return subprocess.Popen([sys.executable, str(RUN), *words], cwd=cwd, **options)


def wait_for(condition, seconds=20):
    """Waits for something that another process does; the deadline is only against hanging."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        select.select([], [], [], 0.01)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_each_job_has_its_number_and_its_log(run, tmp_path):
    result = run("JOB=2:4", "log/x.JOB.log", "bash", "-c", "echo part JOB/3 of JOBS")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["x.2.log", "x.3.log", "x.4.log"]
    lines = (tmp_path / "log" / "x.3.log").read_text().splitlines()
    assert lines[0] == "# bash -c 'echo part 3/3 of JOBS'"
    assert lines[2] == "part 3/3 of JOBS"
    assert lines[-1].startswith("# ended") and lines[-1].endswith("with status 0")


def test_arguments_arrive_as_they_are(run, tmp_path):
    words = ["a b", "$HOME", "*", "", "'quoted\""]
    run("out.log", sys.executable, "-c", "import sys; print(sys.argv[1:])", *words)
    assert str(words) in (tmp_path / "out.log").read_text()


def test_a_failure_shows_the_log_and_a_command_that_repeats_it(run, tmp_path):
    result = run("JOB=1:3", "x.JOB.log", "bash", "-c", "echo job JOB says no >&2; [ JOB -ne 2 ]")
    assert result.returncode == 1
    assert "1 of 3 jobs failed; x.2.log ended with status 1" in result.stderr
    assert "job 2 says no" in result.stderr and "job 3 says no" not in result.stderr
    alone = result.stderr.partition("to run it alone: ")[2]
    repeated = subprocess.run(["bash", "-c", alone], capture_output=True, text=True, cwd="/")
    assert (repeated.returncode, repeated.stderr) == (1, "job 2 says no\n")


def test_after_a_failure_no_job_is_started(run, tmp_path):
    result = run("--max_jobs", "1", "JOB=1:9", "x.JOB.log", "bash", "-c", "[ JOB -lt 3 ]")
    assert result.returncode == 1
    assert len(list(tmp_path.glob("x.*.log"))) == 3
    assert run("--max_jobs", "2", "JOB=1:9", "y.JOB.log", "no-such-program").returncode == 1
    assert len(list(tmp_path.glob("y.*.log"))) == 1


def test_a_single_job_passes_its_status_on(run, tmp_path):
    assert run("x.log", "bash", "-c", "exit 7").returncode == 7
    assert run("x.log", "bash", "-c", "kill -KILL $$").returncode == 137
    assert (tmp_path / "x.log").read_text().endswith("with status 137\n")


def test_a_program_that_is_not_there(run, tmp_path):
    result = run("x.log", "no-such-program")
    assert result.returncode == 127
    assert "cannot start no-such-program: No such file" in (tmp_path / "x.log").read_text()


def test_no_more_jobs_at_once_than_asked_for(run, tmp_path):
    job = "mkdir busy || exit 1; echo; rmdir busy"  # mkdir fails if another job is inside
    assert run("--max_jobs", "1", "JOB=1:8", "x.JOB.log", "bash", "-c", job).returncode == 0


def test_a_log_is_replaced_or_appended_to(run, tmp_path):
    run("x.log", "echo", "first")
    run("--append", "true", "x.log", "echo", "second")
    text = (tmp_path / "x.log").read_text()
    assert "first" in text and "second" in text and text.count("# ended") == 2
    run("x.log", "echo", "third")
    assert "second" not in (tmp_path / "x.log").read_text()


@pytest.mark.parametrize(
    ("options", "outside", "inside"),
    [
        ([], {}, ""),
        ([], {"CUDA_VISIBLE_DEVICES": "3,5"}, ""),
        (["--gpu", "2"], {}, "0,1"),
        (["--gpu", "1"], {"CUDA_VISIBLE_DEVICES": "3,5"}, "3"),
        (["--gpu=2"], {"CUDA_VISIBLE_DEVICES": "3,5"}, "3,5"),
    ],
)
def test_a_job_sees_as_many_gpus_as_asked_for(run, tmp_path, options, outside, inside):
    assert run(*options, "x.log", "bash", "-c", 'echo "[${CUDA_VISIBLE_DEVICES}]"', **outside).returncode == 0
    assert f"[{inside}]" in (tmp_path / "x.log").read_text()


def test_jobs_share_the_cores_unless_told_otherwise(run, tmp_path):
    cores = len(os.sched_getaffinity(0))
    command = ["bash", "-c", 'echo "[${OMP_NUM_THREADS-unset}]"']
    run("--max_jobs", "2", "JOB=1:2", "x.JOB.log", *command)
    assert f"[{max(1, cores // 2)}]" in (tmp_path / "x.1.log").read_text()
    run("x.log", *command)
    assert "[unset]" in (tmp_path / "x.log").read_text()
    run("--max_jobs", "2", "JOB=1:2", "x.JOB.log", *command, OMP_NUM_THREADS="5")
    assert "[5]" in (tmp_path / "x.2.log").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a log and a command"),
        (["x.log"], "expected a log and a command"),
        (["--gpu", "some", "x.log", "true"], "--gpu takes a number of GPUs, not 'some'"),
        (["--gpu"], "--gpu takes a number of GPUs, not ''"),
        (["--memory", "4G", "x.log", "true"], "no option --memory"),
        (["--max-jobs", "0", "x.log", "true"], "--max_jobs takes a number of jobs, not '0'"),
        (["JOB=3:1", "x.JOB.log", "true"], "expected JOB=first:last, as in JOB=1:8, found 'JOB=3:1'"),
        (["JOB=1:n", "x.JOB.log", "true"], "found 'JOB=1:n'"),
        (["JOB=1:2", "x.log", "true"], "2 jobs cannot share the log x.log; put JOB in its name"),
        (["--show", "true", "JOB=1:2", "x.JOB.log", "true"], "--show true needs a single job"),
    ],
)
def test_wrong_use_has_status_2_and_one_sentence(run, tmp_path, words, message):
    result = run(*words)
    assert result.returncode == 2
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_more_gpus_than_there_are_is_wrong_use(run):
    result = run("--gpu", "2", "x.log", "true", CUDA_VISIBLE_DEVICES="4")
    assert (result.returncode, result.stderr) == (
        2,
        "run.py: error: --gpu 2, but CUDA_VISIBLE_DEVICES=4 names 1\n",
    )


def test_a_log_that_cannot_be_written_is_one_sentence(run, tmp_path):
    (tmp_path / "file").touch()
    result = run("file/x.log", "true")
    assert result.returncode == 1
    assert result.stderr.startswith("run.py: error: file") and result.stderr.count("\n") == 1


def test_standard_error_is_shown_and_logged_without_what_bars_overwrite(run, tmp_path):
    result = run("--show", "true", "x.log", "bash", "-c", r"echo out; printf ' 10%%\r 90%%\rdone\n' >&2")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == " 10%\n 90%\ndone\n"  # text mode reads a carriage return as a line end
    lines = (tmp_path / "x.log").read_text().splitlines()
    assert lines[2:4] == ["out", "done"]


def test_a_job_of_a_terminal_has_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    job = "import os; os.write(2, b'terminal\\n' if os.isatty(2) else b'none')"
    process = start("x.log", sys.executable, "-c", job, cwd=tmp_path, stderr=theirs)
    assert process.wait() == 0
    os.close(theirs)
    assert os.read(ours, 100) == b"terminal\r\n"  # one carriage return, which is the outer terminal's
    os.close(ours)


JOB_WITH_CHILD = "sleep 1000 & echo $! > child.JOB; echo $$ > parent.JOB; wait"


@pytest.fixture
def pair_of_jobs(tmp_path):
    """run.py with two jobs that each have a child, and the process ids of all four."""
    process = start("--max_jobs", "2", "JOB=1:2", "x.JOB.log", "bash", "-c", JOB_WITH_CHILD, cwd=tmp_path)
    files = [tmp_path / f"{who}.{number}" for who in ("parent", "child") for number in (1, 2)]
    wait_for(lambda: all(file.exists() and file.read_text().endswith("\n") for file in files))
    pids = [int(file.read_text()) for file in files]
    yield process, pids
    for pid in pids:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_jobs_and_their_children(pair_of_jobs, tmp_path, signum):
    process, pids = pair_of_jobs
    process.send_signal(signum)
    assert process.wait(timeout=15) == 128 + signum
    wait_for(lambda: not any(map(is_running, pids)))
    assert f"({signum.name})" in (tmp_path / "x.2.log").read_text().splitlines()[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_no_job_outlives_a_killed_runner(pair_of_jobs):
    process, pids = pair_of_jobs
    process.kill()
    process.wait()
    parents = pids[:2]
    wait_for(lambda: not any(map(is_running, parents)))


def test_what_a_job_leaves_running_ends_with_it(run, tmp_path):
    run("x.log", "bash", "-c", "sleep 1000 > /dev/null 2>&1 & echo $! > child")
    pid = int((tmp_path / "child").read_text())
    wait_for(lambda: not is_running(pid))
