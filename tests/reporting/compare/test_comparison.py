"""Which rows stand in one ranking, what is called different there, and that all forms of the table say the same."""

import csv
import io
import json

import numpy as np
import pytest
from scipy import stats

from vocoders import cli
from vocoders.errors import InputError
from vocoders.io.audio import read_wave, write_wave
from vocoders.io.files import read_jsonl
from vocoders.io.tables import write_table
from vocoders.reporting.compare.comparison import comparison, find_groups
from vocoders.reporting.compare.tables import comparison_csv, comparison_markdown
from vocoders.scoring.utterance import wave_digest


@pytest.fixture
def noisy(add_scored):
    """Three systems on twelve utterances; only the second differs from the others."""
    random = np.random.default_rng(1)
    hard = random.normal(0, 1, 12)  # utterances are easy or hard for all: only pairs show the difference
    for name, shift in (("a", 0.0), ("b", -0.4), ("c", 0.0)):
        add_scored("r/exp", f"{name}/decode", hard + shift + random.normal(0, 0.1, 12), system=name.upper())


def test_rows_of_one_kind_are_one_group_whatever_their_recipe(noisy, add_scored, work):
    add_scored("other/exp", "d/decode", np.zeros(12))
    (group,) = find_groups(["r/exp", work / "other"])
    assert [row.place for row in group.rows] == ["a/decode", "b/decode", "c/decode", "d/decode"]
    assert group.title == f"{work.name}/r, eval and {work.name}/other, eval" and not group.apart


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mel_hash": "beef", "mel": {"hop_size": 300}}, "hop_size 300 instead of 256"),
        ({"mel_hash": None, "mel": None}, "mels that are not told"),
        ({"reference": "another"}, "other recordings as reference"),
        ({"reference": None}, "a reference that is not told; score again"),
        ({"utterances": 11}, "11 utterances, 11 of them among its 12"),
        ({"names": "v"}, "12 utterances, none of them among its 12"),
        ({"align": True}, "each shifted by its lag"),
    ],
)
def test_what_was_scored_otherwise_stands_apart_and_the_page_says_why(noisy, add_scored, change, reason):
    add_scored("r/exp", "d/decode", np.zeros(change.pop("utterances", 12)), **change)
    first, second = find_groups(["r/exp"])
    assert [row.place for row in second.rows] == ["d/decode"]
    assert reason in second.apart and second.apart.startswith(f"not in one ranking with {first.title}")
    assert second.apart.replace("not in", "Not in") in comparison_markdown("x", comparison([first, second]))


def test_a_difference_is_found_by_its_pairs_and_noise_is_not(noisy):
    (group,) = find_groups(["r/exp"])
    assert group.letters["pesq"] == ["a", "b", "a"]
    pairs, found, p = group.differences["pesq"]
    assert pairs == [(0, 1), (0, 2), (1, 2)]
    a, b, c = (np.array([row["pesq"] for row in member.scores.values()]) for member in group.rows)
    raw = [stats.ttest_rel(*pair).pvalue for pair in ((a, b), (a, c), (b, c))]
    np.testing.assert_allclose(found.p, raw)
    assert min(p) == pytest.approx(3 * min(raw)) and p[1] == pytest.approx(raw[1])
    assert stats.ttest_ind(a, b).pvalue > 0.05  # without pairs it would be lost


def test_all_forms_say_what_the_scores_say(noisy, work):
    contents = json.loads(json.dumps(comparison(find_groups(["r/exp"]))))
    (group,) = contents["groups"]
    lines = list(csv.DictReader(io.StringIO(comparison_csv(contents))))
    text = comparison_markdown("x", contents)
    cells = [[cell.strip() for cell in line.split("|")[1:3]] for line in text.splitlines() if line.startswith("| ")]
    for name, row, line, shown in zip("abc", group["rows"], lines, cells[1:]):
        summary = json.loads((work / f"r/exp/{name}/decode/eval/summary.json").read_text())["metrics"]["pesq"]
        assert float(line["mean"]) == row["means"]["pesq"]["mean"] == summary["mean"]
        assert np.mean(row["scores"]["pesq"]) == pytest.approx(summary["mean"], abs=1e-5)
        half = stats.sem(row["scores"]["pesq"]) * stats.t(11).ppf(0.975)  # not the bootstrap's of the summary
        assert shown == [name.upper(), f"{summary['mean']:.3f} ± {half:.3f} {line['letters']}"]


def test_an_undefined_score_is_no_number(add_scored):
    for name in "ab":
        add_scored("r/exp", f"{name}/decode", [1.0, None] + 18 * [2.0])
    (group,) = comparison(find_groups(["r/exp"]))["groups"]
    assert group["rows"][0]["scores"]["pesq"][1] is None and group["rows"][0]["means"]["pesq"]["n"] == 19
    assert group["differences"]["pesq"][0]["n"] == 19
    json.dumps(group, allow_nan=False)


def test_a_directory_that_is_given_twice_is_refused(noisy, work):
    with pytest.raises(InputError, match="is in r/exp already"):
        find_groups(["r/exp", work / "r/exp/a"])


def test_a_place_without_scores_is_named_and_left_out(noisy, work, caplog):
    (work / "empty").mkdir()
    (group,) = find_groups(["r/exp", "empty"])
    assert len(group.rows) == 3 and "empty: nothing scored there" in caplog.text
    (group,) = find_groups(["r/exp", "empty"], only="b/*")
    assert [row.place for row in group.rows] == ["b/decode"]
    with pytest.raises(InputError, match="empty: no summary.json there"):
        find_groups(["empty"])


def test_no_two_rows_of_a_ranking_have_one_name(add_scored, work):
    for root in ("one/exp", "two/exp"):
        add_scored(root, "a/decode", np.zeros(3), system="Net")
    (group,) = find_groups(["one", "two"])
    assert group.names == [f"Net ({work.name}/one)", f"Net ({work.name}/two)"]
    (group,) = find_groups(["one/exp/a/decode/eval", "two/exp/a/decode/eval"])
    assert len(set(group.names)) == 2


def test_rows_from_before_references_were_told_are_compared_with_later_ones(add_scored, work):
    recordings = {f"u{n:02}": 0.1 * np.random.default_rng(n).standard_normal(800).astype(np.float32) for n in range(3)}
    for utt, wave in recordings.items():
        write_wave(work / f"r/data/wav/{utt}.wav", wave, 16000)
    write_table(work / "r/data/eval/wav.scp", {utt: f"data/wav/{utt}.wav" for utt in recordings})
    digests = {utt: wave_digest(read_wave(work / f"r/data/wav/{utt}.wav")[0]) for utt in recordings}
    add_scored("r/exp", "old/decode", np.zeros(3), reference=None)
    path = add_scored("r/exp", "new/decode", np.ones(3)) / "scores.jsonl"
    rows = [{**row, "reference": digests[row["utt"]]} for row in read_jsonl(path)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (group,) = find_groups(["r"])
    assert len(group.rows) == 2


def test_means_that_are_not_of_these_scores_are_refused(noisy, work):
    (work / "r/exp/b/decode/eval/scores.jsonl").unlink()
    with pytest.raises(InputError, match="summary.json is of 12 utterances, scores.jsonl has 0; score it again"):
        find_groups(["r"])


def test_scores_of_one_name_and_two_definitions_are_refused(noisy, work):
    path = work / "r/exp/b/decode/eval/summary.json"
    summary = json.loads(path.read_text())
    summary["metrics"]["pesq"]["definition"] = "as it was"
    path.write_text(json.dumps(summary))
    with pytest.raises(InputError, match="a/decode/eval and r/exp/b/decode/eval: PESQ was measured in two ways"):
        find_groups(["r"])


@pytest.mark.parametrize("option", ["--nj", "--utterances"])
def test_numbers_that_make_no_sense_leave_nothing(noisy, work, capsys, option):
    assert cli.main(["compare", "--out", "out", option, "0", "r"]) == 1
    assert f"{option}: expected a number from 1 on, found 0" in capsys.readouterr().err
    assert not (work / "out").exists()


def test_waves_and_words_are_found_when_scores_lie_elsewhere(add_scored, work):
    """vocoders score REF DEC SCORES: the waves are where they were decoded."""
    made = add_scored("r/exp", "a/decode", np.zeros(2), waves=lambda n: np.zeros(100 + n))
    scores = work / "r/scores/eval"
    scores.mkdir(parents=True)
    summary = json.loads((made / "summary.json").read_text())
    (scores / "summary.json").write_text(json.dumps({**summary, "decoded": "exp/a/decode/eval/wav.scp"}))
    (made / "scores.jsonl").rename(scores / "scores.jsonl")
    write_table(work / "r/data/eval/text", {"u00": "nought", "u01": "one"})
    (group,) = find_groups([scores])
    assert group.rows[0].waves == {f"u{n:02}": str(made / f"wav/u{n:02}.wav") for n in range(2)}
    assert group.texts["u01"] == "one" and group.seconds["u01"] == pytest.approx(101 / 16000)
