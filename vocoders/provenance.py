"""Where a result comes from: the code, the versions, the machine and the command."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ["vocoders", "torch", "numpy", "scipy", "librosa", "h5py", "soxr"]


def collect():
    """What to write beside every result; plain values only."""
    program = Path(sys.argv[0]).name
    return {
        "git": git_revision(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "machine": {"system": platform.system(), "arch": platform.machine(), "cpus": os.cpu_count()},
        "command": shlex.join(["vocoders" if program == "__main__.py" else program, *sys.argv[1:]]),
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def git_revision():
    """Short hash of the checkout this package runs from, "+" when it has changes; None outside a checkout."""
    here = Path(__file__).parent
    try:
        revision = _git(here, "rev-parse", "--short=10", "HEAD")
        return revision + ("+" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(directory, *arguments):
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
