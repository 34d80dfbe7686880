"""``vocoders resample``: new waves are those of the sources that there are now."""

import os
import shutil

import numpy as np
import pytest
import soundfile

from vocoders.cli import main as vocoders
from vocoders.data.directory import DataDirectory, Utterance, write_data_directories
from vocoders.io.audio import read_comment
from vocoders.io.tables import read_table

SETS = ("train", "eval")


def record(path, frequency):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * frequency * np.arange(16000) / 16000), 16000)


def pitch(path):
    """Hz of the strongest partial."""
    wave, rate = soundfile.read(path)
    return round(np.argmax(np.abs(np.fft.rfft(wave))) * rate / len(wave))


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """data/local/{train,eval}, with a file and a pipe each, of the corpus one/c."""
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path, tmp_path / "link")
    (tmp_path / "mel.yaml").write_text("sample_rate: 8000\nn_fft: 512\nwin_size: 512\nhop_size: 128\nn_mels: 20\n")
    for number, utt in enumerate(("a1", "a2", "b1", "b2")):
        record(tmp_path / f"one/c/{utt}.wav", 300 + 100 * number)
    point_to("one")
    return tmp_path / "one/c"


def point_to(folder):
    sets = {
        f"data/local/{name}": [
            Utterance(f"{letter}1", f"{folder}/c/{letter}1.wav", "one", letter),
            Utterance(f"{letter}2", f"sox {folder}/c/{letter}2.wav -t wav - trim 0 8000s |", "two", letter),
        ]
        for name, letter in zip(SETS, "ab")
    }
    write_data_directories(sets, {path: {"spk2gender": {letter: "f"}} for path, letter in zip(sets, "ab")})


def resample(*options, status=0):
    words = ["resample", "--config", "mel.yaml", "--output", "data", *options, "data/local/train", "data/local/eval"]
    assert vocoders(words) == status
    names = SETS if status == 0 else ()
    return {utt: path for name in names for utt, path in read_table(f"data/{name}/wav.scp").items()}


def test_new_sets_have_all_of_the_old_ones_but_the_rate(corpus):
    made = resample()
    for name in SETS:
        old, new = DataDirectory.load(f"data/local/{name}"), DataDirectory.load(f"data/{name}")
        assert (old.text, old.speaker, list(old.audio)) == (new.text, new.speaker, list(new.audio))
        assert read_table(f"data/{name}/spk2gender") == read_table(f"data/local/{name}/spk2gender")
    assert {utt: pitch(path) for utt, path in made.items()} == {"a1": 300, "a2": 400, "b1": 500, "b2": 600}
    assert {utt: soundfile.info(path).frames for utt, path in made.items()} == dict(a1=8000, a2=4000, b1=8000, b2=4000)
    assert all(soundfile.info(path).samplerate == 8000 for path in made.values())


@pytest.mark.parametrize("utt", ["a1", "a2"])
def test_an_older_file_in_place_of_a_source_is_seen(corpus, utt, capsys):
    resample()
    other = corpus / f"{utt}.wav"
    record(other, 900)  # of the same size
    os.utime(other, ns=(10**18, 10**18))
    assert pitch(resample()[utt]) == 900
    assert "1 made, 3 were there" in capsys.readouterr().out


def test_another_folder_of_the_same_name_is_seen(corpus, capsys):
    resample()
    shutil.copytree(corpus, "two/c")  # with the times of the first
    record(corpus.parents[1] / "two/c/b2.wav", 1000)
    point_to("two")
    assert pitch(resample()["b2"]) == 1000
    assert "4 made, 0 were there" in capsys.readouterr().out


def test_the_same_files_by_another_name_are_kept(corpus, capsys):
    resample()
    words = (corpus.parents[1] / "data/local/train/wav.scp").read_text()
    (corpus.parents[1] / "data/local/train/wav.scp").write_text(words.replace("a1 one/", "a1 link/one/"))
    resample()
    assert "0 made, 4 were there" in capsys.readouterr().out


def test_another_command_on_the_same_file_is_another_source(corpus):
    resample()
    scp = corpus.parents[1] / "data/local/train/wav.scp"
    scp.write_text(scp.read_text().replace("8000s", "4000s"))
    assert soundfile.info(resample()["a2"]).frames == 2000


def test_parts_make_all_and_no_tables(corpus, capsys):
    for number in (1, 2, 3):
        directories = [f"data/local/{name}" for name in SETS]
        words = ["resample", "--config", "mel.yaml", "--output", "data", "--part", f"{number}/3", *directories]
        assert vocoders(words) == 0
    assert not any(os.path.exists(f"data/{name}") for name in SETS)
    capsys.readouterr()
    resample()
    assert "0 made, 4 were there" in capsys.readouterr().out


def test_what_is_unreadable_is_named_and_the_rest_is_made(corpus, capsys):
    resample()
    (corpus / "a1.wav").write_bytes(b"RIFF")
    (corpus / "b1.wav").touch()
    before = (corpus.parents[1] / "data/train/wav.scp").read_bytes()
    resample(status=1)
    said = capsys.readouterr().err
    assert "1 made, 2 were there" in said and "1 recording(s) cannot be used: data/local/train/wav.scp: a1" in said
    assert (corpus.parents[1] / "data/train/wav.scp").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--part", "3/2"], "--part: expected J/N with J from 1 to N, such as 1/8, found '3/2'"),
        (["--part", "0/2"], "--part: expected J/N"),
        (["--output", "data/local"], "--output data/local: data/local/train, data/local/eval would be overwritten"),
        (["data/../data/local/train"], "two of the directories are called train"),
        (["--config", "nosuch.yaml"], "nosuch.yaml"),
    ],
)
def test_wrong_options(corpus, capsys, options, message):
    resample(*options, status=1)
    assert message in capsys.readouterr().err and not os.path.exists("data/wav")


def test_a_wave_without_comment_has_none(corpus):
    assert read_comment(corpus / "a1.wav") == read_comment(corpus / "nosuch.wav") == read_comment("mel.yaml") == ""
