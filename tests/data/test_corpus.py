"""What local/corpus.yaml says of a folder becomes utterances, or one sentence that says what is wrong."""

from pathlib import Path

import pytest

from vocoders.data.corpus import Corpus, identifier, make_ids
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
    with pytest.raises(InputError, match="would all have the id a_1"):
        make_ids([Path("a 1.wav"), Path("a_1.wav")], ["s", "s"])


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
