"""vocoders env: what is there, what is missing, and the exit status that follows."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from vocoders import environment
from vocoders.cli import env
from vocoders.environment import Part, find, survey, table


def test_a_package_has_its_own_version():
    found = find(Part("numpy", "arrays", required=True))
    assert (found.version, found.lacking) == (version("numpy"), False)


def test_an_absent_package_is_missing():
    assert find(Part("no-such-package", "nothing")).version is None


def test_a_broken_package_counts_as_missing_and_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("raise OSError('libcuda.so: cannot\\nopen')")
    (tmp_path / "broken_package-1.2.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: broken-package\nVersion: 1.2\n"
    (tmp_path / "broken_package-1.2.dist-info" / "METADATA").write_text(metadata)
    monkeypatch.syspath_prepend(tmp_path)
    found = find(Part("broken-package", "nothing", module="broken_package"))
    assert found.version is None
    assert found.note == "1.2 is installed but broken: libcuda.so: cannot open"


@pytest.mark.parametrize(("text", "expected"), [("sox:      SoX v14.4.2\n", "14.4.2"), ("", "unknown")])
def test_sox_is_asked_for_its_version(tmp_path, monkeypatch, text, expected):
    program = tmp_path / "sox"
    program.write_text(f"#!/bin/sh\nprintf '{text}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert find(Part("sox", "pipes")).version == expected
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert find(Part("sox", "pipes")).version is None


def test_an_old_python_is_lacking(monkeypatch):
    assert not survey([])[0].lacking
    monkeypatch.setattr(environment, "PYTHON", (99, 0))
    assert survey([])[0].lacking


def test_the_table_says_what_is_lost():
    parts = [
        Part("numpy", "arrays"),
        Part("no-such-package", "score X"),
        Part("nor-this", "life", required=True),
    ]
    _, numpy, optional, required = table(survey(parts)).splitlines()
    assert numpy.split() == ["numpy", version("numpy"), "arrays"]
    assert optional.split(maxsplit=2) == ["no-such-package", "missing", "you go without: score X"]
    assert required.split(maxsplit=2) == ["nor-this", "missing", "needed for life"]


@pytest.mark.parametrize(("required", "status"), [(False, 0), (True, 1)])
def test_only_a_required_part_makes_it_fail(monkeypatch, capsys, required, status):
    missing = Part("no-such-package", "something", required=required)
    monkeypatch.setattr(env, "survey", lambda: survey([missing]))
    assert env.main() == status
    assert "no-such-package" in capsys.readouterr().out.splitlines()[-1]


def test_every_dependency_that_is_declared_is_surveyed():
    from importlib.metadata import requires
    from re import match

    names = {match(r"[A-Za-z0-9_.-]+", line)[0] for line in requires("vocoders") if "dev" not in line}
    assert names - {part.name for part in environment.PARTS} <= {"setuptools"}


def test_the_verb_works_in_this_environment():
    result = subprocess.run([sys.executable, "-m", "vocoders", "env"], capture_output=True, text=True)
    assert "\ntorch " in result.stdout and result.returncode in (0, 1)
