"""egs/vctk/voc1 on an excerpt with one utterance of each of ten speakers: rows of seen and of unseen speakers."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from kill_and_resume import ROOT, finish

from vocoders.io.tables import read_table

EXPERIMENT = "exp/train_diffwave_tiny"
DECODED = f"{EXPERIMENT}/decode_6steps_best"


@pytest.fixture(scope="module")
def recipe(shared_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    made = shutil.ignore_patterns("data", "downloads", "dump", "exp", "RESULTS.md")
    for folder in ("egs", "utils"):
        shutil.copytree(ROOT / folder, root / folder, symlinks=True, ignore=made)
    (root / "tools").mkdir()
    (root / "tools/venv").symlink_to(sys.prefix)
    directory = root / "egs/vctk/voc1"
    options = ["--num_dev", "1", "--num_eval", "1", "--data_args", "--num_unseen 2 --halve true", "--nj", "1"]
    quick = ["--ngpu", "0", "--metrics", "log_mel_mae", "--baselines", ""]
    finish(directory, "--stop-stage", "5", "--download_dir", str(shared_data / "VCTK-Corpus"), *options, *quick)
    return directory


def test_seen_and_unseen_speakers_have_rows(recipe):
    text = (recipe / "RESULTS.md").read_text()
    assert re.findall(r"^### (.+)$", text, re.M) == ["eval_seen", "eval_unseen"]
    for name in ("eval_seen", "eval_unseen"):
        summary = json.loads((recipe / DECODED / name / "summary.json").read_text())
        assert summary["n"] == 2 and summary["reference"] == f"data/{name}/wav.scp"


def test_training_heard_the_seen_speakers_and_not_the_unseen(recipe):
    speakers = {name: set(read_table(recipe / f"data/{name}/spk2utt")) for name in ("eval_seen", "eval_unseen")}
    trained = {utt.split("_")[0] for utt in (recipe / EXPERIMENT / "train_utterances").read_text().split()}
    assert speakers["eval_seen"] < trained and not speakers["eval_unseen"] & trained
    assert len(trained) == 8


def test_the_references_of_the_scores_have_the_rate_of_the_model(recipe):
    for path in read_table(recipe / "data/eval_seen/wav.scp").values():
        assert Path(path).parts[:2] == ("data", "wav") and soundfile.info(recipe / path).samplerate == 22050


def test_scores_by_speaker(recipe):
    command = [Path(sys.executable).with_name("vocoders"), "report", "--by_speaker", "true", "exp"]
    said = subprocess.run(command, cwd=recipe, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^\| (\w+) +\| 1 \| [\d.]+ ", said, re.M) == ["p233", "p236", "p228", "p230"]
