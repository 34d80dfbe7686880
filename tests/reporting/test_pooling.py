"""Trainings with several seeds as one row, and paired differences between rows."""

import json

import numpy as np
import pytest

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
    assert (first.trainings, second.trainings) == (3, 3)
    every = [value["pesq"] for member in first.members for value in member.scores.values()]
    entry = first.metrics["pesq"]
    assert entry["mean"] == pytest.approx(np.mean(every)) and entry["n"] == 4
    assert entry["low"] < entry["mean"] < entry["high"]
    assert first.summary["rtf"]["total"] == pytest.approx(0.2)
    table = build_table("eval", [first, second])
    assert table.columns[0].cells == ["Net, levels steps", "Net, levels log_snr"]
    assert next(column for column in table.columns if column.name == "trainings").cells == ["3", "3"]
    assert "and 2 trainings with other seeds" in table.origins[0]


def test_anything_else_that_differs_keeps_rows_apart(tmp_path):
    trained(tmp_path, "a", [1.0, 2.0], seed=0)
    trained(tmp_path, "b", [1.0, 2.0], seed=1, max_steps=7)
    trained(tmp_path, "c", [1.0, 2.0], seed=2, options={"steps": 6})
    assert [row.trainings for row in pool(rows(tmp_path))] == [1, 1, 1]


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
    table = difference_table("eval", [first, second], "a_seed*")
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


@pytest.mark.parametrize("against, found", [("gone*", "none"), ("*", "a_seed0/decode and b_seed0/decode")])
def test_what_rows_are_compared_with_is_one_row(seeds, against, found):
    with pytest.raises(InputError, match=rf"expected the path of one row of eval, found {found}"):
        difference_table("eval", pool(rows(seeds)), against)


def test_only_some_rows(seeds):
    assert [row.place for row in rows(seeds, only="a_*1/*")] == ["a_seed1/decode"]
    with pytest.raises(InputError, match=r"--only z\*: no scored directory"):
        find_results(seeds, only="z*")
