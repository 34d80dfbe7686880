"""Where transcripts are and who speaks, found out from layouts as corpora have them."""

import pytest

from vocoders.data.transcript import find_files
from vocoders.errors import InputError
from vocoders.recipe.guess import guess_audio, guess_speaker, guess_transcript

LAYOUTS = {  # names of recordings -> way of telling the speaker, as a person would say who knows the corpus
    "FSDD": ([f"{d}_{s}_{n}.wav" for d in range(3) for s in ("ann", "bob") for n in range(2)], {"name_part": 2}),
    "VCTK": ([f"wav48/p{s}/p{s}_{n:03}.wav" for s in (225, 226, 229) for n in (1, 2)], {"folder": 1}),
    "VCTK, one each": ([f"wav48/p{s}/p{s}_023.wav" for s in range(225, 235)], {"folder": 1}),
    "LibriTTS": ([f"train/{s}/{c}/{s}_{c}_{n}.wav" for s in (19, 26) for c in (7, 9) for n in (1, 2)], {"folder": 2}),
    "CMU Arctic": ([f"cmu_{s}/wav/arctic_a{n:04}.wav" for s in ("bdl", "slt") for n in range(3)], {"folder": 2}),
    "prefixes": ([f"{s}_{n}.wav" for s in ("ann", "bob") for n in range(4)], {"name_part": 1}),
    "numbered speakers": ([f"spk{s}-{n}.wav" for s in (1, 2, 3) for n in range(4)], {"name_part": 1}),
    "LJ Speech": ([f"wavs/LJ{c:03}-{n:04}.wav" for c in range(1, 4) for n in range(1, 5)], {"name": "mine"}),
    "sections of one book": ([f"LJ{c}-{n:04}.wav" for c in ("001", "002", "005") for n in range(4)], {"name": "mine"}),
    "numbered persons": ([f"person{c}/{n}.wav" for c in range(1, 4) for n in range(4)], {"folder": 1}),
    "chapters": ([f"chapter{c}/{n}.wav" for c in range(1, 4) for n in range(4)], {"name": "mine"}),
    "sets": ([f"{s}/{n}.wav" for s in ("train", "test") for n in range(4)], {"name": "mine"}),
    "numbers": ([f"{n}_{n % 3}.wav" for n in range(9)], {"name": "mine"}),
    "kerstin": ([f"verified/de_rhasspy-{n:04}.flac" for n in range(9)], {"name": "mine"}),
}


@pytest.fixture
def fill(tmp_path):
    """fill({"a.txt": "text"}, recordings) -> (folder, paths of the recordings)."""

    def fill(files, recordings=("a.wav", "b.wav", "c.wav")):
        for name, content in {**dict.fromkeys(recordings, ""), **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return tmp_path, find_files(tmp_path, [".wav", ".flac"])

    return fill


@pytest.mark.parametrize("layout", LAYOUTS)
def test_speakers_of_known_layouts(fill, layout):
    recordings, expected = LAYOUTS[layout]
    way, why = guess_speaker(*fill({}, recordings), None, "mine")
    assert way == expected
    assert why.startswith("speakers: ") and len(why.splitlines()) == 1


@pytest.mark.parametrize(
    ("table", "speaker", "column"),
    [
        ("a|ann|One two.\nb|ann|Three four.\nc|bob|Five six.\nd|bob|Six.\n", {"column": 2}, 3),
        ("a|One two.|ann\nb|Three four.|ann\nc|Five six.|bob\nd|Six.|bob\n", {"column": 3}, 2),
        ("a|No. 1|number one\nb|No. 2|number two\nc|No. 3|number three\nd|No. 4|number four\n", {"name": "m"}, 3),
        ("a|one|one\nb|one|one\nc|two|two\nd|two|two\n", {"name": "m"}, 3),  # digits are no speakers
        ("a|one\nb|one\nc|two\nd|two\n", {"name": "m"}, 2),
    ],
)
def test_columns_of_a_table(fill, table, speaker, column):
    folder, paths = fill({"metadata.csv": table}, [f"wavs/{name}.wav" for name in "abcd"])
    way, _ = guess_transcript(folder, paths)
    assert way == {"table": "metadata.csv", "column": column}
    assert guess_speaker(folder, paths, way, "m")[0] == speaker


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({f"{name}.txt": "x" for name in "abc"}, {"files": ".txt"}),
        ({f"{name}.lab": "x" for name in "abc"}, {"files": ".lab"}),
        ({f"{n}.{kind}.txt": "x" for n in "abc" for kind in ("original", "normalized")}, {"files": ".normalized.txt"}),
        ({"data/text": "a x y\nb x\nc z\n"}, {"kaldi": "text"}),
        ({"a.txt": "x", "README.txt": "about"}, None),  # of one of three
        ({"README.md": "about", "LICENSE": "free"}, None),
    ],
)
def test_transcripts_of_known_layouts(fill, files, expected):
    way, why = guess_transcript(*fill(files))
    assert way == expected
    assert why.startswith("transcripts: ")


def test_a_broken_table_is_named_by_its_line(fill):
    with pytest.raises(InputError, match=r"metadata.csv:2: expected id\|text"):
        guess_transcript(*fill({"metadata.csv": "a|one\nb two\nc|three\n"}))


def test_recordings_in_two_forms_are_taken_once(fill):
    folder, _ = fill({}, ["a.wav", "a.flac", "b.flac"])
    endings, twins, why = guess_audio(folder)
    assert endings == ["flac"] and not twins and "1 of them are other forms" in why


def test_of_several_forms_only_the_twin_is_left_out(fill):
    folder, _ = fill({}, [*(f"{n}.wav" for n in range(12)), *(f"{n}.flac" for n in range(11, 20))])
    endings, twins, why = guess_audio(folder)
    assert endings == ["wav", "flac"] and why.startswith("recordings: 12 wav, 9 flac; 1 of them are other forms")
    assert twins == {folder / "11.flac": f"{folder}/11.flac: there as 11.wav too"}


def test_tables_of_several_folders_are_one_choice(fill):
    recordings = [f"{name}/{n:03}.wav" for name in ("ann", "bob") for n in range(3)]
    tables = {f"{name}/metadata.csv": f"000|one of {name}\n001|two\n002|three\n" for name in ("ann", "bob")}
    way, why = guess_transcript(*fill(tables, recordings))
    assert way == {"table": "metadata.csv", "column": 2} and "of 6 of 6 recordings" in why


def test_a_table_whose_ids_several_recordings_have_is_not_taken(fill):
    recordings = [f"{name}/{n:03}.wav" for name in ("ann", "bob") for n in range(3)]
    way, why = guess_transcript(*fill({"metadata.csv": "000|one\n001|two\n002|three\n"}, recordings))
    assert way is None and "one recording each: 000, 001, 002 do not" in why


def test_transcripts_that_are_no_text_are_found_all_the_same(fill):
    """Else all of a corpus in another encoding would go without a word."""
    folder, paths = fill({f"{name}.txt": "x" for name in "abc"})
    for path in paths:
        path.with_suffix(".txt").write_bytes(b"caf\xe9")
    assert guess_transcript(folder, paths)[0] == {"files": ".txt"}
