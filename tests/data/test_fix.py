"""check-data --fix mends what has one right answer, keeps what was there, and decides nothing else."""

import pytest

from vocoders.data.directory import DataDirectory, inspect
from vocoders.data.fix import BACKUP, fix

WAV_SCP = "B-1 /b1.wav\r\n\nA-1 a1.wav\nA-2 a2.wav\nA-1 a1.wav\n"
UTT2SPK = "A-1 A\nA-2 A\nB-1 B\n"


@pytest.fixture
def data(tmp_path):
    (tmp_path / "wav.scp").write_bytes(WAV_SCP.encode())
    (tmp_path / "utt2spk").write_text(UTT2SPK)
    return tmp_path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_tables_are_sorted_and_the_inverse_is_made(data):
    (data / "spk2utt").write_text("A A-1\nB B-1 A-2\n")
    said = fix(data)
    assert len(said) == 2 and "1 empty line(s) taken out, 1 repeated line(s) taken out, sorted" in said[0]
    assert f"{data}/spk2utt: made from utt2spk; as it was: {data}/{BACKUP}/spk2utt.1" == said[1]
    assert (data / "wav.scp").read_bytes() == b"A-1 a1.wav\nA-2 a2.wav\nB-1 /b1.wav\n"
    assert DataDirectory.load(data).utterances == ["A-1", "A-2", "B-1"]
    assert (data / BACKUP / "wav.scp.1").read_bytes() == WAV_SCP.encode()
    assert (data / BACKUP / "spk2utt.1").read_text() == "A A-1\nB B-1 A-2\n"


def test_a_second_time_changes_nothing(data):
    fix(data)
    before = contents(data)
    assert fix(data) == [] and contents(data) == before


def test_backups_never_replace_each_other(data):
    fix(data)
    (data / "wav.scp").write_text("B-1 /b1.wav\nA-1 a1.wav\n")
    fix(data)
    assert (data / BACKUP / "wav.scp.1").read_bytes() == WAV_SCP.encode()
    assert (data / BACKUP / "wav.scp.2").read_text() == "B-1 /b1.wav\nA-1 a1.wav\n"


def test_lines_that_differ_stay_both_and_are_a_fault(data):
    (data / "utt2spk").write_text("B-1 B\nA-1 A\nA-2 A\nA-1 X\n")
    fix(data)
    assert (data / "utt2spk").read_text() == "A-1 A\nA-1 X\nA-2 A\nB-1 B\n"
    assert any("utt2spk:2: id 'A-1' stands twice" in fault for fault in inspect(data)[1])
    assert not (data / "spk2utt").exists()  # who speaks A-1 is not ours to say


def test_a_right_table_is_not_made_from_a_wrong_one(data):
    (data / "utt2spk").write_text("A-1 A\nB-1 B\n")  # without A-2
    (data / "spk2utt").write_text("A A-1 A-2\nB B-1\n")
    fix(data)
    assert (data / "spk2utt").read_text() == "A A-1 A-2\nB B-1\n"


def test_what_is_not_text_is_left_alone(data):
    (data / "text").write_bytes(b"B-1 caf\xe9\nA-1 one\n")
    fix(data)
    assert (data / "text").read_bytes() == b"B-1 caf\xe9\nA-1 one\n"


def test_transcripts_stay_whole(data):
    """Characters that some take for line ends, and a mark that only Windows writes."""
    text = "B-1 one\u2028two\x0cthree\u0085four\nA-1 five\nA-2 six\n"
    (data / "text").write_text("\ufeff" + text, encoding="utf-8")
    assert any("text: sorted, byte order mark taken out; " in sentence for sentence in fix(data))
    assert sorted((data / "text").read_bytes().decode().split("\n")) == sorted(text.split("\n"))
    assert DataDirectory.load(data).text["B-1"] == "one\u2028two\x0cthree\u0085four"


def test_a_table_with_a_line_of_one_word_is_left_alone(data):
    """It may be the rest of the line before, which sorting would tear apart."""
    (data / "text").write_text("B-1 one\ntwo\nA-1 three\n")
    fix(data)
    assert (data / "text").read_text() == "B-1 one\ntwo\nA-1 three\n"
