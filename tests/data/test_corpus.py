"""What local/corpus.yaml says of a folder becomes utterances, or one sentence that says what is wrong."""

import os
from pathlib import Path

import pytest

from vocoders.data.corpus import Corpus, identifier, identifiers, make_ids
from vocoders.data.directory import split_by_speaker
from vocoders.errors import InputError
from vocoders.io.tables import ID


def tree(folder, **files):
    """tree(folder, a__b__x_wav="") makes a/b/x.wav."""
    for name, content in files.items():
        path = folder / (name.replace("__", "/").rpartition("_")[0] + "." + name.rpartition("_")[2])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def corpus(**options):
    return Corpus(**{"audio": ["wav"], "speaker": {"name": "mary"}, **options})


def test_texts_belong_to_what_is_called_like_them_and_lies_alike(tmp_path):
    tree(tmp_path, wav__p1__001_wav="", wav__p2__001_wav="", wav__p2__002_wav="")
    tree(tmp_path, txt__p1__001_txt="one\n of p1", txt__p2__001_txt="one of p2", txt__p2__002_txt="two", READ_txt="me")
    read = corpus(speaker={"folder": 1}, transcript={"files": ".txt"}, max_unpaired=1)
    found = [(one.id, one.text, one.speaker) for one in read.utterances(tmp_path)]
    assert found == [("p1-001", "one of p1", "p1"), ("p2-001", "one of p2", "p2"), ("p2-002", "two", "p2")]
    with pytest.raises(InputError, match=r"1 transcript\(s\) have no recording: READ; .*max_unpaired: 1"):
        corpus(speaker={"folder": 1}, transcript={"files": ".txt"}).utterances(tmp_path)


def test_tables_give_text_and_speaker(tmp_path):
    tree(tmp_path, wavs__a_wav="", wavs__b_wav="", metadata_csv="wavs/a.wav|ann|Ay.\n\nb|bob|Bee |\n")
    read = corpus(speaker={"column": 2}, transcript={"table": "metadata.csv", "column": 3})
    assert [(one.id, one.text, one.speaker) for one in read.utterances(tmp_path)] == [
        ("ann-a", "Ay.", "ann"),
        ("bob-b", "Bee", "bob"),
    ]


def test_kaldis_text_and_left_out_recordings(tmp_path):
    tree(tmp_path, a_wav="", b_wav="", c_wav="")
    (tmp_path / "text").write_text("a one\nb two\nc three\n")
    read = corpus(transcript={"kaldi": "text"}, leave_out=("b.wav",))
    assert [(one.id, one.text) for one in read.utterances(tmp_path)] == [("a", "one"), ("c", "three")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transcript": {"files": ".lab"}}, r"3 recording\(s\) have no transcript: .*s_1.wav"),
        ({"transcript": {"table": "t.csv"}}, "t.csv:2: expected 2 columns between |, found 1"),
        ({"transcript": {"tabel": "t.csv"}}, "transcript has no option 'tabel'; did you mean 'table'"),
        ({"transcript": {"table": "none.csv"}}, "none.csv: no such file"),
        ({"speaker": {"folder": 1}}, "s_1.wav: no folder 1 that could name a speaker"),
        ({"speaker": {"column": 2}}, "a column is one of the table of transcripts"),
        ({"speaker": {"folder": "one"}}, "speaker: expected a number from 1 on, found 'one'"),
        ({"speaker": {"folder": 1, "name": "x"}}, "speaker: expected one of folder, name_part"),
        ({"transcript": {"column": 2}}, "transcript: expected one of files, table, kaldi"),
        ({"audio": ["flac"]}, "no recordings .files ending in flac"),
        ({"leave_out": ("z.wav",)}, "z.wav: no such recording, but leave_out"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, options, message):
    tree(tmp_path, s_1_wav="", s_2_wav="", s_3_wav="", t_csv="s_1|one\ns_2\n")
    with pytest.raises(InputError, match=message):
        corpus(**options).utterances(tmp_path)


def test_a_misspelt_key_of_the_file_is_named(tmp_path):
    (tmp_path / "corpus.yaml").write_text("audio: [wav]\nspeaker: {name: x}\nnum_evl: 3\n")
    with pytest.raises(InputError, match=r"corpus.yaml: corpus has no option 'num_evl'; did you mean 'num_eval'"):
        Corpus.load(tmp_path / "corpus.yaml")


def test_the_template_is_a_file_that_loads(repository):
    assert Corpus.load(repository / "egs/TEMPLATE/voc1/new/local/corpus.yaml") == Corpus(["wav"], {"name": "speaker"})


def test_ids_are_ids_whatever_files_are_called(tmp_path):
    tree(tmp_path)
    for name in ("ä b.wav", "x (1).wav", "日本.wav"):
        (tmp_path / name).touch()
    ids = [one.id for one in corpus().utterances(tmp_path)]
    assert all(ID.fullmatch(one) for one in ids) and len(set(ids)) == 3
    assert identifier("Zoë K.") == "Zoe_K."


def test_folders_enter_where_names_repeat():
    paths = [Path("a/1.wav"), Path("b/1.wav")]
    assert make_ids(paths, ["s", "s"]) == ["a-1", "b-1"]
    assert make_ids(paths, ["a", "b"]) == ["a-1", "b-1"]
    assert make_ids(paths[:1], ["s"]) == ["1"]
    with pytest.raises(InputError, match="would all have the id a"):
        make_ids([Path("a.wav"), Path("a.flac")], ["s", "s"])


def test_no_two_names_become_one(tmp_path):
    names = ["Иван", "Мария", "josé", "jose", "a 1", "a_1", "日本", "日 本", "Zoë"]
    found = identifiers(names)
    assert len(set(found.values())) == len(names) and all(ID.fullmatch(one) for one in found.values())
    assert (found["jose"], found["a_1"], found["Zoë"]) == ("jose", "a_1", "Zoe")
    assert identifiers(reversed(names)) == found  # and an id is the same in each run
    for name in ("Иван/а", "Иван/б", "Мария/а", "josé/1", "jose/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.wav").touch()
    utterances = corpus(speaker={"folder": 1}).utterances(tmp_path)
    assert len({one.speaker for one in utterances}) == 4 and len({one.id for one in utterances}) == 5
    assert all(one.id.startswith(f"{one.speaker}-") for one in utterances)


@pytest.mark.parametrize("way", [{"table": "metadata.csv"}, {"kaldi": "text"}])
def test_a_table_is_for_the_recordings_below_it(tmp_path, way):
    """Ids begin anew in each folder."""
    between = "|" if "table" in way else " "
    for name in ("ann1", "ann2"):
        tree(tmp_path, **{f"{name}__wavs__{number}_wav": "" for number in ("000", "001")})
        lines = [f"{number}{between}{name} says {number}\n" for number in ("000", "001")]
        (tmp_path / name / next(iter(way.values()))).write_text("".join(lines))
    read = corpus(speaker={"folder": 2}, transcript=way)
    found = {one.id: one.text for one in read.utterances(tmp_path)}
    assert found == {f"{name}-{n}": f"{name} says {n}" for name in ("ann1", "ann2") for n in ("000", "001")}
    (tmp_path / "ann2" / next(iter(way.values()))).unlink()
    with pytest.raises(InputError, match=r"2 recording\(s\) have no transcript: ann2/wavs/000.wav"):
        read.utterances(tmp_path)


def test_a_text_that_several_recordings_may_claim_is_nobodys(tmp_path):
    tree(tmp_path, p1__001_wav="", p2__001_wav="", p2__002_wav="", t_csv="001|one\n002|two\n")
    with pytest.raises(InputError, match=r"2 recording\(s\) have no transcript: p1/001.wav, p2/001.wav;"):
        corpus(transcript={"table": "t.csv"}, max_unpaired=1).utterances(tmp_path)
    tree(tmp_path, p1__001_txt="beside it", p2__002_txt="two")
    with pytest.raises(InputError, match=r"1 recording\(s\) have no transcript: p2/001.wav;"):
        corpus(transcript={"files": ".txt"}).utterances(tmp_path)


def test_tables_that_differ_about_a_recording_say_nothing(tmp_path):
    tree(tmp_path, a_wav="", b_wav="", sets__x__t_csv="a|one\n", sets__y__t_csv="a|other\nb|two\n")
    with pytest.raises(InputError, match=r"1 recording\(s\) have no transcript: a.wav;"):
        corpus(transcript={"table": "t.csv"}).utterances(tmp_path)


def test_links_are_entered_but_not_in_circles(tmp_path):
    tree(tmp_path, real__a_wav="", corpus__b_wav="")
    (tmp_path / "corpus/also").symlink_to("../real")
    (tmp_path / "corpus/again").symlink_to(".")
    assert [one.id for one in corpus().utterances(tmp_path / "corpus")] == ["a", "b"]


def test_what_cannot_be_read_or_listed_is_counted_and_named(tmp_path):
    tree(tmp_path, a_wav="", b_wav="", c_wav="", a_txt="one")
    for name in "bc":
        (tmp_path / f"{name}.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=r"2 transcript\(s\) cannot be read: .*b.txt: not UTF-8 text .*; .*c.txt"):
        corpus(transcript={"files": ".txt"}).utterances(tmp_path)
    for name in (b"d\xe9.wav", b"e\nf.wav"):
        (tmp_path / os.fsdecode(name)).touch()
    with pytest.raises(InputError, match=r"2 recording\(s\) cannot be listed: .*d\\udce9.wav': the name .*e\\nf.wav'"):
        corpus().utterances(tmp_path)


def test_speakers_share_each_set_and_its_utterances_are_spread():
    speaker = {f"{spk}-{n:02}": spk for spk, count in (("a", 40), ("b", 20), ("c", 20)) for n in range(count)}
    train, dev, evaluation = split_by_speaker(speaker, num_dev=4, num_eval=8)
    assert sorted(train + dev + evaluation) == sorted(speaker)
    assert [sum(utt.startswith(spk) for utt in evaluation) for spk in "abc"] == [4, 2, 2]
    assert [sum(utt.startswith(spk) for utt in dev) for spk in "abc"] == [2, 1, 1]
    assert [utt for utt in evaluation if utt.startswith("a")] == ["a-05", "a-15", "a-25", "a-35"]
    few = split_by_speaker({f"{n}": f"s{n}" for n in range(10)}, 1, 2)
    assert [len(each) for each in few] == [7, 1, 2]
    with pytest.raises(InputError, match="leave none for training"):
        split_by_speaker({"a": "s", "b": "s"}, 1, 1)
