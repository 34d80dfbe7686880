"""From LJ Speech's layout to Kaldi data directories."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RECIPE = Path(__file__).resolve().parents[2] / "egs" / "ljspeech" / "voc1"
SIZES = ["--num_dev", "2", "--num_eval", "4"]


def run(script, *arguments, recipe=RECIPE):
    command = [f"local/{script}", *map(str, arguments)]
    return subprocess.run(command, cwd=recipe, capture_output=True, text=True, check=False)


@pytest.fixture
def excerpt(shared_data, tmp_path):
    """A corpus folder whose metadata may be changed; the wavs are links."""
    corpus = tmp_path / "downloads" / "LJSpeech-1.1"
    (corpus / "wavs").mkdir(parents=True)
    shutil.copyfile(shared_data / "LJSpeech-1.1" / "metadata.csv", corpus / "metadata.csv")
    for path in (shared_data / "LJSpeech-1.1" / "wavs").iterdir():
        (corpus / "wavs" / path.name).symlink_to(path)
    return corpus


def test_the_excerpt_gives_the_usual_split(shared_data, tmp_path):
    done = run("data_prep.sh", *SIZES, shared_data, tmp_path)
    assert done.returncode == 0, done.stderr
    ids = {name: [line.split()[0] for line in (tmp_path / name / "wav.scp").open()] for name in os.listdir(tmp_path)}
    expected = [f"LJ001-{number:04}" for number in range(1, 25)]
    assert ids == {"train": expected[:18], "dev": expected[18:20], "eval": expected[20:]}
    for name in ids:
        assert all(Path(line.split()[1]).is_file() for line in (tmp_path / name / "wav.scp").open())
        assert {line.split()[1] for line in (tmp_path / name / "utt2spk").open()} == {"LJ"}


def test_text_is_the_normalised_column_with_its_quotes(shared_data, tmp_path):
    assert run("data_prep.sh", *SIZES, shared_data, tmp_path).returncode == 0
    text = dict(line.rstrip("\n").split(" ", 1) for line in (tmp_path / "train" / "text").open())
    assert text["LJ001-0007"] == (
        'the earliest book printed with movable types, the Gutenberg, or "forty-two line Bible" '
        "of about fourteen fifty-five,"
    )


def test_the_corpus_folder_itself_may_be_given(excerpt, tmp_path):
    assert run("data_download.sh", excerpt).returncode == 0
    done = run("data_prep.sh", *SIZES, excerpt, tmp_path / "data")
    assert done.returncode == 0, done.stderr


def test_what_is_there_is_not_downloaded(shared_data):
    done = run("data_download.sh", shared_data)
    assert done.returncode == 0, done.stderr
    assert "using" in done.stderr


def test_a_corpus_without_its_table_is_not_downloaded_beside_it(tmp_path, monkeypatch):
    (tmp_path / "LJSpeech-1.1" / "wavs").mkdir(parents=True)
    for name in ("curl", "wget"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 7\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    done = run("data_download.sh", tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"error: {tmp_path}/LJSpeech-1.1 is there, but has no metadata.csv; move it away, then run this again\n"
    )


def test_unpaired_wavs_and_lines_are_named_and_refused(excerpt, tmp_path):
    (excerpt / "wavs" / "LJ001-0003.wav").unlink()
    (excerpt / "wavs" / "LJ999-0001.wav").symlink_to(excerpt / "wavs" / "LJ001-0001.wav")
    done = run("data_prep.sh", *SIZES, excerpt.parent, tmp_path / "data")
    assert done.returncode == 1
    assert "1 line(s) of metadata.csv have no wav: LJ001-0003" in done.stderr
    assert "1 wav(s) have no line in metadata.csv: LJ999-0001" in done.stderr
    assert not (tmp_path / "data").exists()
    done = run("data_prep.sh", *SIZES, "--max_unpaired", "2", excerpt.parent, tmp_path / "data")
    assert done.returncode == 0 and "left out: 1 line(s)" in done.stderr
    assert len((tmp_path / "data" / "train" / "wav.scp").read_text().splitlines()) == 23 - 6


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("LJ001-0025|no third column", "metadata.csv:25: expected 'id|transcript|normalised transcript'"),
        ("LJ001-0025|empty|  ", "metadata.csv:25: expected"),
        ("LJ001-0001|again|again", "metadata.csv:25: utterance LJ001-0001 is there twice"),
    ],
)
def test_bad_metadata_is_refused_with_its_line(excerpt, tmp_path, line, message):
    with open(excerpt / "metadata.csv", "a") as metadata:
        metadata.write(line + "\n")
    done = run("data_prep.sh", *SIZES, excerpt.parent, tmp_path / "data")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_too_few_utterances_for_the_default_split(shared_data, tmp_path):
    done = run("data_prep.sh", shared_data, tmp_path / "data")
    assert done.returncode == 1
    assert "24 utterance(s) leave none for training beside 500 dev and 500 eval ones" in done.stderr


def test_no_corpus(tmp_path):
    done = run("data_prep.sh", tmp_path, tmp_path / "data")
    assert done.returncode == 1
    assert "metadata.csv: no such file; run stage 0" in done.stderr
