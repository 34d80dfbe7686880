"""utils/common.sh: which stages run, and what is said when one fails."""

import signal
import subprocess
from pathlib import Path

import pytest

COMMON = Path(__file__).resolve().parents[2] / "utils" / "common.sh"


@pytest.fixture
def script(tmp_path):
    """Runs stages 0 to 3 of a script; ``command`` is what stage 2 does."""

    def run(stage, stop_stage, command="true"):
        path = tmp_path / "recipe.sh"
        path.write_text(
            f"stage={stage} stop_stage={stop_stage}\n. {COMMON}\n"
            "if begin_stage 0 zero; then echo 0; fi\n"
            "if begin_stage 1 one; then echo 1; fi\n"
            f"if begin_stage 2 two; then {command}; echo 2; fi\n"
            "if begin_stage 3 three; then echo 3; fi\n"
        )
        return subprocess.run(["bash", str(path)], capture_output=True, text=True)

    return run


@pytest.mark.parametrize(
    ("stage", "stop_stage", "expected"), [(0, 5, "0123"), (1, 2, "12"), (2, 2, "2"), (4, 5, ""), (3, 1, "")]
)
def test_the_stages_from_first_to_last_run(script, stage, stop_stage, expected):
    result = script(stage, stop_stage)
    assert (result.returncode, result.stdout.replace("\n", "")) == (0, expected)
    assert [f"stage {number}:" in result.stderr for number in range(4)] == [str(n) in expected for n in range(4)]


@pytest.mark.parametrize("command", ["false", "false | cat", 'echo "${undefined}"', "(exit 3)"])
def test_a_failure_ends_the_script_and_names_the_stage(script, command):
    result = script(0, 3, command)
    assert result.returncode != 0
    assert result.stdout == "0\n1\n"
    last = result.stderr.splitlines()[-1]
    assert f"recipe.sh: stage 2 failed with status {result.returncode}; mend the cause" in last


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_an_interrupt_names_the_stage(script, name):
    result = script(0, 3, f"kill -{name} $$")
    assert result.returncode == 128 + signal.Signals[f"SIG{name}"]
    assert result.stderr.splitlines()[-1].endswith("stage 2 was interrupted; --stage 2 goes on from there")


def test_die_says_why(script):
    result = script(0, 3, "die no such corpus")
    assert result.returncode == 1 and "recipe.sh: error: no such corpus" in result.stderr
