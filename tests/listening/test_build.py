"""A test that is built is blind, and what cannot be built is said before anything is written."""

import base64
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import stats

from vocoders import cli
from vocoders.io.files import write_json
from vocoders.listening.build import build

RATE, SYSTEMS = 16000, ["clean", "hissing", "dull", "broken"]


def sent(folder):
    """Name -> bytes of the WAV, of all that listeners get."""
    calls = {path.stem: path.read_text() for path in (folder / "send/audio").iterdir()}
    found = {name: re.fullmatch(r'receive\("(\w+)", "(.+)"\);\n', text) for name, text in calls.items()}
    assert all(match[1] == name for name, match in found.items())
    return {name: base64.b64decode(match[2]) for name, match in found.items()}


def utterance_of(key):
    return {
        name: screen["utterance"]
        for screen in key["screens"]
        for name in [*screen["items"], *([screen["reference"]] if screen["reference"] else [])]
    }


@pytest.mark.parametrize("mode", ["mushra", "ab", "mos"])
def test_files_and_page_tell_nothing(mode, make, exp):
    folder, key = make(mode)
    assert {path.name for path in folder.iterdir()} == {"send", "key.json"}
    waves, utterances = sent(folder), utterance_of(key)
    assert waves.keys() == utterances.keys()
    assert len(set(waves.values())) == len(waves)  # the hidden reference is not the reference's file
    for utterance in set(utterances.values()):
        alike = [waves[name] for name in waves if utterances[name] == utterance]
        assert len({content[:44] for content in alike}) == len({len(content) for content in alike}) == 1
    for path in (folder / "send").rglob("*"):
        assert re.fullmatch(r"[0-9a-f]{12}\.js|index\.html|audio", path.name)
    page = (folder / "send/index.html").read_text()
    secrets = [*SYSTEMS, "recording", "anchor", "check", "u3", str(exp), str(key["seed"]), "noise"]
    told = page[page.index('id="test"') :].partition("</script>")[0]
    assert [word for word in secrets if word in told] == []
    assert [word for word in [*SYSTEMS[1:], str(exp)] if word in page] == []
    by_name = sorted((folder / "send/audio").iterdir())
    times = [path.stat().st_mtime_ns for path in by_name]
    assert times == sorted(times)  # written in the order of names that tell nothing


@pytest.mark.parametrize(("compared", "anchors"), [(SYSTEMS, (3.5,)), (SYSTEMS[:1], ())])
def test_no_place_on_the_page_is_the_references_own(compared, anchors, make):
    """Over seeds, the hidden reference is anywhere in the page's lists and in the folder."""
    places, ranks = Counter(), []
    for seed in range(12):
        options = {"seed": seed, "training": False, "systems": compared, "anchors": anchors}
        _folder, key = make("mushra", folder=f"test{seed}", **options)
        items = len(key["screens"][0]["items"])
        assert items == 1 + len(compared) + len(anchors)
        for screen in key["screens"]:
            systems = list(screen["items"].values())
            places[systems.index("reference")] += 1
            names = sorted([screen["reference"], *screen["items"]])
            ranks.append(names.index(screen["reference"]))
    assert stats.chisquare([places[place] for place in range(items)]).pvalue > 1e-3
    assert stats.chisquare([ranks.count(rank) for rank in range(items + 1)]).pvalue > 1e-3


def test_samples_sound_as_their_systems(make, exp):
    """Through names and base64: each is its own system's wave, scaled to one loudness."""
    folder, key = make("mushra")
    waves = sent(folder)
    for screen in key["screens"]:
        for name, system in {**screen["items"], screen["reference"]: "reference"}.items():
            if system.startswith("anchor"):
                continue
            place = exp / system.replace("reference", "recording") / "wav" / f"{screen['utterance']}.wav"
            original = soundfile.read(place)[0][:7000]
            heard = np.frombuffer(waves[name][44:], "<i2")[:7000] / 32768
            assert np.corrcoef(original, heard)[0, 1] > 0.999


def test_ab_has_each_pair_in_both_orders_and_its_checks(make):
    _folder, key = make("ab", utterances=4, checks=3)
    counted = [screen for screen in key["screens"] if not screen["training"]]
    pairs = Counter(tuple(screen["items"].values()) for screen in counted if not screen["check"])
    assert len(pairs) == 12 and set(pairs.values()) == {2}
    checks = [sorted(screen["items"].values()) for screen in counted if screen["check"]]
    assert len(checks) == 3 and all(noise == f"{clean} with noise" for clean, noise in checks)
    _folder, key = make("ab", folder="named", pairs=[(1, 4), (2, 1)])
    named = {frozenset(screen["items"].values()) for screen in key["screens"] if not screen["check"]}
    assert named == {frozenset(["clean", "broken"]), frozenset(["hissing", "clean"])}


def test_practice_has_an_utterance_of_its_own(make):
    _folder, key = make("mos")
    practice = {screen["utterance"] for screen in key["screens"] if screen["training"]}
    counted = {screen["utterance"] for screen in key["screens"] if not screen["training"]}
    assert len(practice) == 1 and len(counted) == 5 and not practice & counted


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "key.json"}


def test_the_same_again_is_the_same_and_goes_on(make):
    folder, key = make("mushra", seed=None)
    before = contents(folder)
    victim = next((folder / "send/audio").iterdir())
    victim.unlink()
    (folder / "send/index.html").unlink()
    (folder / "send/audio/000000000000.js").write_text("left by a run that was stopped")
    assert make("mushra", seed=None)[1]["seed"] == key["seed"]
    assert contents(folder) == before
    other, _key = make("mushra", folder="other", seed=key["seed"])
    assert sorted(contents(other).values()) == sorted(before.values())
    assert make("mushra", folder="third", seed=None)[1]["seed"] != key["seed"]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("listen out exp/clean exp/dull", "--mode mushra: needs --reference, a data directory or wav.scp …"),
        ("listen --mode ab out exp/clean", "--mode ab: expected 2 or more folders to listen to, found 1"),
        ("listen --mode mos out", "--mode mos: expected 1 or more folders to listen to, found 0"),
        ("listen --mode ab out exp/clean exp/clean", "exp/clean: is given twice"),
        ("listen --mode ab out a=exp/clean a=exp/clean", "exp/clean: is given twice"),
        ("listen --mode ab out exp/clean exp/nothing", "exp/nothing: no such table; …"),
        ("listen --mode ab --reference exp/dull out exp/clean exp/dull", "--reference: only mushra has one; …"),
        ("listen --reference exp/clean out exp/clean", "exp/clean: is the reference, which stands hidden on …"),
        ("listen --mode mos out reference=exp/clean", "reference=exp/clean: that name has a meaning of its own …"),
        ("listen --mode mos --utterances 9 out exp/clean", "--utterances: expected 1 to 6, what all systems have; …"),
        ("listen --mode mos --loudness 3 out exp/clean", "--loudness: expected LUFS from -60 to 0, found 3"),
        ("listen --mode ab --pairs 1:3 out exp/clean exp/dull", "--pairs: expected two different numbers from 1 to 2…"),
        ("listen --mode ab --pairs a:b out exp/clean exp/dull", "--pairs: expected pairs of numbers such as 1:2,1:3…"),
        ("listen --mode ab --pairs 1:2,2:1 out exp/clean exp/dull", "--pairs: one pair is given twice"),
        ("listen --mode ab --checks 99 out exp/clean exp/dull", "--checks: expected 0 to 12, one for each wave, …"),
        ("listen --mode ab --checks -1 out exp/clean exp/dull", "--checks: expected 0 to 12, one for each wave, …"),
        ("listen --anchors low --reference exp/dull out exp/clean", "--anchors: expected numbers such as 3.5,7; …"),
        ("listen --anchors 9 --reference exp/dull out exp/clean", "--anchors: a low-pass of 9 kHz needs a …"),
        ("listen --anchors 0 --reference exp/dull out exp/clean", "--anchors: expected kHz above 0, found 0"),
        ("listen --key k.json out exp/clean", "--key belongs to --collect; to make a test, leave it out"),
        *(
            (
                f"listen --mode {mode} {option} out exp/clean exp/dull",
                f"{option.split()[0]} belongs to --mode {theirs}; with --mode {mode}, leave it out",
            )
            for mode, option, theirs in [
                ("ab", "--anchors 3.5", "mushra"),
                ("mos", "--pairs 1:2", "ab"),
                ("mos", "--checks 2", "ab"),
                ("ab", "--half_steps", "mos"),
            ]
        ),
        *(
            (
                f"listen --collect {option} key.json",
                f"{option.split()[0]} belongs to making a test; with --collect, leave it out",
            )
            for option in [
                "--mode ab",
                "--reference exp/dull",
                "--utterances 3",
                "--seed 1",
                "--anchors 3.5",
                "--pairs 1:2",
                "--checks 2",
                "--half_steps",
                "--training false",
                "--loudness -20",
                "--sample_rate 8000",
                "--title A",
                "--intro latin",
            ]
        ),
        ("listen --mode ab out exp/clean other", "no utterance is in all of exp/clean, other; were they …"),
        ("listen --mode mos --intro latin out exp/clean", "--intro: latin: not UTF-8 text (…)"),
        ("listen --mode mos --intro none out exp/clean", "none: No such file or directory"),
        ("listen --mode mos full exp/clean", "full: is not empty; name another directory"),
        ("listen --mode mos --sample_rate 0 out exp/clean", "--sample_rate: expected Hz above 0, found 0"),
    ],
)
def test_what_cannot_be_built(command, sentence, exp, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("exp").symlink_to(exp)
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine")
    Path("latin").write_bytes(b"\xe9t\xe9")
    Path("other").mkdir()
    Path("other/wav.scp").write_text("v1 nowhere.wav\n")
    assert cli.main(command.split()) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    pattern = re.escape(f"vocoders listen: error: {sentence}").replace("…", ".*")
    assert re.fullmatch(pattern, line), line
    assert not Path("out").exists() and [path.name for path in Path("full").iterdir()] == ["notes.txt"]


def test_another_test_in_the_same_folder_is_refused(exp, tmp_path, capsys):
    command = ["listen", "--mode", "mos", str(tmp_path / "out"), str(exp / "clean")]
    assert cli.main(command) == 0
    before = contents(tmp_path)
    for change in (["--utterances", "3"], ["--seed", "1"]):
        assert cli.main([*command, *change]) == 1
        assert "out: holds another listening test; name another directory" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_folders_in_another_order_are_another_test(exp, tmp_path, capsys):
    """Of the same waves, but pairs and names would change, and what was sent could not be collected any more."""
    command = ["listen", "--mode", "ab", "--utterances", "2", str(tmp_path / "out")]
    assert cli.main([*command, str(exp / "clean"), str(exp / "dull")]) == 0
    before, key = contents(tmp_path), (tmp_path / "out/key.json").read_bytes()
    assert cli.main([*command, str(exp / "dull"), str(exp / "clean")]) == 1
    assert "out: holds another listening test; name another directory" in capsys.readouterr().err
    assert contents(tmp_path) == before and (tmp_path / "out/key.json").read_bytes() == key


def test_a_seed_alone_tells_no_name(exp, tmp_path, monkeypatch):
    """Two tests that differ in one sample of one wave, which listeners do not have, share nothing that is drawn."""
    monkeypatch.chdir(tmp_path)
    made = []
    for number in range(2):
        samples, rate = soundfile.read(exp / "clean/wav/u0.wav", dtype="int16")
        samples[5] += number
        soundfile.write("mine.wav", samples, rate)
        Path("wav.scp").write_text("u0 mine.wav\n")
        made.append(build(f"out{number}", ["mine=wav.scp"], mode="mos", seed=7, training=False))
    one, other = ({key["test"], key["order_seed"], *utterance_of(key)} for key in made)
    assert len(one) == 3 and not one & other


def test_systems_have_the_names_of_their_tables(exp, tmp_path):
    """As in system.json; two of one name are told apart by their folders."""
    for place in ("one", "two"):
        write_json(tmp_path / place / "system.json", {"system": "Some Net"})
        (tmp_path / place / "wav.scp").write_text((exp / "clean/wav.scp").read_text())
    places = [str(tmp_path / "one"), str(tmp_path / "two"), str(exp / "dull"), f"mine={exp / 'broken'}"]
    key = build(tmp_path / "out", places, mode="mos", utterances=1)
    names = [f"Some Net [{places[0]}]", f"Some Net [{places[1]}]", str(exp / "dull"), "mine"]
    assert list(key["settings"]["systems"]) == names
    assert json.loads((tmp_path / "out/key.json").read_text()) == json.loads(json.dumps(key))


def test_ones_own_words_stand_on_the_page(exp, tmp_path):
    (tmp_path / "words.txt").write_text("First <things>\nfirst.\n\nThen the rest.\n")
    options = ["--intro", str(tmp_path / "words.txt"), "--title", "A & B", "--utterances", "1"]
    assert cli.main(["listen", "--mode", "mos", *options, str(tmp_path / "out"), str(exp / "clean")]) == 0
    page = (tmp_path / "out/send/index.html").read_text()
    assert "<h1>A &amp; B</h1>" in page
    assert "<p>First &lt;things&gt; first.</p>" in page and "<p>Then the rest.</p>" in page
