"""tools/installers/extras.sh: what cannot be installed is a warning, not knowing what to install an error."""

import subprocess

import pytest


@pytest.fixture
def install(tmp_path, repository):
    """Runs the installer with a Python whose reading of the requirements, and whose pip, are these commands."""

    def run(requirements, pip):
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nif [ "$1" = - ]; then {requirements}; else {pip}; fi\n')
        python.chmod(0o755)
        command = ["bash", repository / "tools/installers/extras.sh", python, tmp_path, "scores", "mini"]
        return subprocess.run(command, capture_output=True, text=True)

    return run


def test_a_package_that_fails_is_named_and_no_error(install):
    done = install("printf 'pesq>=1\\npystoi\\n'", "case $* in *pesq*) false ;; esac")
    assert done.returncode == 0
    assert done.stderr == "warning: pesq>=1 cannot be installed; the environment goes without it\n" * 2


@pytest.mark.parametrize("requirements", ["echo pesq; exit 1", "true"])
def test_unknown_requirements_are_an_error(install, requirements):
    done = install(requirements, "true")
    assert done.returncode == 1
    assert done.stderr.startswith('error: cannot tell what the extra "scores" requires; is vocoders installed')
