"""From a folder of recordings to a recipe with valid data: all that can be found out, and nothing half-made."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from vocoders.cli import main as vocoders
from vocoders.data.directory import DataDirectory
from vocoders.features.mel import MelSpec
from vocoders.io.tables import read_table
from vocoders.recipe.make import set_sizes

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "egs/TEMPLATE/setup.sh"


def run(*words, cwd):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    environment |= {"PATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=cwd, env=environment)


def record(path, seed, *, rate=16000, channels=1, seconds=1.2):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * rate), channels))
    soundfile.write(path, wave, rate, subtype="PCM_16")


@pytest.fixture
def folder(tmp_path):
    """Two speakers, six recordings each, texts beside them."""
    for number in range(12):
        path = tmp_path / "corpus" / ("ann", "bob")[number % 2] / f"{number:02}.wav"
        record(path, number)
        path.with_suffix(".txt").write_text(f"sentence {number}\n")
    return tmp_path / "corpus"


@pytest.fixture
def checkout(tmp_path):
    """What a reader has after ``make -C tools``."""
    for name in ("egs/TEMPLATE", "utils"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name, symlinks=True)
    (tmp_path / "checkout/tools").mkdir()
    (tmp_path / "checkout/tools/venv").symlink_to(sys.prefix)
    return tmp_path / "checkout"


def make(folder, recipe, *options):
    return vocoders(["new-recipe", "--nj", "1", *options, str(folder), str(recipe)])


def choices(recipe):
    return yaml.safe_load((recipe / "local/corpus.yaml").read_text())


def refused(capsys, *words):
    """The one sentence that it ends with."""
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in words), line
    return True


def test_what_is_found_is_said_written_and_valid(folder, checkout, capsys):
    recipe = checkout / "egs/duo/voc1"
    assert make(folder, recipe) == 0
    said = capsys.readouterr().out
    for words in (
        "12 wav",
        "files .txt, of 12 of 12",
        "2 (ann, bob), the folder of a recording",
        "16000 Hz",
        "train 9, dev 1, eval 2",
    ):
        assert words in said
    found = choices(recipe)
    assert (found["speaker"], found["transcript"], found["num_eval"]) == ({"folder": 1}, {"files": ".txt"}, 2)
    run_sh = (recipe / "run.sh").read_text()
    assert f"--download_dir {folder}" in run_sh and "--mel_config local/mel_16k.yaml" in run_sh
    assert "--resample" not in run_sh and "# duo: 12 recordings of 2 speaker(s)" in run_sh
    assert MelSpec.load(recipe / "local/mel_16k.yaml").sample_rate == 16000
    sets = {name: DataDirectory.load(recipe / "data" / name) for name in ("train", "dev", "eval")}
    assert set(sets["eval"].speaker.values()) == {"ann", "bob"}
    assert {**sets["train"].text, **sets["dev"].text, **sets["eval"].text}["bob-05"] == "sentence 5"


def test_setup_sh_makes_the_same_and_links_move_with_the_repository(folder, checkout, tmp_path):
    assert make(folder, checkout / "egs/duo/voc1") == 0
    shutil.move(checkout / "egs/duo", tmp_path / "by_the_verb")
    done = run("egs/TEMPLATE/setup.sh", "--nj", "1", folder, "egs/duo/voc1", cwd=checkout)
    assert done.returncode == 0, done.stderr
    assert contents(checkout / "egs/duo/voc1") == contents(tmp_path / "by_the_verb/voc1")
    moved = checkout.rename(tmp_path / "elsewhere") / "egs/duo/voc1"
    assert not [path for path in moved.rglob("*") if not path.exists()]
    assert f" {folder} " in run("./run.sh", "--help", cwd=moved).stdout


def contents(folder):
    """Of links, where they lead."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file()]
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes() for path in paths
    }


def test_a_recipe_outside_the_repository_runs_to_stage_2(folder, tmp_path):
    """The three commands, on mixed rates and channels and names that are no ids."""
    record(folder / "bob/stereo take.wav", 50, rate=44100, channels=2)
    (folder / "bob/stereo take.txt").write_text("two channels")
    done = run(SETUP, "--nj", "1", folder, "away/voc1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run("./run.sh", "--stop-stage", "2", "--nj", "1", cwd=tmp_path / "away/voc1")
    assert done.returncode == 0, done.stderr
    recipe = tmp_path / "away/voc1"
    assert "--resample true" in (recipe / "run.sh").read_text() and choices(recipe)["channel"] == 1
    index = [utt for name in ("train", "dev", "eval") for utt in read_table(recipe / f"dump/mel_16k/{name}/feats.scp")]
    assert len(index) == 13 and "bob-stereo_take" in index


def test_one_corrupt_recording_is_named_and_left_out_only_on_request(folder, checkout, capsys):
    bad = folder / "ann/04.wav"
    bad.write_bytes(bad.read_bytes()[:1000])
    before = contents(checkout)
    assert make(folder, checkout / "egs/duo/voc1") == 1
    assert refused(capsys, "1 of 12 recording(s) cannot be used", f"{bad}: truncated", "--max-bad 1")
    assert contents(checkout) == before and not (checkout / "egs/duo").exists()
    assert make(folder, checkout / "egs/duo/voc1", "--max-bad", "1") == 0
    assert f"left out: {bad}: truncated" in capsys.readouterr().out
    assert choices(checkout / "egs/duo/voc1")["leave_out"] == ["ann/04.wav"]
    assert "# truncated" in (checkout / "egs/duo/voc1/local/corpus.yaml").read_text()


def test_copies_and_missing_transcripts_count_as_bad(folder, checkout, capsys):
    shutil.copy(folder / "ann/00.wav", folder / "ann/99.wav")
    (folder / "ann/99.txt").write_text("again")
    (folder / "bob/01.txt").unlink()
    assert make(folder, checkout / "egs/duo/voc1", "--max-bad", "1") == 1
    assert refused(capsys, "2 of 13", "99.wav: the same samples as ann/00.wav", "01.wav: no transcript")
    assert make(folder, checkout / "egs/duo/voc1", "--max-bad", "2") == 0
    assert choices(checkout / "egs/duo/voc1")["leave_out"] == ["ann/99.wav", "bob/01.wav"]


def test_names_that_cannot_be_listed_and_texts_that_cannot_be_read_are_bad_entries(folder, checkout, capsys):
    shutil.copy(folder / "ann/00.wav", os.path.join(os.fsencode(folder), b"ann/caf\xe9.wav"))
    Path(os.fsdecode(os.path.join(os.fsencode(folder), b"ann/caf\xe9.txt"))).write_bytes(b"caf\xe9")
    (folder / "ann/00.wav").rename(folder / "ann/two\nlines.wav")
    (folder / "bob/01.txt").write_bytes(b"caf\xe9")
    assert make(folder, checkout / "egs/duo/voc1", "--max-bad", "2") == 1
    assert refused(
        capsys, "3 of 13", "caf\\udce9.wav': the name has", "two\\nlines.wav': the name has", "not UTF-8 text"
    )
    assert make(folder, checkout / "egs/duo/voc1", "--max-bad", "3") == 0
    assert "left out: " in capsys.readouterr().out
    left_out = ["ann/caf\udce9.wav", "ann/two\nlines.wav", "bob/01.wav"]
    assert sorted(choices(checkout / "egs/duo/voc1")["leave_out"]) == left_out
    done = run("./run.sh", "--stop-stage", "1", "--nj", "1", cwd=checkout / "egs/duo/voc1")
    assert done.returncode == 0, done.stderr


def test_twins_and_the_only_form_of_others(folder, checkout, capsys):
    """The twins do not count as bad."""
    for name in ("ann/00", "ann/02"):
        soundfile.write(folder / f"{name}.flac", *soundfile.read(folder / f"{name}.wav"))
    (folder / "ann/02.wav").unlink()
    assert make(folder, checkout / "egs/duo/voc1") == 0
    assert "11 wav, 2 flac; 1 of them are other forms of the rest" in capsys.readouterr().out
    found = choices(checkout / "egs/duo/voc1")
    assert (found["audio"], found["leave_out"]) == (["wav", "flac"], ["ann/00.flac"])


def test_an_mp3_of_two_channels_is_to_be_converted(folder, checkout, capsys):
    wave = 0.1 * np.random.default_rng(1).standard_normal((32000, 2))
    soundfile.write(folder / "ann/talk.mp3", wave, 16000)
    (folder / "ann/talk.txt").write_text("both channels")
    assert make(folder, checkout / "egs/duo/voc1") == 1
    assert refused(capsys, "1 of 13", "ann/talk.mp3: has several channels; convert it to wav or flac", "--max-bad 1")
    assert make(folder, checkout / "egs/duo/voc1", "--max-bad", "1") == 0


def test_near_duplicates_across_sets_are_told(folder, checkout, capsys, shared_data):
    wave, rate = soundfile.read(next((shared_data / "LJSpeech-1.1/wavs").glob("*.wav")))
    for number, path in enumerate(sorted((folder / "ann").glob("*.wav"))):  # one is in eval, some in train
        soundfile.write(path, 0.5 * wave[100 * number :], rate)
    assert make(folder, checkout / "egs/duo/voc1") == 0
    assert re.search(r"^data/eval: \d+ utterance\(s\) that seem to be .* data/train,", capsys.readouterr().out, re.M)


def test_short_recordings_get_short_excerpts(tmp_path, checkout, capsys):
    for number in range(20):
        record(tmp_path / f"words/{number}.wav", number, rate=22050, seconds=0.3)
    assert make(tmp_path / "words", checkout / "egs/words/voc1") == 0
    run_sh = (checkout / "egs/words/voc1/run.sh").read_text()
    assert (
        '--train_args "--train.segment_frames 25"' in run_sh
    )  # 0.3 s are 25.8 hops of 256 samples and "--metrics mr_stft,log_mel_mae" in run_sh
    assert "too short for STOI" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("where", "recipe", "words"),
    [
        ("nosuch", "egs/new/voc1", "no such folder"),
        ("empty", "egs/new/voc1", "no recordings"),
        ("two", "egs/new/voc1", "2 recording(s) are too few"),
        ("corpus", "egs/new/song", "must end in the name of a task (voc1)"),
        ("corpus", "egs/TEMPLATE/voc1", "is already there"),
    ],
)
def test_wrong_use_is_one_sentence_and_makes_nothing(folder, checkout, tmp_path, capsys, where, recipe, words):
    (tmp_path / "empty").mkdir()
    for number in range(2):
        record(tmp_path / f"two/{number}.wav", number)
    before = contents(checkout)
    assert make(tmp_path / where, checkout / recipe) == 1
    assert refused(capsys, words)
    assert contents(checkout) == before and not (checkout / "egs/new").exists()


@pytest.mark.parametrize(
    ("total", "speakers", "dev", "evaluation"),
    [(3, 1, 1, 1), (24, 1, 2, 4), (40, 4, 4, 8), (200, 1, 10, 10), (1200, 6, 60, 60), (44000, 110, 110, 110)],
)
def test_sizes_of_dev_and_eval(total, speakers, dev, evaluation):
    assert set_sizes(total, speakers) == {"num_dev": dev, "num_eval": evaluation}


def test_a_failure_while_it_is_made_leaves_nothing(folder, checkout, capsys):
    (checkout / "egs/TEMPLATE/voc1/new/local/data_prep.sh").write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    assert make(folder, checkout / "egs/duo/voc1") == 1
    assert refused(capsys, "local/data_prep.sh of the new recipe fails: out of luck")
    assert not (checkout / "egs/duo").exists()
