"""The mini corpus: made on the spot, the same bytes each time."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

LOCAL = Path(__file__).resolve().parents[2] / "egs" / "mini" / "voc1" / "local"


def make(corpus, prompts=LOCAL / "prompts.txt"):
    command = [sys.executable, LOCAL / "make_corpus.py", prompts, corpus]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def digests(corpus):
    files = sorted(path for path in corpus.rglob("*") if path.is_file())
    return {str(path.relative_to(corpus)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini") / "mini-1.0"
    make(folder)
    return folder


def test_two_runs_give_the_same_bytes_in_whatever_order(corpus, tmp_path):
    """A sentence sounds the same whatever is spoken before, after or beside it."""
    make(tmp_path / "whole")
    assert digests(tmp_path / "whole") == digests(corpus)
    (tmp_path / "prompts.txt").write_text("".join((LOCAL / "prompts.txt").open().readlines()[:5]))
    make(tmp_path / "few", tmp_path / "prompts.txt")
    few = {name: digest for name, digest in digests(tmp_path / "few").items() if name.endswith(".wav")}
    assert len(few) == 5
    assert few.items() <= digests(corpus).items()


def test_about_five_minutes_at_22050_hz(corpus):
    infos = [soundfile.info(path) for path in sorted((corpus / "wavs").glob("*.wav"))]
    assert {(info.samplerate, info.channels, info.subtype) for info in infos} == {(22050, 1, "PCM_16")}
    assert 240 <= sum(info.duration for info in infos) <= 360
    assert min(info.duration for info in infos) > 1.5


def test_level_and_silence(corpus):
    for path in sorted((corpus / "wavs").glob("*.wav"))[::10]:
        wave, rate = soundfile.read(path)
        assert 0.69 < np.abs(wave).max() < 0.71  # -3 dB re full scale
        edge = wave[: round(0.08 * rate)], wave[-round(0.08 * rate) :]
        assert all(0 < np.sqrt(np.mean(part**2)) < 1e-3 for part in edge)  # quiet, and never digital silence
        assert np.sqrt(np.mean(wave**2)) > 0.03


def test_layout_and_prompts(corpus):
    lines = (corpus / "metadata.csv").read_text(encoding="utf-8").splitlines()
    prompts = (LOCAL / "prompts.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("|")[1] for line in lines] == prompts
    assert {line.split("|")[0] for line in lines} == {path.stem for path in (corpus / "wavs").iterdir()}
    assert len(set(map(str.casefold, prompts))) == len(prompts)
    assert all(5 <= len(prompt.split()) <= 14 for prompt in prompts)


def test_a_complete_corpus_is_kept(corpus):
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    assert "complete" in make(corpus)
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before


def test_a_killed_run_is_made_good(tmp_path):
    (tmp_path / "prompts.txt").write_text("The sun is out.\nIt rains again.\n")
    left = tmp_path / "few.partial" / "wavs"
    left.mkdir(parents=True)
    (left / "MN001-0009.wav").write_bytes(b"half")
    make(tmp_path / "few", tmp_path / "prompts.txt")
    assert sorted(os.listdir(tmp_path / "few" / "wavs")) == ["MN001-0001.wav", "MN001-0002.wav"]
    assert not (tmp_path / "few.partial").exists()
