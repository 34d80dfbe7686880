"""What listeners said, put together: planted opinions come back, with intervals that hold; bad files are refused."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from vocoders import cli
from vocoders.listening.analysis import analyse, holm
from vocoders.listening.answers import Answers, read_all
from vocoders.listening.collect import collect
from vocoders.listening.summary import markdown

QUALITY = {"reference": 100, "clean": 85, "hissing": 60, "dull": 40, "broken": 20, "anchor 3.5 kHz": 30}


def opinion(seed, spread=6):
    """A listener with a habit of rating high or low, and noise; the reference is always known."""
    random = np.random.default_rng(seed)
    habit = random.normal(0, 3)

    def rate(system, utterance):
        if system == "reference":
            return 100
        return int(np.clip(round(QUALITY.get(system, 0) + habit + random.normal(0, spread)), 0, 100))

    return rate


def analysed(key, paths):
    return analyse(read_all(paths, key), key)


def test_means_are_those_of_numpy_and_intervals_hold_the_truth(make, answer):
    _folder, key = make("mushra")
    paths = [answer(key, f"l{n}", opinion(n)) for n in range(8)]
    summary = analysed(key, paths)
    assert [row["system"] for row in summary["systems"]] == sorted(QUALITY, key=lambda system: -QUALITY[system])
    counted = {screen["id"]: screen["items"] for screen in key["screens"] if not screen["training"]}
    for row in summary["systems"]:
        told = [
            screen["ratings"][name]
            for path in paths
            for screen in json.loads(path.read_text())["screens"]
            for name, system in counted.get(screen["id"], {}).items()
            if system == row["system"]
        ]
        assert row["mean"] == pytest.approx(np.mean(told)) and row["n"] == len(told) == 40
        assert row["low"] <= QUALITY[row["system"]] <= row["high"] or row["system"] == "reference"
    difference = next(row for row in summary["differences"] if (row["system"], row["minus"]) == ("clean", "hissing"))
    assert difference["low"] < 25 < difference["high"]
    clean, hissing = (row for row in summary["systems"] if row["system"] in ("clean", "hissing"))
    assert difference["high"] - difference["low"] < clean["high"] - clean["low"] + hissing["high"] - hissing["low"]


def test_who_does_not_hear_the_reference_is_excluded(make, answer):
    """BS.1534-3: more than 15 % of the screens below 90, so of 5 one is enough; the training does not count."""
    _folder, key = make("mushra")
    training = next(screen["utterance"] for screen in key["screens"] if screen["training"])
    deaf = {"u1": 89, "u2": 90}
    paths = [
        answer(key, "good", lambda system, utterance: 90 if system == "reference" else 50),
        answer(key, "bad", lambda system, utterance: deaf.get(utterance, 100) if system == "reference" else 50),
        answer(key, "late", lambda system, utterance: 0 if utterance == training else 100),
    ]
    summary = analysed(key, paths)
    assert summary["listeners"] == ["good", "late"]
    assert summary["excluded"] == {"bad": "rates the hidden reference below 90 on 1 of 5 screens"}
    assert next(row["mean"] for row in summary["systems"] if row["system"] == "dull") == 75


def test_who_takes_the_anchor_of_7_khz_for_the_reference_is_excluded(make, answer):
    _folder, key = make("mushra", anchors=(3.5, 7.0))
    paths = [answer(key, "good", opinion(0)), answer(key, "bad", lambda system, utterance: 95)]
    assert list(analysed(key, paths)["excluded"]) == ["bad"]


def test_preferences_and_their_p_corrected(make, answer):
    """clean wins always, which four listeners can say four times; dull and broken are liked as it comes."""
    _folder, key = make("ab", pairs=[(1, 2), (3, 4)])
    random = np.random.default_rng(3)

    def rate(system, utterance):
        return QUALITY.get(system, 0) if system in ("clean", "hissing") else -99 * ("noise" in system) + random.random()

    summary = analysed(key, [answer(key, f"l{n}", rate) for n in range(4)])
    sure, open_ = summary["pairs"]
    assert (sure["first"], sure["prefer_first"], sure["prefer_second"], sure["mean"]) == ("clean", 20, 0, 1)
    exact = stats.binomtest(4, 4)
    assert sure["p"] == pytest.approx(exact.pvalue) and sure["p_holm"] == pytest.approx(2 * sure["p"])
    assert (sure["low"], sure["high"]) == pytest.approx(tuple(exact.proportion_ci()))
    votes = open_["prefer_first"], open_["prefer_second"]
    assert (
        sum(votes) == 20
        and 0.05 < open_["p"] == open_["p_holm"]
        and open_["low"] < 0.5 < open_["high"]
        and open_["mean"] == votes[0] / 20
    )


def preferred(votes):
    """What ab finds for votes [listeners, utterances]: 1 for the first of two systems, 0 for the other, or .5."""
    votes = np.asarray(votes)
    screens = [
        {"id": f"s{n}", "utterance": f"u{n:02}", "training": False, "check": False, "items": {"a": "one", "b": "two"}}
        for n in range(votes.shape[1])
    ]
    settings = {"mode": "ab", "systems": {"one": "one", "two": "two"}, "utterances": [s["utterance"] for s in screens]}
    key = {"settings": settings, "screens": screens, "test": "0", "loudness": -23.0}
    answers = [
        Answers(f"l{at}", Path(), {f"s{n}": {"a": vote, "b": 1 - vote} for n, vote in enumerate(row.tolist())})
        for at, row in enumerate(votes)
    ]
    summary = analyse(answers, key)
    (row,) = summary["pairs"]
    return row, markdown(summary)


@pytest.mark.parametrize(("listeners", "utterances"), [(10, 8), (20, 8), (4, 4)])
@pytest.mark.parametrize(("of_listeners", "of_utterances"), [(1, 0.5), (0.5, 1)])
def test_without_a_preference_p_keeps_its_level(listeners, utterances, of_listeners, of_utterances):
    """Random leanings of listeners and utterances, none overall: 5 % of p are below .05, with a standard error of 1.1 %
    over 400 draws; those of a sign test over all votes would be several times as many, but for the few of four by four.
    """
    random = np.random.default_rng(0)
    found, pooled = [], []
    for _ in range(400):
        leaning = of_listeners * random.normal(size=(listeners, 1)) + of_utterances * random.normal(size=utterances)
        votes = (random.random((listeners, utterances)) < 1 / (1 + np.exp(-leaning))).astype(float)
        row, _text = preferred(votes)
        found.append(row["p"])
        pooled.append(stats.binomtest(int(votes.sum()), votes.size).pvalue)
        assert 0 <= row["low"] <= row["mean"] <= row["high"] <= 1
        inside = row["low"] <= 0.5 <= row["high"]
        assert inside == (row["p"] >= 0.05)
    assert np.mean(np.array(found) < 0.05) <= 0.08
    assert listeners == 4 or np.mean(np.array(pooled) < 0.05) > 0.13


def test_p_finds_what_all_agree_on_but_one():
    votes = np.ones((10, 8))
    votes[3, 4] = 0
    row, _text = preferred(votes)
    assert row["p"] < 1e-4 and 0.9 < row["low"] < row["high"] <= 1
    row, _text = preferred(1 - votes)
    assert row["p"] < 1e-4 and 0 <= row["low"] < row["high"] < 0.1


@pytest.mark.parametrize(
    ("shape", "counted", "notes"),
    [
        ((2, 4), 2, "interval if any, of 2 votes"),
        ((8, 3), 3, "interval if any, of 3 votes"),
        ((1, 8), 8, "of one listener, it says nothing of others"),
        ((5, 1), 5, "No intervals: one utterance says nothing of others."),
    ],
)
def test_votes_that_are_all_alike_count_no_more_than_are_independent(shape, counted, notes):
    row, text = preferred(np.ones(shape))
    exact = stats.binomtest(counted, counted)
    ends = (None, None) if shape[1] == 1 else tuple(exact.proportion_ci())
    assert (row["p"], row["low"], row["high"]) == pytest.approx((exact.pvalue, *ends)) and notes in text
    row, text = preferred(np.full(shape, 0.5))
    assert (row["p"], row["low"], row["high"]) == (1, None, None) and "No intervals: " in text


def test_no_interval_leaves_the_scale(make, answer):
    """All at the top but one."""
    _folder, key = make("mushra", systems=["clean", "dull"])

    def rate(number):
        odd = {("clean", "u1"): 0} if number == 0 else {}
        return lambda system, utt: odd.get((system, utt), 0 if system in ("dull", "anchor 3.5 kHz") else 100)

    summary = analysed(key, [answer(key, f"l{n}", rate(n)) for n in range(2)])
    clean = next(row for row in summary["systems"] if row["system"] == "clean")
    difference = next(row for row in summary["differences"] if (row["system"], row["minus"]) == ("clean", "dull"))
    assert clean["low"] < clean["mean"] == 90 and difference["mean"] == 90
    assert clean["high"] == difference["high"] == 100


def test_no_preference_is_half_a_vote_and_no_evidence(make, answer):
    _folder, key = make("ab", pairs=[(1, 2)])
    summary = analysed(key, [answer(key, "anna", lambda system, utterance: -("noise" in system))])
    (row,) = summary["pairs"]
    assert (row["no_preference"], row["mean"], row["p"], row["p_holm"]) == (5, 0.5, 1, 1)


def test_who_does_not_hear_loud_noise_is_excluded(make, answer):
    _folder, key = make("ab", checks=2)
    paths = [
        answer(key, "good", lambda system, utterance: QUALITY.get(system, 0)),
        answer(key, "careless", lambda system, utterance: 0),
    ]
    assert analysed(key, paths)["excluded"] == {"careless": "does not hear loud noise on 2 of 2 checks"}


def test_unusual_opinions_are_named_and_counted(make, answer):
    _folder, key = make("mos")
    votes = {"clean": 5, "hissing": 4, "dull": 3, "broken": 1}
    paths = [answer(key, f"l{n}", lambda system, utterance: votes[system]) for n in range(3)]
    paths.append(answer(key, "contrary", lambda system, utterance: 6 - votes[system]))
    paths.append(answer(key, "same", lambda system, utterance: 3))
    summary = analysed(key, paths)
    assert list(summary["outliers"]) == ["contrary", "same"] and len(summary["listeners"]) == 5
    assert summary["outliers"]["same"] == "rates everything 3"
    assert summary["systems"][0] | {"low": 0, "high": 0} == {
        "system": "clean",
        "mean": (3 * 5 + 1 + 3) / 5,
        "low": 0,
        "high": 0,
        "n": 25,
    }


def test_differences_are_of_the_same_utterances(make, answer):
    """However easy an utterance is, one system is one point below the other: no spread is left."""
    _folder, key = make("mos", systems=["clean", "dull"])
    paths = [answer(key, f"l{n}", lambda system, utt: 2 + int(utt[1]) % 3 + (system == "clean")) for n in range(2)]
    (difference,) = analysed(key, paths)["differences"]
    assert (difference["mean"], difference["low"], difference["high"]) == (1, 1, 1)


def test_holm_by_hand():
    """Holm 1979: sorted p times m, m - 1, ..., made monotone, at most 1."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1, 1] and holm([]) == []


def test_what_collecting_leaves(make, answer, capsys, monkeypatch):
    """As in the help; once more over all files of the folder, its own summary among them."""
    folder, key = make("mushra")
    for n in range(3):
        shutil.move(answer(key, f"l{n}", opinion(n)), folder)
    monkeypatch.chdir(folder)
    files = [f"l{n}.json" for n in range(3)]
    assert cli.main(["listen", "--collect", "--key", "key.json", *files]) == 0
    text = capsys.readouterr().out
    assert text == Path("listening.md").read_text() and "3 listeners, 5 utterances" in text
    before = Path("listening.json").read_bytes()
    assert cli.main(["listen", "--collect", *sorted(map(str, Path().glob("*.json")))]) == 0
    assert Path("listening.json").read_bytes() == before
    rows = re.findall(r"^\| (\S.*?) +\| ([\d.]+) \[", text, re.M)
    assert {system: float(mean) for system, mean in rows} == {
        row["system"]: round(row["mean"], 1) for row in json.loads(before)["systems"]
    }


def test_one_listener_alone_speaks_for_no_other(make, answer):
    folder, key = make("mos", utterances=3)
    path = answer(key, "anna", lambda system, utterance: 3 + int(utterance[1]) % 2)
    assert "with one listener they say nothing of others" in collect([path], folder / "key.json")


def test_notes_explain_what_is_there(make, answer):
    """Nothing of intervals and stars, where the tables have none."""
    folder, key = make("mos", utterances=1, systems=["clean", "dull"])
    text = collect([answer(key, f"l{n}", lambda system, _utterance: 4) for n in range(5)], folder / "key.json")
    assert "- 5 listeners, 1 utterance; n counts" in text and "- No intervals: " in text
    assert "Intervals:" not in text and "*" not in text
    folder, key = make("mos", folder="more", systems=["clean", "dull"])
    rates = {"clean": 4, "dull": 2}
    text = collect(
        [answer(key, f"l{n}", lambda system, _utterance: rates[system]) for n in range(5)], folder / "key.json"
    )
    assert "- 5 listeners, 5 utterances;" in text and "- Intervals: " in text
    assert "[+2.00, +2.00] *" in text and "\n- * the interval of the difference excludes 0" in text


def changed(change):
    def break_it(path):
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))

    return break_it


def rated(value):
    def change(found):
        ratings = found["screens"][3]["ratings"]
        ratings[next(iter(ratings))] = value

    return changed(change)


def cut(path):
    path.write_text(path.read_text()[:300])


BAD = {
    "nested": (lambda path: path.write_text("[" * 100_000), "anna.json: is not JSON (…); ask for the file again"),
    "torn": (cut, "anna.json: is not JSON (…); ask for the file again"),
    "binary": (lambda path: path.write_bytes(b"\xff\xd8"), "anna.json: is not JSON (…); ask for the file again"),
    "a list": (lambda path: path.write_text("[]"), "anna.json: is not a result of a listening test; give …"),
    "another kind": (changed(lambda found: found.pop("kind")), "anna.json: is not a result of a listening test; …"),
    "foreign": (
        changed(lambda found: found.update(test="0ther")),
        "anna.json: is of test '0ther', but the key is of …",
    ),
    "incomplete": (changed(lambda found: found["screens"].pop()), "anna.json: 1 of 5 screens are absent; ask for …"),
    "twice": (
        changed(lambda found: found["screens"].append(found["screens"][0])),
        "anna.json: its order is not that …",
    ),
    "renamed": (changed(lambda found: found.update(listener="eva")), "anna.json: its order is not that of listener …"),
    "no name": (changed(lambda found: found.update(listener=None)), "anna.json: its order is not that of listener …"),
    "no ratings": (changed(lambda found: found["screens"][0].pop("ratings")), "anna.json: a screen lacks its id, …"),
    "null": (changed(lambda found: found.update(screens=None)), "anna.json: a screen lacks its id, …"),
    "one rating less": (
        changed(lambda found: found["screens"][0]["ratings"].popitem()),
        "anna.json: screen …: the ratings are not of its samples; ask for the file again",
    ),
    "too high": (rated(101), "anna.json: screen …: … is rated 101; expected 0 to 100 in steps of 1"),
    "a fraction": (rated(49.5), "anna.json: screen …: … is rated 49.5; expected 0 to 100 in steps of 1"),
    "true": (rated(True), "anna.json: screen …: … is rated True; expected 0 to 100 in steps of 1"),
    "text": (rated("50"), "anna.json: screen …: … is rated '50'; expected 0 to 100 in steps of 1"),
    "doubled": (
        lambda path: shutil.copy(path, "bob.json"),
        "anna.json and bob.json: both are of listener 'anna' and hold the same ratings; keep one of them",
    ),
    "two of one listener": (
        lambda path: (shutil.copy(path, "bob.json"), rated(7)(Path("bob.json"))),
        "anna.json and bob.json: both are of listener 'anna' and hold different ratings; keep one of them",
    ),
    "no key": (lambda path: Path("key.json").unlink(), "expected one key, found none; give the test's with --key …"),
    "two keys": (
        lambda path: shutil.copy("key.json", "another.json"),
        "expected one key, found another.json, key.json; give the test's with --key OUT/key.json",
    ),
    "no result": (lambda path: path.unlink(), "no results; give the JSON files that listeners downloaded"),
    "none left": (
        changed(
            lambda found: [screen["ratings"].update(dict.fromkeys(screen["ratings"], 0)) for screen in found["screens"]]
        ),
        "screening excludes all 1 listeners (anna: rates the hidden reference below 90 on 4 of 4 screens)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_results(name, make, answer, monkeypatch, capsys):
    folder, key = make("mushra", utterances=4)
    shutil.move(answer(key, "anna", opinion(1)), folder)
    monkeypatch.chdir(folder)
    break_it, sentence = BAD[name]
    break_it(Path("anna.json"))
    assert cli.main(["listen", "--collect", *sorted(map(str, Path().glob("*.json")))]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    pattern = re.escape(f"vocoders listen: error: {sentence}").replace("…", ".*")
    assert re.fullmatch(pattern, line), line
    assert not Path("listening.json").exists() and not Path("listening.md").exists()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("--key anna.json anna.json", "anna.json: is not the key of a listening test; give the key.json that stayed …"),
        ("--key nokey.json anna.json", "nokey.json: No such file or directory"),
        ("nothing.json", "nothing.json: No such file or directory"),
    ],
)
def test_bad_keys(command, sentence, make, answer, monkeypatch, capsys):
    folder, key = make("mushra", utterances=4)
    shutil.move(answer(key, "anna", opinion(1)), folder)
    monkeypatch.chdir(folder)
    assert cli.main(["listen", "--collect", *command.split()]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(re.escape(f"vocoders listen: error: {sentence}").replace("…", ".*"), line), line
