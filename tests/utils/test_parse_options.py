"""utils/parse_options.sh: what a script declares is what it accepts, and nothing is evaluated."""

import subprocess
from pathlib import Path

import pytest

PARSE_OPTIONS = Path(__file__).resolve().parents[2] / "utils" / "parse_options.sh"
SCRIPT = """#!/usr/bin/env bash
# Does something with speech.
#
#     script.sh --stage 2

set -euo pipefail
secret=unchanged
# begin options
stage=0            # First stage.
stop_stage=5       # Last stage.
tag=               # Added to names.
resample=false     # Whether to.
sets="dev eval"    # Several words.
# end options
. {parse_options}
echo "${{stage}}|${{stop_stage}}|${{tag}}|${{resample}}|${{sets}}|${{secret}}|$*"
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.sh"
    path.write_text(SCRIPT.format(parse_options=PARSE_OPTIONS))

    def run(*words, **environment):
        environment["PATH"] = "/usr/bin:/bin"
        command = ["bash", str(path), *words]
        return subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **environment})

    return run


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "0|5||false|dev eval|unchanged|"),
        (["--stage", "3"], "3|5||false|dev eval|unchanged|"),
        (["--stage=3"], "3|5||false|dev eval|unchanged|"),
        (["--stop-stage", "2", "--stage", "1"], "1|2||false|dev eval|unchanged|"),
        (["--stop_stage=2"], "0|2||false|dev eval|unchanged|"),
        (["--tag", "a b  c"], "0|5|a b  c|false|dev eval|unchanged|"),
        (["--tag=x=y"], "0|5|x=y|false|dev eval|unchanged|"),
        (["--tag=--odd"], "0|5|--odd|false|dev eval|unchanged|"),
        (["--tag", "--train.max_steps 3"], "0|5|--train.max_steps 3|false|dev eval|unchanged|"),
        (["--tag", ""], "0|5||false|dev eval|unchanged|"),
        (["--resample", "true"], "0|5||true|dev eval|unchanged|"),
        (["--stage", "1", "--stage", "2"], "2|5||false|dev eval|unchanged|"),
        (["--stage", "1", "rest", "--stage", "2"], "1|5||false|dev eval|unchanged|rest --stage 2"),
        (["--", "--stage", "2"], "0|5||false|dev eval|unchanged|--stage 2"),
        (["-"], "0|5||false|dev eval|unchanged|-"),
    ],
)
def test_values_reach_their_variables(script, words, expected):
    result = script(*words)
    assert (result.returncode, result.stdout.rstrip("\n"), result.stderr) == (0, expected, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--stage"], "option --stage needs a value"),
        (["--tag", "--stage", "3"], "option --tag needs a value, not --stage"),
        (["--tag", "--stop-stage", "3"], "option --tag needs a value, not --stop-stage"),
        (["--stge", "3"], "no option --stge, did you mean --stage?"),
        (["--number", "3"], "no option --number; see"),
        (["--secret", "changed"], "no option --secret"),
        (["--SECONDS", "3"], "no option --SECONDS"),
        (["--from-outside", "3"], "no option --from-outside"),
        (["--a;b", "3"], "no option --a;b"),
        (["-x"], "no option -x, they begin with two dashes"),
        (["--stage", "two"], "option --stage takes a whole number, not 'two'"),
        (["--resample", "yes"], "option --resample takes true or false, not 'yes'"),
    ],
)
def test_wrong_use_ends_with_one_sentence(script, words, message):
    result = script(*words, from_outside="1")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"script.sh: error: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("value", ["$(touch {})", "`touch {}`", "; touch {}", "' ; touch {} ; '"])
def test_a_value_is_never_executed(script, tmp_path, value):
    value = value.format(tmp_path / "executed")
    assert f"|{value}|" in script("--tag", value).stdout
    assert not (tmp_path / "executed").exists()


def test_help_shows_comments_and_present_values(script):
    result = script("--stage", "4", "--help", "--nonsense")
    assert result.returncode == 0 and result.stderr == ""
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.startswith("Does something with speech.\n")
    assert ["--stage", "4", "First", "stage."] in lines
    assert ["--tag", "(none)", "Added", "to", "names."] in lines
    assert ["--sets", "dev", "eval", "Several", "words."] in lines
    assert "secret" not in result.stdout
