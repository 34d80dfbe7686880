"""What all tests share."""

import os
import signal
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and their children, ignore it
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # those of nohup ignore this one
torch.set_num_threads(1)  # results must not depend on it, and two test processes must not fight


@pytest.fixture
def repository():
    """The root of the checkout."""
    return ROOT


@pytest.fixture
def shared_data():
    """Small real corpora beside the checkout (LJSpeech-1.1, VCTK-Corpus, fsdd, ...); in CI they must be there."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"needs the speech excerpts in {folder}")
    assert folder.is_dir(), f"CI must have the speech excerpts in {folder}"
    return folder
