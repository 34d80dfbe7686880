"""Kaldi data directories: round trip, cross-checks, split."""

import pytest

from vocoders.data import directory
from vocoders.data.directory import (
    DataDirectory,
    Utterance,
    inspect,
    remarks,
    split,
    write_data_directories,
    write_data_directory,
)
from vocoders.errors import InputError

TABLES = {
    "wav.scp": "A-1 a1.wav\nA-2 sox a2.flac -t wav - |\nB-1 /b1.wav\n",
    "text": "A-1 one two\nA-2 three\nB-1 four\n",
    "utt2spk": "A-1 A\nA-2 A\nB-1 B\n",
    "spk2utt": "A A-1 A-2\nB B-1\n",
}


@pytest.fixture
def data(tmp_path):
    for name, content in TABLES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_written_tables_are_kaldis_sorted_in_byte_order(tmp_path):
    write_data_directory(
        tmp_path,
        [
            Utterance("B-1", "/b1.wav", "four", "B"),
            Utterance("A-2", "sox a2.flac -t wav - |", "three", "A"),
            Utterance("A-1", "a1.wav", "one two", "A"),
        ],
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == TABLES
    write_data_directory(tmp_path, [Utterance("a", "a.wav", "x", "s"), Utterance("Z", "z.wav", "y", "s")])
    assert DataDirectory.load(tmp_path).utterances == ["Z", "a"]


def test_load_gives_what_the_tables_say(data):
    found = DataDirectory.load(data)
    assert found.audio["A-2"] == "sox a2.flac -t wav - |"
    assert found.speaker == {"A-1": "A", "A-2": "A", "B-1": "B"}
    assert found.text["A-1"] == "one two"


def test_a_vocoder_needs_no_text(data):
    (data / "text").unlink()
    assert DataDirectory.load(data).text is None


@pytest.mark.parametrize(
    ("table", "content", "message"),
    [
        ("text", TABLES["text"] + "C-1 more\n", r"text: 1 utterance\(s\) are not in wav.scp: C-1"),
        ("text", "A-1 one two\n", r"text: 2 utterance\(s\) of wav.scp are absent: A-2, B-1"),
        (
            "wav.scp",
            TABLES["wav.scp"] + "C-1 c.wav\n",
            r"utt2spk: 1 utterance\(s\) of wav.scp are absent: C-1",
        ),
        ("wav.scp", "A-1 a1.wav\nA-1 a2.wav\nB-1 b.wav\n", "wav.scp:2: .*A-1.* twice"),
        ("wav.scp", "A-2 a2.wav\nA-1 a1.wav\nB-1 b.wav\n", "wav.scp:2: .*A-1.* after .*A-2"),
        ("wav.scp", "", "wav.scp: no utterances"),
        ("utt2spk", "A-1 A\nA-2 A\n", r"utt2spk: 1 utterance\(s\) of wav.scp are absent: B-1"),
        ("spk2utt", "A A-1\nB A-2 B-1\n", r"spk2utt: 2 speaker\(s\) disagree with utt2spk: A, B"),
        ("spk2utt", "A A-1 A-2\n", r"spk2utt: 1 speaker\(s\) disagree with utt2spk: B"),
        ("spk2utt", TABLES["spk2utt"] + "C C-1\n", r"spk2utt: 1 speaker\(s\) disagree with utt2spk: C"),
        ("segments", "A-1 rec 0 1\n", "segments: not supported"),
    ],
)
def test_inconsistent_tables_are_refused(data, table, content, message):
    (data / table).write_text(content)
    with pytest.raises(InputError, match=message):
        DataDirectory.load(data)


def test_every_fault_of_a_directory_is_listed(data):
    (data / "wav.scp").write_text("B-1 /b1.wav\nA-1 a1.wav\n\nA-1 a1.wav\nÄ-1 x.wav\nC-1\n")
    (data / "text").write_text("A-1 one two\nD-1 five\n")
    (data / "utt2spk").write_text("A-1 A\nA-2 A\nB-1 B b\n")
    directory, faults = inspect(data)
    wanted = [
        "wav.scp:2: 'A-1' comes after 'B-1'",
        "wav.scp:3: empty line",
        "wav.scp:4: id 'A-1' stands twice",
        "wav.scp:5: id 'Ä-1' has characters other than",
        "wav.scp:6: id 'C-1' has no value",
        "utt2spk: B-1 has 'B b' where one speaker is expected",
        "utt2spk: 1 utterance(s) are not in wav.scp: A-2",
        "spk2utt: 2 speaker(s) disagree with utt2spk: B, B b",
        "text: 1 utterance(s) are not in wav.scp: D-1",
        "text: 1 utterance(s) of wav.scp are absent: B-1",
    ]
    assert len(faults) == len(wanted)
    for fault, words in zip(faults, wanted):
        assert f"{data}/{words}" in fault
    assert directory.audio == {"B-1": "/b1.wav", "A-1": "a1.wav"}  # what can be read still is


def test_an_id_with_a_blank_gives_itself_away(data):
    (data / "a b.wav").touch()
    (data / "wav.scp").write_text(f"A-1 take 2 {data}/TAKE.wav\nA-2 {data}/a b.wav\nB-1 sox x y.wav -t wav - |\n")
    (data / "TAKE.wav").touch()
    assert [fault for fault in inspect(data)[1] if "blank" in fault] == [
        f"{data}/wav.scp: id 'A-1 take 2' has a blank; ids have none"
    ]


def test_kaldis_order_of_speakers_is_a_remark(data, tmp_path):
    assert remarks(DataDirectory.load(data)) == []
    write_data_directory(tmp_path / "x", [Utterance("1", "1.wav", None, "B"), Utterance("2", "2.wav", None, "A")])
    (remark,) = remarks(DataDirectory.load(tmp_path / "x"))
    assert "speaker A comes after B" in remark


def test_an_interrupted_writer_leaves_an_incomplete_directory(data, monkeypatch):
    """wav.scp of an earlier run must not vouch for half of a new one."""

    def disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vocoders.data.directory.write_table", disk_full)
    with pytest.raises(OSError):
        write_data_directory(data, [Utterance("A-1", "a1.wav", "one", "A")])
    with pytest.raises(InputError, match=r"wav\.scp: no such table"):
        DataDirectory.load(data)


def test_an_interrupted_writer_of_several_sets_leaves_no_old_one(tmp_path, monkeypatch):
    """A new train beside an old eval may share utterances."""
    names, write = ("train", "dev", "eval"), directory.write_table
    old, new = ({tmp_path / name: [Utterance(f"{age}-{name}", "a.wav", None, "A")] for name in names} for age in "ab")
    write_data_directories(old)

    def killed(path, table):
        if path == tmp_path / "dev" / "wav.scp":
            raise KeyboardInterrupt
        write(path, table)

    monkeypatch.setattr(directory, "write_table", killed)
    with pytest.raises(KeyboardInterrupt):
        write_data_directories(new)
    assert DataDirectory.load(tmp_path / "train").utterances == ["b-train"]
    for name in ("dev", "eval"):
        with pytest.raises(InputError, match=r"wav\.scp: no such table"):
            DataDirectory.load(tmp_path / name)


def test_a_set_that_cannot_be_written_leaves_the_others_as_they_were(data):
    with pytest.raises(InputError, match="none: no utterances to write"):
        write_data_directories({data: [Utterance("C-1", "c.wav", None, "C")], data / "none": []})
    assert {path.name: path.read_text() for path in data.iterdir()} == TABLES


def test_further_tables_are_written_and_an_empty_one_goes(tmp_path):
    sets = {tmp_path: [Utterance("A-1", "a.wav", None, "A")]}
    write_data_directories(sets, {tmp_path: {"spk2gender": {"A": "f"}, "spk2accent": {}}})
    assert (tmp_path / "spk2gender").read_text() == "A f\n" and not (tmp_path / "spk2accent").exists()
    write_data_directories(sets, {tmp_path: {"spk2gender": {}}})
    assert not (tmp_path / "spk2gender").exists()


def test_an_utterance_given_twice_is_refused_before_anything_is_written(data):
    with pytest.raises(InputError, match="A-1 is given twice"):
        write_data_directory(data, [Utterance("A-1", "a.wav", "one", "A")] * 2)
    assert (data / "wav.scp").read_text() == TABLES["wav.scp"]


def test_no_such_directory(tmp_path):
    with pytest.raises(InputError, match="run stage 1"):
        DataDirectory.load(tmp_path / "nosuch")


def test_split_takes_the_last_for_eval_and_those_before_for_dev():
    ids = ["LJ002-0001", "LJ001-0002", "LJ001-0010", "LJ001-0001", "LJ003-0001"]
    train, dev, evaluation = split(ids, num_dev=1, num_eval=2)
    assert train == ["LJ001-0001", "LJ001-0002"]
    assert dev == ["LJ001-0010"]
    assert evaluation == ["LJ002-0001", "LJ003-0001"]


@pytest.mark.parametrize(
    ("num_dev", "num_eval", "message"),
    [(2, 3, "5 utterance.* leave none for training"), (0, 1, "1 or more"), (1, 0, "1 or more")],
)
def test_every_set_gets_something(num_dev, num_eval, message):
    with pytest.raises(InputError, match=message):
        split(list("abcde"), num_dev, num_eval)
