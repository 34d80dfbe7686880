"""egs/TEMPLATE/setup.sh makes a recipe that works as it is, on a folder of wav files."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]


def run(*words, cwd):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=cwd)


def is_usable_recipe(recipe):
    """Its links lead somewhere, its scripts are executable, its options are those of the stage script."""
    assert not [path for path in recipe.rglob("*") if not path.exists()]
    assert "--train_config" in run("./run.sh", "--help", cwd=recipe).stdout
    for name in ("run.sh", "local/data_download.sh", "local/data_prep.sh"):
        assert (recipe / name).stat().st_mode & 0o100, name
    return True


@pytest.fixture
def recipe(tmp_path):
    result = run(ROOT / "egs/TEMPLATE/setup.sh", "bells/voc1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    return tmp_path / "bells" / "voc1"


@pytest.fixture
def wavs(tmp_path):
    folder = tmp_path / "wavs"
    folder.mkdir()
    for number in range(5):
        tone = 0.3 * np.sin(2 * np.pi * 220 * (number + 1) * np.arange(22050) / 22050)
        soundfile.write(folder / f"bell_{number}.wav", tone, 22050, subtype="PCM_16")
    return folder


def test_a_recipe_outside_the_repository(recipe):
    assert is_usable_recipe(recipe)
    assert "# bells: " in (recipe / "run.sh").read_text()


def test_a_recipe_inside_has_links_that_move_with_the_repository(tmp_path):
    moved = tmp_path / "repository"
    shutil.copytree(ROOT / "egs/TEMPLATE", moved / "egs/TEMPLATE", symlinks=True)
    shutil.copytree(ROOT / "utils", moved / "utils")
    programs = moved / "tools/venv/bin"
    programs.mkdir(parents=True)
    (programs / "vocoders").touch(mode=0o755)
    assert run("egs/TEMPLATE/setup.sh", "egs/bells/voc1", cwd=moved).returncode == 0
    again = moved.rename(tmp_path / "elsewhere")
    assert is_usable_recipe(again / "egs/bells/voc1")


def test_it_makes_data_directories_of_a_folder_of_wavs(recipe, wavs):
    result = run("./run.sh", "--stop-stage", "1", "--nj", "1", "--download_dir", wavs, cwd=recipe)
    assert result.returncode == 0, result.stderr
    ids = [(recipe / "data" / name / "wav.scp").read_text().split()[::2] for name in ("train", "dev", "eval")]
    assert ids == [["bell_0", "bell_1", "bell_2"], ["bell_3"], ["bell_4"]]
    assert not (recipe / "data/train/text").exists()


def test_transcripts_beside_the_wavs_are_taken(recipe, wavs):
    for wav in wavs.glob("*.wav"):
        wav.with_suffix(".txt").write_text(f"ding {wav.stem}\n")
    result = run("local/data_prep.sh", "--num_eval", "2", wavs, cwd=recipe)
    assert result.returncode == 0, result.stderr
    assert (recipe / "data/eval/text").read_text() == "bell_3 ding bell_3\nbell_4 ding bell_4\n"


def test_a_folder_without_wavs_is_one_sentence(recipe, tmp_path):
    result = run("./run.sh", "--download_dir", tmp_path, cwd=recipe)
    assert result.returncode == 1
    assert f"error: no wav files in {tmp_path}/" in result.stderr and "stage 0 failed" in result.stderr


def test_wrong_use(recipe, tmp_path):
    setup = ROOT / "egs/TEMPLATE/setup.sh"
    assert run(setup, cwd=tmp_path).returncode == 2
    assert "is already there" in run(setup, recipe, cwd=tmp_path).stderr
    assert "must end in the name of a task" in run(setup, "bells/song", cwd=tmp_path).stderr
    assert not (tmp_path / "bells/song").exists()


@pytest.mark.parametrize("run_sh", sorted(ROOT.glob("egs/*/*/run.sh")), ids=lambda path: path.parts[-3])
def test_every_recipe_is_choices_and_links(run_sh):
    assert is_usable_recipe(run_sh.parent)
    assert len(run_sh.read_text().splitlines()) <= 20
    assert run_sh.read_text().rstrip().endswith('"$@"')
    own = [path for path in (run_sh.parent / "local").iterdir() if path.suffix == ".sh"]
    assert all(len(path.read_text().splitlines()) <= 100 for path in own)


def test_the_stage_script_stays_short():
    assert len((ROOT / "egs/TEMPLATE/voc1/voc.sh").read_text().splitlines()) <= 150
