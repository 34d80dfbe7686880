"""Trainings with several seeds as one row, and paired differences between rows."""

import json
import shutil

import numpy as np
import pytest

from vocoders.cli.report import main
from vocoders.errors import InputError
from vocoders.io.files import append_jsonl, write_json
from vocoders.reporting.differences import difference_table
from vocoders.reporting.pooling import pool
from vocoders.reporting.results import find_results
from vocoders.reporting.tables import build_table

UTTERANCES = ["u1", "u2", "u3", "u4"]


def trained(root, name, values, *, seed, levels="steps", options=None, **settings):
    """A scored set of a training; ``values`` are the scores of its utterances, NaN for undefined."""
    folder = root / name / "decode" / "eval"
    folder.mkdir(parents=True)
    config = {"model": {"levels": levels}, "train": {"seed": seed, **settings}}
    (root / name / "config.yaml").write_text(json.dumps(config))
    for utt, value in zip(UTTERANCES, values):
        append_jsonl(folder / "scores.jsonl", {"utt": utt, "pesq": None if np.isnan(value) else value})
    metric = {"mean": float(np.nanmean(values)), "low": 0.0, "high": 1.0, "n": len(values), "undefined": []}
    write_json(
        folder / "summary.json",
        {
            "n": len(values),
            "metrics": {"pesq": {**metric, "label": "PESQ", "better": "higher"}},
            "rtf": {"total": 0.1 * (seed + 1)},
            "system": {"system": "Net", "kind": "model", "options": options or {}, "training_seconds": 60.0 * seed},
        },
    )


def rows(root, **options):
    return find_results(root, **options)["eval"]


@pytest.fixture
def seeds(tmp_path):
    """Two configurations, three seeds: the second is .5 better on utterances that differ much more."""
    random = np.random.default_rng(0)
    utterances = random.normal(0, 2, 4)
    for seed in range(3):
        base = utterances + random.normal(0, 0.3)
        trained(tmp_path, f"a_seed{seed}", base, seed=seed)
        trained(tmp_path, f"b_seed{seed}", base + 0.5 + random.normal(0, 0.01, 4), seed=seed, levels="log_snr")
    return tmp_path


def test_seeds_of_one_configuration_are_one_row_over_all_their_scores(seeds):
    first, second = pool(rows(seeds))
    assert (len(first.members), len(second.members)) == (3, 3)
    every = [value["pesq"] for member in first.members for value in member.scores.values()]
    entry = first.metrics["pesq"]
    assert entry["mean"] == pytest.approx(np.mean(every)) and entry["n"] == 4
    alone = first.members[0].summary
    assert entry["low"] < entry["mean"] < entry["high"] and entry["n"] == alone["n"]
    assert first.summary["rtf"]["total"] == pytest.approx(0.2)
    table = build_table("eval", [first, second])
    assert table.columns[0].cells == ["Net, levels steps", "Net, levels log_snr"]
    assert next(column for column in table.columns if column.name == "trainings").cells == ["3", "3"]
    assert "and 2 trainings with other seeds" in table.origins[0]


def test_anything_else_that_differs_keeps_rows_apart(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0], seed=0)
    trained(tmp_path, "b", [1.0, 2.0], seed=1, max_steps=7)
    trained(tmp_path, "c", [1.0, 2.0], seed=2, options={"steps": 6})
    assert len(pool(rows(tmp_path))) == 3


def test_one_training_twice_is_refused(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0], seed=3)
    trained(tmp_path, "b", [1.0, 2.0], seed=3)
    with pytest.raises(InputError, match="differ in nothing, not even the seed"):
        pool(rows(tmp_path))


def test_two_checkpoints_of_one_training_are_two_rows(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0], seed=0)
    shutil.copytree(tmp_path / "a" / "decode", tmp_path / "a" / "decode_last")
    assert [row.place for row in pool(rows(tmp_path))] == ["a/decode", "a/decode_last"]


def test_waves_from_elsewhere_are_never_pooled(tmp_path):
    for name in ("a", "b"):
        trained(tmp_path, name, [1.0, 2.0], seed=0)
        path = tmp_path / name / "decode" / "eval" / "summary.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "system": None}))
    assert len(pool(rows(tmp_path))) == 2


def test_an_utterance_undefined_in_one_training_is_in_no_mean(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0, 3.0, np.nan], seed=0)
    trained(tmp_path, "b", [2.0, 3.0, 4.0, 100.0], seed=1)
    (row,) = pool(rows(tmp_path))
    entry = row.metrics["pesq"]
    assert entry["undefined"] == ["u4"] and entry["n"] == 3
    assert entry["mean"] is None  # a quarter is too much for a mean of the others to be fair


def test_trainings_scored_on_other_utterances_are_refused(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0], seed=0)
    trained(tmp_path, "b", [1.0, 2.0, 3.0], seed=1)
    with pytest.raises(InputError, match="differ only in the seed of training, but not the same utterances"):
        pool(rows(tmp_path))


def test_a_paired_difference_sees_what_two_intervals_hide(seeds):
    first, second = pool(rows(seeds))
    assert first.metrics["pesq"]["high"] > second.metrics["pesq"]["low"]  # the intervals overlap
    table = difference_table("eval", [first, second], "a_seed2/*")  # any of its trainings names the row
    assert table.columns[0].cells == ["Net, levels log_snr"]
    (cell,) = table.columns[1].cells
    assert cell.endswith(" *")
    mean, half = map(float, cell.removesuffix(" *").split(" ± "))
    assert mean == pytest.approx(0.5, abs=0.02) and half < 0.05


def test_no_effect_has_no_mark(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0, 3.0, 4.0], seed=0)
    trained(tmp_path, "b", [1.1, 1.9, 3.1, 3.9], seed=0, levels="log_snr")
    (cell,) = difference_table("eval", rows(tmp_path), "a/*").columns[1].cells
    assert cell.startswith("+0.000 ± 0.") or cell.startswith("-0.000 ± 0.")
    assert "*" not in cell


def test_what_rows_are_compared_with_is_one_row(seeds):
    with pytest.raises(InputError, match="the path of one row of eval, found a_seed0/decode and b_seed0/decode"):
        difference_table("eval", pool(rows(seeds)), "*")
    assert difference_table("eval", pool(rows(seeds)), "gone*") is None  # another set may have it
    with pytest.raises(InputError, match=r"--against gone\*: no row has such a path"):
        main(str(seeds), against="gone*")


def test_scores_that_a_row_lacks_or_that_are_undefined_are_no_differences(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0, 3.0, np.nan], seed=0)
    trained(tmp_path, "b", [1.1, 2.1, 3.1, 4.1], seed=0, levels="log_snr")
    trained(tmp_path, "c", [1.2, 2.2, 3.2, 4.2], seed=0, levels="more")
    path = tmp_path / "c" / "decode" / "eval" / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "metrics": {}}))
    table = difference_table("eval", rows(tmp_path), "a/*")
    assert table.columns[1].cells == ["–", "–"]


def test_trainings_are_paired_by_their_seeds_or_not_at_all(tmp_path):
    for name, seeds in (("a", (0, 1)), ("b", (1, 2))):
        for seed in seeds:
            trained(tmp_path, f"{name}{seed}", [1.0, 2.0], seed=seed, levels=name)
    with pytest.raises(InputError, match=r"cannot be paired, the seeds are \[1, 2\] and \[0, 1\]"):
        difference_table("eval", pool(rows(tmp_path)), "a0/*")


def test_several_trainings_less_one_row_keep_their_spread(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0, 3.0, 4.0], seed=0)
    for seed, better in enumerate((0.0, 1.0, 2.0)):
        trained(tmp_path, f"b{seed}", [1.0 + better, 2.0 + better, 3.0 + better, 4.0 + better], seed=seed, levels="x")
    (cell,) = difference_table("eval", pool(rows(tmp_path)), "a/*").columns[1].cells
    assert cell == "+1.000 ± 2.484"  # t(0.975, 2) * 1 / sqrt(3)


def test_only_some_rows(seeds):
    assert [row.place for row in rows(seeds, only="a_*1/*")] == ["a_seed1/decode"]
    with pytest.raises(InputError, match=r"--only z\*: no scored directory"):
        find_results(seeds, only="z*")
