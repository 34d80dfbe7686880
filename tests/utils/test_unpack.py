"""utils/unpack.sh: a directory is whole, or not there."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

UNPACK = Path(__file__).resolve().parents[2] / "utils" / "unpack.sh"


def unpack(archive, directory):
    return subprocess.run(["bash", str(UNPACK), str(archive), str(directory)], capture_output=True, text=True)


def make_archive(path, names):
    """An archive of files that hold their own names."""
    for name in names:
        file = path.parent / "source" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.write(path.parent / "source" / name, name)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}") as archive:
            for name in names:
                archive.add(path.parent / "source" / name, name)
    return path


def contents(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("suffix", ["tar.bz2", "tar.gz", "zip"])
def test_the_top_folder_is_taken_off(tmp_path, suffix):
    archive = make_archive(tmp_path / f"a.{suffix}", ["corpus-1.0/list", "corpus-1.0/wavs/x.wav"])
    result = unpack(archive, tmp_path / "out" / "corpus")
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path / "out" / "corpus") == ["list", "wavs/x.wav"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["corpus"]


def test_several_entries_stay_as_they_are(tmp_path):
    archive = make_archive(tmp_path / "a.tar.gz", [".hidden", "list", "wavs/x.wav"])
    assert unpack(archive, tmp_path / "corpus").returncode == 0
    assert contents(tmp_path / "corpus") == [".hidden", "list", "wavs/x.wav"]


def test_a_directory_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "corpus").mkdir()
    assert unpack(tmp_path / "no.tar", tmp_path / "corpus").returncode == 0
    assert contents(tmp_path / "corpus") == []


def test_what_a_killed_run_left_is_replaced(tmp_path):
    (tmp_path / "corpus.partial").mkdir()
    (tmp_path / "corpus.partial" / "half.wav").touch()
    assert unpack(make_archive(tmp_path / "a.tar.gz", ["c/list"]), tmp_path / "corpus").returncode == 0
    assert contents(tmp_path / "corpus") == ["list"]


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_truncated_archive_leaves_nothing(tmp_path, suffix):
    archive = make_archive(tmp_path / f"a.{suffix}", ["c/one", "c/two", "c/three"])
    archive.write_bytes(archive.read_bytes()[:-30])
    result = unpack(archive, tmp_path / "out" / "corpus")
    assert result.returncode == 1
    assert f"unpack.sh: error: cannot unpack {archive}" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_an_archive_that_is_not_there(tmp_path):
    result = unpack(tmp_path / "a.tar", tmp_path / "corpus")
    assert (result.returncode, result.stderr) == (
        1,
        f"unpack.sh: error: there is no archive {tmp_path}/a.tar\n",
    )
