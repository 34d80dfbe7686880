"""From VCTK's two layouts to data directories of seen and unseen speakers, at the rate of the mels."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from vocoders.data.directory import DataDirectory
from vocoders.io.tables import read_table

RECIPE = Path(__file__).resolve().parents[2] / "egs" / "vctk" / "voc1"
SETS = ("train", "dev", "eval_seen", "eval_unseen")
SMALL = ["--num_unseen", "2", "--num_dev", "1", "--num_eval", "1", "--nj", "1"]

# accent -> women; men, as speaker-info.txt of 0.92 has them (s5 is in 0.92 only)
SPEAKERS = {
    "English": "225 228 229 230 231 233 236 239 240 244 250 257 267 268 269 276 277 282 s5; "
    "226 227 232 243 254 256 258 259 270 273 274 278 279 286 287",
    "Scottish": "234 249 262 264 265; 237 241 246 247 252 255 260 263 271 272 275 281 284 285",
    "NorthernIrish": "238 261 293 351; 292 304",
    "Irish": "266 288 295 313 340; 245 283 298 364",
    "American": "294 297 299 300 301 305 306 308 310 318 329 330 333 339 341 361 362; 311 315 334 345 360",
    "Canadian": "303 307 312 317 343; 302 316 363",
    "SouthAfrican": "314 323 336; 347",
    "Indian": "248; 251 376",
    "Welsh": "253;",
    "Australian": "; 326 374",
    "NewZealand": "335;",
    "Unknown": "280;",
}
INFO = {
    (name if name == "s5" else f"p{name}"): (gender, accent)
    for accent, groups in SPEAKERS.items()
    for gender, names in zip("FM", groups.split(";"))
    for name in names.split()
}
# by hand: the first woman and man of the four accents with most speakers
UNSEEN = ["p225", "p226", "p234", "p237", "p245", "p266", "p294", "p311"]


def run(script, *arguments, recipe=RECIPE):
    interpreter = [sys.executable] if script.endswith(".py") else []
    command = [*interpreter, f"local/{script}", *map(str, arguments)]
    return subprocess.run(command, cwd=recipe, capture_output=True, text=True, check=False)


def failed(done, *messages):
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert all(message in done.stderr for message in messages), done.stderr
    return True


def ids(data, name):
    return list(read_table(data / name / "wav.scp"))


def words_of(number):
    """A sentence of its own; digits would be spelt out, which takes time."""
    return f"It is about {' '.join('abcdefghij'[int(digit)] for digit in str(number))}."


def numbers_of(name, order):
    return [number for number in range(1, 173 if name == "p315" else 412) if (number + order) % 50]


def write_transcripts(root):
    """txt/ of 0.92: links to 13,000 sentences, 24 of which all speakers read; p315 has none."""
    (root / "sentences").mkdir()
    for number in range(13000):
        (root / "sentences" / str(number)).write_text(f"{words_of(number)}\n")
    for order, name in enumerate(sorted(INFO.keys() - {"p315"})):
        (root / "txt" / name).mkdir(parents=True)
        for number in numbers_of(name, order):
            sentence = number if number <= 24 else 25 + (order * 97 + number) % 12975
            os.link(f"{root}/sentences/{sentence}", f"{root}/txt/{name}/{name}_{number:03}.txt")


def write_corpus(root, version, transcripts):
    """All files of VCTK; the recordings are empty.  Returns speaker -> ids of what has both."""
    audio = root / ("wav48_silence_trimmed" if version == "0.92" else "wav48")
    (root / "txt").mkdir(parents=True)
    paired = {}
    for name in sorted(INFO.keys() - ({"s5"} if version == "0.80" else set())):
        utts = [f"p315_{number:03}" for number in numbers_of("p315", 0)]
        if name != "p315":
            (root / "txt" / name).symlink_to(transcripts / name)
            utts = sorted(entry.name.removesuffix(".txt") for entry in os.scandir(transcripts / name))
        (audio / name).mkdir(parents=True)
        (root / f"silence_{name}").touch()
        recorded = [utt for utt in utts if is_recorded(utt, version)]
        for utt in recorded:
            for suffix in suffixes(utt, version):
                os.link(root / f"silence_{name}", f"{audio}/{utt.partition('_')[0]}/{utt}{suffix}")
        paired[name] = recorded if name != "p315" else []
    if version == "0.80":
        (audio / "p376" / "p376_295.raw").touch()
    write_info(root, version)
    return paired


def is_recorded(utt, version):
    """0.92 has few recordings of p362; one of 0.80 is no wav."""
    return int(utt[-3:]) % 3 == 0 if (version, utt[:4]) == ("0.92", "p362") else (version, utt) != ("0.80", "p376_295")


def suffixes(utt, version):
    if version == "0.80":
        return [".wav"]
    return ["_mic1.flac"] if utt.startswith(("p280", "p315")) else ["_mic1.flac", "_mic2.flac"]


def write_info(root, version):
    prefix = "" if version == "0.80" else "p"
    lines = ["ID  AGE  GENDER  ACCENTS  REGION COMMENTS"]
    for name, (gender, accent) in INFO.items():
        if version == "0.92" or name not in ("p280", "s5"):
            lines.append(
                f"{prefix if name != 's5' else ''}{name.lstrip('p')}  23  {gender}    {accent}    Somewhere South"
            )
    (root / "speaker-info.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def transcripts(tmp_path_factory):
    root = tmp_path_factory.mktemp("transcripts")
    write_transcripts(root)
    yield root / "txt"
    shutil.rmtree(root)


@pytest.fixture(scope="module", params=["0.92", "0.80"])
def full(request, transcripts, tmp_path_factory):
    """(version, corpus, speaker -> ids) of the full corpus's size."""
    root = tmp_path_factory.mktemp("downloads") / "VCTK-Corpus"
    yield request.param, root, write_corpus(root, request.param, transcripts)
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def prepared(full, tmp_path_factory):
    version, root, paired = full
    data = tmp_path_factory.mktemp("data")
    done = run("data_prep.py", root.parent, data)
    assert done.returncode == 0, done.stderr
    return version, data, paired, done


def test_every_utterance_is_in_one_set_or_counted(prepared):
    version, data, paired, done = prepared
    sets = {name: DataDirectory.load(data / name) for name in SETS}  # which checks that the tables agree
    assert not any(set(one.audio) & set(other.audio) for one, other in combinations(sets.values(), 2))
    used = {utt for one in sets.values() for utt in one.audio}
    left = sum(map(int, re.findall(r"^in no set: (\d+)", done.stdout, re.M)))
    assert used <= {utt for utts in paired.values() for utt in utts}
    assert len(used) + left == sum(map(len, paired.values())) > 43000
    assert all(utt.startswith(f"{speaker}_") for one in sets.values() for utt, speaker in one.speaker.items())
    suffix = "_mic1.flac" if version == "0.92" else ".wav"
    assert all(path.endswith(f"{utt}{suffix}") for utt, path in sets["train"].audio.items())


def test_unseen_speakers_are_balanced_and_unseen(prepared):
    _, data, paired, _ = prepared
    speakers = {name: sorted(read_table(data / name / "spk2utt")) for name in SETS}
    assert speakers["eval_unseen"] == UNSEEN
    assert set(speakers["train"]) == paired.keys() - {"p315"} - set(UNSEEN)
    assert set(speakers["eval_seen"]) | set(speakers["dev"]) < set(speakers["train"])
    assert not set(speakers["eval_seen"]) & set(speakers["dev"])
    kinds = Counter(INFO[speaker] for speaker in UNSEEN)
    assert set(kinds.values()) == {1} and len(kinds) == 8
    assert Counter(INFO[speaker] for speaker in speakers["eval_seen"]) == kinds  # so that the two can be compared
    assert all(len(ids(data, name)) == 8 * 25 for name in SETS[1:])
    for table, index in (("spk2gender", 0), ("spk2accent", 1)):
        found = read_table(data / "train" / table)
        assert list(found) == speakers["train"]
        assert all(found[speaker].lower() == INFO[speaker][index].lower() for speaker in found)


def test_no_sentence_of_training_is_evaluated(prepared):
    _, data, _, _ = prepared
    words = {name: set(read_table(data / name / "text").values()) for name in SETS}
    assert not words["train"] & (words["dev"] | words["eval_seen"] | words["eval_unseen"])
    assert not words["dev"] & (words["eval_seen"] | words["eval_unseen"])
    elicited = words_of(5)
    assert [name for name in SETS if elicited in words[name]] == ["train"]  # what all read is trained on


def test_known_gaps_are_named_and_accepted(prepared):
    version, data, _, done = prepared
    assert re.search(r"left out: \d+ recording\(s\) without transcript: \d+ of p315 \(p315_001 ...\)", done.stderr)
    assert ("of p362" in done.stderr) == (version == "0.92")
    assert ("1 of p376 (p376_295 ...)" in done.stderr) == (version == "0.80")
    assert any(utt.startswith("p280_") for utt in ids(data, "train"))


def test_the_other_microphone(full, tmp_path):
    version, root, _ = full
    done = run("data_prep.py", "--mic", "mic2", root, tmp_path)
    if version == "0.80":
        assert failed(done, "version 0.80 has no mic2")
    else:
        assert done.returncode == 0 and "of p280" in done.stderr and "p315" not in done.stderr
        speakers = read_table(tmp_path / "train" / "spk2utt").keys()
        assert "p280" not in speakers and "p315" not in speakers and len(speakers) == 110 - 2 - 8
        assert all(path.endswith("_mic2.flac") for path in read_table(tmp_path / "dev" / "wav.scp").values())


def test_other_gaps_are_refused_beyond_a_number(full, tmp_path):
    _, root, _ = full
    hidden = root / "txt" / "hidden"
    (root / "txt" / "p227").rename(hidden)
    try:
        assert failed(
            run("data_prep.py", root, tmp_path / "data"), "of p227", "not known gaps of VCTK", "--max_unpaired"
        )
    finally:
        hidden.rename(root / "txt" / "p227")
    assert not (tmp_path / "data").exists()


@pytest.fixture
def excerpt(shared_data, tmp_path):
    """A copy of the excerpt whose files may be changed: ten speakers, one utterance each, layout 0.80, no table."""
    return shutil.copytree(shared_data / "VCTK-Corpus", tmp_path / "VCTK-Corpus")


@pytest.fixture
def four(shared_data, tmp_path):
    """Ten utterances of each of four speakers, in the layout of 0.80; all of them are of what everybody reads."""
    corpus = tmp_path / "four"
    corpus.mkdir()
    (corpus / "wav48").symlink_to(shared_data / "VCTK-16k-autovc" / "wavs")
    (corpus / "txt").symlink_to(shared_data / "VCTK-16k-autovc" / "txt")
    return corpus


def test_an_excerpt_with_several_utterances_of_each_speaker(four, tmp_path):
    sizes = ["--num_unseen", "1", "--num_dev", "1", "--num_eval", "2"]
    done = run("data_prep.py", *sizes, four, tmp_path / "apart")
    assert done.returncode == 0, done.stderr
    done = run("data_prep.py", *sizes, "--shared_sentences", "true", four, tmp_path / "shared")
    assert done.returncode == 0, done.stderr
    counts = {name: Counter(read_table(tmp_path / "shared" / name / "utt2spk").values()) for name in SETS}
    assert counts["eval_unseen"] == {"p225": 2} and counts["eval_seen"] == {"p226": 2} and counts["dev"] == {"p227": 1}
    assert counts["train"] == {"p226": 8, "p227": 9, "p228": 10}
    # all read the same sentences under the same numbers
    numbers = {name: {utt[-3:] for utt in ids(tmp_path / "apart", name)} for name in SETS}
    held_out = numbers["dev"] | numbers["eval_seen"] | numbers["eval_unseen"]
    assert numbers["train"] == {utt[-3:] for utt in ids(tmp_path / "shared", "train")} - held_out
    assert not numbers["dev"] & (numbers["eval_seen"] | numbers["eval_unseen"])


def test_an_excerpt_with_one_utterance_of_each_speaker(excerpt, tmp_path):
    done = run("data_prep.sh", *SMALL, excerpt, tmp_path / "data")
    assert failed(done, "eval_seen have fewer than the 2 utterances that are needed", "--halve true")
    done = run("data_prep.sh", *SMALL, "--halve", "true", excerpt, tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert ids(tmp_path / "data", "eval_unseen") == ["p228_023b", "p230_023b"]
    assert ids(tmp_path / "data", "eval_seen") == ["p233_023b", "p236_023b"]
    assert ids(tmp_path / "data", "dev") == ["p243_023b", "p244_023b"]
    assert len(ids(tmp_path / "data", "train")) == 2 + 2 + 4 * 2
    whole = soundfile.info(excerpt / "wav48/p233/p233_023.wav").frames
    halves = [soundfile.info(next((tmp_path / "data" / "wav").rglob(f"p233_023{half}.wav"))).frames for half in "ab"]
    assert abs(sum(halves) - whole * 22050 / 48000) <= 2


@pytest.fixture
def prepare(four, tmp_path):
    """prepare(*options) -> the recordings that it made, by id, of the corpus of four speakers."""
    corpus = tmp_path / "corpus"
    shutil.copytree(four, corpus)
    options = ["--num_unseen", "1", "--num_dev", "1", "--num_eval", "1", "--nj", "2", "--shared_sentences", "true"]

    def call(*more, fails=()):
        done = run("data_prep.sh", *options, *more, call.corpus, call.data)
        assert failed(done, *fails) if fails else done.returncode == 0, done.stderr
        return {path.stem: path for path in (tmp_path / "data/wav").rglob("*.wav")}

    call.corpus, call.data = corpus, tmp_path / "data"
    return call


@pytest.fixture
def mels(tmp_path):
    """mels(rate) -> the path of a mel configuration of that rate."""

    def write(rate):
        path = tmp_path / f"mel_{rate}.yaml"
        base = RECIPE.resolve() / "conf/mel_nvidia_22k.yaml"
        path.write_text(f"base: {base}\nsample_rate: {rate}\nf_max: {rate / 2}\n")
        return str(path)

    return write


def test_recordings_are_resampled_for_features_and_scores_alike(prepare, mels, monkeypatch):
    monkeypatch.setenv("mel_config", mels(8000))  # as voc.sh does it
    made = prepare()
    for name in SETS:
        for utt, path in read_table(prepare.data / name / "wav.scp").items():
            assert Path(path) == made[utt]
    utt = "p225_003"
    wave, rate = soundfile.read(prepare.corpus / f"wav48/p225/{utt}.wav")
    assert rate == 16000 and utt not in made  # of the unseen speaker, one utterance is evaluated
    wave, _ = soundfile.read(prepare.corpus / "wav48/p226/p226_003.wav")
    found, rate = soundfile.read(made["p226_003"])
    expected = scipy.signal.resample_poly(wave, 1, 2)
    assert rate == 8000 and abs(len(found) - len(expected)) <= 1
    n = min(len(found), len(expected))
    assert np.corrcoef(found[:n], expected[:n])[0, 1] > 0.999


def test_only_what_is_missing_or_of_another_source_is_made_again(prepare):
    prepare()
    before = {path.stem: path.stat().st_mtime_ns for path in (prepare.data / "wav").rglob("*.wav")}
    lost, older = "p226_003", "p227_005"
    next((prepare.data / "wav").rglob(f"{lost}.wav")).unlink()
    os.utime(prepare.corpus / f"wav48/p227/{older}.wav", ns=(10**18, 10**18))
    after = {utt: path.stat().st_mtime_ns for utt, path in prepare().items()}
    assert before.keys() == after.keys()
    assert {utt for utt in after if after[utt] != before[utt]} == {lost, older}


def test_another_corpus_of_the_same_name_is_another_one(prepare):
    def lengths():
        return {path.stem: soundfile.info(path).frames for path in (prepare.data / "wav").rglob("*.wav")}

    prepare()
    before = lengths()
    for path in prepare.corpus.glob("wav48/*/*.wav"):
        wave, rate = soundfile.read(path)
        soundfile.write(path, wave[: len(wave) // 2], rate)
        os.utime(path, ns=(10**18, 10**18))
    moved = prepare.corpus.parent / "two" / prepare.corpus.name
    moved.parent.mkdir()
    prepare.corpus = prepare.corpus.rename(moved)
    prepare()
    assert before and {utt: abs(2 * frames - before[utt]) <= 4 for utt, frames in lengths().items()} == dict.fromkeys(
        before, True
    )


def test_another_rate_lies_beside_it(prepare, mels):
    first = prepare("--mel_config", mels(8000))["p226_003"]
    prepare("--mel_config", mels(11025))
    assert first.exists() and "11025" in read_table(prepare.data / "train/wav.scp")["p226_003"]


def test_a_damaged_recording_is_named_and_the_others_are_kept(prepare):
    source = prepare.corpus / "wav48/p226/p226_003.wav"
    content = source.read_bytes()
    source.write_bytes(content[:-100])
    made = prepare(fails=["local/train/wav.scp: p226_003", "truncated, 100 bytes are missing"])
    assert "p226_003" not in made and "p227_005" in made and not (prepare.data / "train" / "wav.scp").exists()
    source.write_bytes(content)
    assert "p226_003" in prepare()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num_unseen", "4"], "4 speaker(s) leave none to train on beside 4 unseen"),
        (["--num_eval", "0"], "num_unseen, num_dev and num_eval must be 1 or more, found 8, 25, 0"),
        (["--num_unseen", "1", "--num_eval", "11"], "1 speaker(s) of eval_unseen have fewer than the 11 utterances"),
        (["--num_unseen", "1", "--num_eval", "5", "--num_dev", "5"], "allow --shared_sentences true"),
    ],
)
def test_sizes_that_cannot_be(four, tmp_path, options, message):
    assert failed(run("data_prep.py", *options, four, tmp_path / "data"), message)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("speaker-info.txt", b"ID AGE GENDER\n225 23 F\n226 M 22\n", "speaker-info.txt:3: expected 'ID AGE GENDER"),
        ("txt/p228/p228_023.txt", b"\xff\xfe", "p228_023.txt: not UTF-8 text"),
        ("txt", None, "no VCTK in it (txt/ beside wav48_silence_trimmed/ or wav48/)"),
    ],
)
def test_bad_files(excerpt, tmp_path, name, content, message):
    if content is None:
        shutil.rmtree(excerpt / name)
    else:
        (excerpt / name).write_bytes(content)
    assert failed(run("data_prep.py", "--halve", "true", *SMALL[:-2], excerpt, tmp_path / "data"), message)
    assert not (tmp_path / "data").exists()


def test_what_is_there_is_not_downloaded(shared_data, tmp_path, monkeypatch):
    for place in (shared_data, shared_data / "VCTK-Corpus"):
        done = run("data_download.sh", place)
        assert done.returncode == 0 and "using" in done.stderr
    for name in ("curl", "wget"):
        (tmp_path / name).write_text("#!/bin/sh\necho $@ >&2; exit 7\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert failed(run("data_download.sh", tmp_path), "VCTK-Corpus-0.92.zip.partial https://", "no answer from")
    (tmp_path / "VCTK-Corpus-0.92" / "txt").mkdir(parents=True)
    assert failed(run("data_download.sh", tmp_path), "has no txt/ and wav48_silence_trimmed/; move it away")
