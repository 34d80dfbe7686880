"""Scores by speaker: whose utterance is whose stands in the utt2spk beside the reference."""

import re
from statistics import fmean

import pytest

from vocoders.cli.report import main as report
from vocoders.errors import InputError
from vocoders.io.files import append_jsonl, write_json
from vocoders.io.tables import write_table
from vocoders.reporting.pooling import pool
from vocoders.reporting.results import find_results
from vocoders.reporting.speakers import by_speaker, speaker_tables

SPEAKER = {"p1_1": "p1", "p1_2": "p1", "p1_3": "p1", "p2_1": "p2", "s5_1": "s5", "s5_2": "s5"}
PESQ = {"p1_1": 1.0, "p1_2": 2.0, "p1_3": 4.5, "p2_1": 3.0, "s5_1": 2.0, "s5_2": 2.5}
VOICING = {**PESQ, "p2_1": None, "s5_2": None}  # utterances in which it is undefined
LABELS = {"pesq": ("PESQ", "higher"), "vuv": ("V/UV", "lower")}


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe's directory with one scored row, scored from there."""
    write_table(tmp_path / "data/eval/utt2spk", SPEAKER)
    write_row(tmp_path / "exp/train_x_seed0/decode/eval", seed=0)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_row(folder, *, seed, more=0.0):
    for utt in PESQ:
        vuv = VOICING[utt] if VOICING[utt] is None else VOICING[utt] + more
        append_jsonl(folder / "scores.jsonl", {"utt": utt, "pesq": PESQ[utt] + more, "vuv": vuv})
    metrics = {
        name: {"mean": 2.5 + more, "low": 2.0, "high": 3.0, "n": 6, "undefined": [], "label": label, "better": better}
        for name, (label, better) in LABELS.items()
    }
    system = {"system": "Net", "kind": "model", "seed": seed, "mel_hash": "abc"}
    summary = {"n": 6, "metrics": metrics, "system": system, "reference": "data/eval/wav.scp"}
    write_json(folder / "summary.json", summary)
    (folder.parents[1] / "config.yaml").write_text(f"train: {{seed: {seed}}}\n")


def columns(table):
    return {column.name: column.cells for column in table.columns}


def test_each_speaker_has_its_mean_and_its_n(recipe):
    (table,) = speaker_tables(find_results("exp"))
    cells = columns(table)
    assert (cells["speaker"], cells["n"]) == (["p1", "p2", "s5"], ["3", "1", "2"])
    for speaker, cell in zip(cells["speaker"], cells["PESQ ↑"]):
        own = [PESQ[utt] for utt in PESQ if SPEAKER[utt] == speaker]
        assert cell.startswith(f"{fmean(own):.3f}")
        assert ("±" in cell) == (len(own) > 1)  # one utterance has no interval


def test_an_undefined_score_is_said(recipe):
    (table,) = speaker_tables(find_results("exp"))
    # and where half of the utterances have none, the mean of the others is not given
    assert columns(table)["V/UV ↓"][1:] == ["undefined", "undefined"]


def test_trainings_that_differ_in_their_seed_are_one_line(recipe):
    write_row(recipe / "exp/train_x_seed1/decode/eval", seed=1, more=1.0)
    rows = {name: pool(found) for name, found in find_results("exp").items()}
    (table,) = speaker_tables(rows)
    assert columns(table)["PESQ ↑"][1].startswith("3.500")  # of 3 and 4
    assert columns(table)["n"] == ["3", "1", "2"]


def test_it_is_found_from_elsewhere_too(recipe, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    (rows,) = find_results(recipe / "exp").values()
    assert by_speaker(rows[0])["p1"] == ["p1_1", "p1_2", "p1_3"]


def test_a_file_of_that_name_here_is_not_taken_for_the_recipes(recipe, monkeypatch, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_table(other / "data/eval/utt2spk", dict.fromkeys(SPEAKER, "stranger"))
    monkeypatch.chdir(other)
    (rows,) = find_results(recipe / "exp").values()
    assert list(by_speaker(rows[0])) == ["p1", "p2", "s5"]


def test_experiments_outside_of_the_recipe(recipe, monkeypatch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("scratch") / "exp"
    (recipe / "exp").rename(elsewhere)
    (rows,) = find_results(elsewhere).values()
    assert list(by_speaker(rows[0])) == ["p1", "p2", "s5"]


def test_without_speakers_it_is_refused(recipe):
    write_table(recipe / "data/eval/utt2spk", {utt: SPEAKER[utt] for utt in ("p1_1", "p2_1")})
    with pytest.raises(InputError, match=r"data/eval/utt2spk: 4 utterance\(s\) of .* have no speaker: p1_2"):
        speaker_tables(find_results("exp"))
    (recipe / "data/eval/utt2spk").unlink()
    with pytest.raises(InputError, match="summary.json: data/eval/utt2spk, which would say who speaks, is not there"):
        speaker_tables(find_results("exp"))


def test_the_report_keeps_both_kinds_of_tables(recipe, capsys):
    report("exp", results="RESULTS.md")
    report("exp", results="RESULTS.md", block="speakers", by_speaker=True)
    text = (recipe / "RESULTS.md").read_text()
    assert re.findall(r"^### (.+)$", text, re.M) == ["eval", "eval, Net: by speaker"]
    assert re.search(r"^\| s5 +\| 2 +\| 2\.250 ±", text, re.M)
    assert "n as stated" in capsys.readouterr().out
