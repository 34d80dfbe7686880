"""``vocoders VERB``: help, spelling, exit status."""

import re
import subprocess
import sys
import types

import pytest

from vocoders import cli
from vocoders.errors import InputError

VERBS = list(cli._summaries())
COMMANDS = [[verb, *mode] for verb in VERBS for mode in [[name] for name in cli._summaries([verb])] or [[]]]


def test_help_lists_every_verb_with_a_summary(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert {"train", "decode", "score", "compare"} <= set(VERBS)
    for verb in VERBS:
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [verb]]
        assert len(line.split()) > 3


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from vocoders.cli import main; main(['--help']); "
        "print(set(sys.modules) & {'torch', 'numpy', 'librosa', 'yaml'})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "set()"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([*command, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0 and f"vocoders {' '.join(command)}" in text.partition("options:")[2]


def test_a_verb_with_modes_lists_them_and_refuses_others(capsys):
    assert cli.main(["bench"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert listed == sorted(listed) and {"infer", "stream", "train", "features", "reading", "score"} == set(listed)
    assert cli.main(["bench", "infre", "x"]) == 2
    assert capsys.readouterr().err == "vocoders bench: error: no mode 'infre'; did you mean 'infer'?\n"


def test_examples_have_the_feature_directories_that_recipes_make(repository):
    helps = "".join(path.read_text() for path in (repository / "vocoders/cli").rglob("*.py"))
    named = set(re.findall(r"\bdump/(\w+)/", helps))
    there = {path.stem for path in (repository / "egs/TEMPLATE/voc1/conf").glob("mel_*.yaml")}
    assert named and named <= there


def test_a_misspelt_verb_is_a_usage_error(capsys):
    assert cli.main(["tarin"]) == 2
    assert "no verb 'tarin'; did you mean 'train'?" in capsys.readouterr().err


@pytest.fixture
def verb(monkeypatch):
    """A verb ``probe`` whose main is set by the test."""

    def install(main):
        module = types.ModuleType("vocoders.cli.probe", "Probe something.\n\nExample: vocoders probe")
        module.main = main
        monkeypatch.setitem(sys.modules, "vocoders.cli.probe", module)
        monkeypatch.setattr(cli, "_summaries", lambda command=(): {} if command else {"probe": "Probe."})

    return install


def test_both_spellings_and_overrides_reach_main(verb):
    seen = {}

    def main(place: str, stop_stage: int = 1, overrides: dict | None = None):
        seen.update(place=place, stop_stage=stop_stage, overrides=overrides)

    verb(main)
    assert cli.main(["probe", "here", "--stop-stage", "3", "--train.max_steps=4", "--model.clip", "0.5"]) == 0
    assert seen == {"place": "here", "stop_stage": 3, "overrides": {"train.max_steps": 4, "model.clip": 0.5}}


@pytest.mark.parametrize("value", ["[1", "{a: 1", "2024-13-01", "\x07"])
def test_an_override_that_is_not_yaml_is_named(verb, capsys, value):
    def main(overrides: dict | None = None):
        raise ZeroDivisionError

    verb(main)
    assert cli.main(["probe", "--train.betas", value]) == 1
    expected = f"option --train.betas: expected a YAML value such as 4 or [1, 2], found {value!r}"
    assert capsys.readouterr().err == f"vocoders probe: error: {expected}\n"


@pytest.mark.parametrize(
    "error, status, message",
    [
        (InputError("a.wav: stereo; mix it down"), 1, "vocoders probe: error: a.wav: stereo; mix it down"),
        (
            OSError(28, "No space left on device", "x.h5"),
            1,
            "vocoders probe: error: x.h5: No space left on device",
        ),
        (KeyboardInterrupt(), 130, "interrupted; the same command goes on"),
    ],
)
def test_errors_are_one_sentence(verb, capsys, error, status, message):
    def main():
        raise error

    verb(main)
    assert cli.main(["probe"]) == status
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err


def test_a_bug_keeps_its_traceback(verb):
    def main():
        raise ZeroDivisionError

    verb(main)
    with pytest.raises(ZeroDivisionError):
        cli.main(["probe"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--subset a b", (("a", "b"), True)),
        ("a b --subset", (("a", "b"), True)),
        ("--subset false a b", (("a", "b"), False)),
        ("--subset=false a b", (("a", "b"), False)),
        ("--subset --name x a", (("a",), True)),
    ],
)
def test_a_truth_value_alone_is_true(verb, words, expected):
    seen = []

    def main(*places: str, subset: bool = False, name: str = ""):
        seen.append((places, subset))

    verb(main)
    assert cli.main(["probe", *words.split()]) == 0
    assert seen == [expected]
