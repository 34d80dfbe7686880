"""egs/mini/voc1 from its corpus to its report, as ./run.sh makes them; smaller, the default run takes minutes."""

import csv
import json
import re

import numpy as np
import pytest
import soundfile
import torch
import yaml
from kill_and_resume import copy_recipe, finish

from vocoders import checkpoint, cli, config
from vocoders.features.mel import MelSpec
from vocoders.io.features import FeatureReader
from vocoders.io.files import read_jsonl
from vocoders.io.tables import read_table

SETS = {"train": 8, "dev": 2, "eval": 2}
OPTIONS = ["--nj", "1", "--num_dev", "2", "--num_eval", "2"]
DUMP = "dump/mel_nvidia_22k"
EXPERIMENT = "exp/train_diffwave_tiny"
SYSTEMS = {
    "exp/recording/eval": "recording",
    "exp/griffin_lim/eval": "Griffin-Lim",
    "exp/world/eval": "WORLD",
    f"{EXPERIMENT}/decode_6steps_best/eval": "DiffWave",  # and how it was built, and its steps
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    directory = copy_recipe(tmp_path_factory.mktemp("repository"), prompts=sum(SETS.values()))
    finish(directory, *OPTIONS)
    return directory


@pytest.mark.parametrize("name", SETS)
def test_data_tables(recipe, name):
    tables = {kind: read_table(recipe / "data" / name / kind) for kind in ("wav.scp", "text", "utt2spk")}
    assert {tuple(table) for table in tables.values()} == {tuple(tables["wav.scp"])}
    assert len(tables["wav.scp"]) == SETS[name]
    assert read_table(recipe / "data" / name / "spk2utt") == {"MN": " ".join(tables["wav.scp"])}
    assert all((recipe / path).is_file() for path in tables["wav.scp"].values())


def test_sets_share_nothing_and_the_last_prompts_are_eval(recipe):
    ids = [utt for name in SETS for utt in read_table(recipe / "data" / name / "wav.scp")]
    assert ids == [f"MN001-{number:04}" for number in range(1, 13)]
    assert json.loads((recipe / "data/report.json").read_text())["valid"] is True


@pytest.mark.parametrize("name", SETS)
def test_features_are_the_recordings_in_whole_hops(recipe, name):
    reader, sources = FeatureReader(recipe / DUMP / name), read_table(recipe / "data" / name / "wav.scp")
    assert reader.utterances == list(sources)
    for utterance, source in sources.items():
        samples, rate = soundfile.read(recipe / source, dtype="int16")
        wave, mel = reader.wave(utterance), reader.mel(utterance)
        assert rate == 22050 and mel.shape == (80, len(samples) // 256) and mel.dtype == np.float32
        np.testing.assert_array_equal(wave, samples[: mel.shape[1] * 256])
        assert np.log(1e-5) - 1e-6 <= mel.min() < mel.max() < np.log(1e3)
    assert MelSpec.load(recipe / DUMP / name) == MelSpec.load(recipe / "conf/mel_nvidia_22k.yaml")


def test_training_left_its_settings_metrics_and_checkpoints(recipe):
    experiment = recipe / EXPERIMENT
    settings = yaml.safe_load((experiment / "config.yaml").read_text())
    assert settings["model"] == config.load(recipe / "conf/diffwave_tiny.yaml")["model"]
    assert settings["mel"]["hop_size"] == 256
    records = read_jsonl(experiment / "metrics.jsonl")
    assert [(r["split"], r["step"]) for r in records if r["split"] == "dev"] == [("dev", 2), ("dev", 4), ("dev", 6)]
    assert [r["step"] for r in records if r["split"] == "train"] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(r["loss"]) for r in records)
    assert all(0 <= r["data_wait"] <= 1 and r["grad_norm"] > 0 for r in records if r["split"] == "train")
    losses = {r["step"]: r["loss"] for r in records if r["split"] == "dev"}
    assert checkpoint.load(experiment / "best.pt")["step"] == min(losses, key=losses.get)
    assert checkpoint.load(experiment / "last.pt")["step"] == 6
    assert list(experiment.glob("tensorboard/events*"))
    assert "with status 0" in (experiment / "train.log").read_text()


def test_training_moved_the_weights(recipe):
    first, last = (checkpoint.load(recipe / EXPERIMENT / f"step-{step}.pt")["model"] for step in (2, 6))
    assert [name for name in first if not torch.equal(first[name], last[name])]


@pytest.mark.parametrize("system", SYSTEMS)
def test_waves_are_as_long_as_the_features(recipe, system):
    reader, waves = FeatureReader(recipe / DUMP / "eval"), read_table(recipe / system / "wav.scp")
    assert list(waves) == reader.utterances == sorted(r["utt"] for r in read_jsonl(recipe / system / "decode.jsonl"))
    for utterance, path in waves.items():
        info = soundfile.info(recipe / path)
        assert (info.samplerate, info.frames, info.channels, info.subtype) == (
            22050,
            reader.frames[utterance] * 256,
            1,
            "PCM_16",
        )
        assert np.abs(soundfile.read(recipe / path)[0]).max() > 0.001
    assert all(r["rtf"] > 0 and r["seed"] == 0 for r in read_jsonl(recipe / system / "decode.jsonl"))


@pytest.mark.parametrize("system", SYSTEMS)
def test_scores_are_of_exactly_the_eval_set(recipe, system):
    rows = read_jsonl(recipe / system / "scores.jsonl")
    assert [row["utt"] for row in rows] == list(read_table(recipe / "data/eval/wav.scp"))
    summary = json.loads((recipe / system / "summary.json").read_text())
    assert summary["n"] == 2
    for name in ("pesq", "stoi", "estoi", "mcd", "mr_stft", "log_mel_mae", "dnsmos"):
        metric, values = summary["metrics"][name], [row[name] for row in rows]
        assert metric["n"] == 2 and metric["mean"] == pytest.approx(np.mean(values))
        assert min(values) - 1e-6 <= metric["low"] <= metric["mean"] <= metric["high"] <= max(values) + 1e-6


def test_the_recording_is_perfect_and_six_steps_of_training_are_not(recipe):
    """PESQ ends at 4.644 by its own scale (P.862.2), STOI at 1."""
    metrics = {name: json.loads((recipe / s / "summary.json").read_text())["metrics"] for s, name in SYSTEMS.items()}
    means = {name: {key: metric["mean"] for key, metric in found.items()} for name, found in metrics.items()}
    perfect = means["recording"]
    assert perfect["pesq"] == pytest.approx(4.644, abs=2e-3) and perfect["stoi"] == pytest.approx(1, abs=1e-3)
    assert max(perfect[key] for key in ("mcd", "mr_stft", "log_mel_mae", "vuv_error")) < 1e-3
    for name in ("Griffin-Lim", "WORLD"):
        assert 2 < means[name]["pesq"] < 4.5 and 0.9 < means[name]["stoi"] < 1
    assert means["DiffWave"]["estoi"] < 0.9 and means["DiffWave"]["pesq"] < 2.5


def test_results_have_a_row_per_system(recipe):
    lines = (recipe / "RESULTS.md").read_text().splitlines()
    first = lines[lines.index("### eval") + 2 :][:6]
    rows = list(csv.reader(first, delimiter="|"))
    labels = [row[1].strip() for row in rows]
    assert [label.split()[0] for label in labels[2:]] == list(SYSTEMS.values())
    assert labels[0] == "system" and labels[-1].endswith(", 6 steps")
    assert rows[2][2].strip().startswith("4.64") and rows[2][3].strip().startswith("1.000")


def test_the_page_stands_alone(recipe):
    page = (recipe / "exp/report.html").read_text()
    assert len(re.findall(r'src="data:audio/[^"]{1000,}"', page)) >= 2 * len(SYSTEMS)
    assert len(re.findall(r'src="data:image/[^"]{1000,}"', page)) + page.count("<svg") >= 1
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    assert all(name in page for name in SYSTEMS.values())


def test_the_same_command_again_makes_nothing_anew(recipe):
    """Tables, logs and the report are written again; corpus, features, training, waves and scores are not."""
    patterns = ["downloads/**/*.wav", "dump/*/*/*.h5", "exp/*/*.pt", "exp/**/wav/*.wav"]
    costly = [path for pattern in patterns for path in recipe.glob(pattern)]
    scores = sorted(recipe.glob("exp/**/scores.jsonl"))
    before = [path.stat().st_mtime_ns for path in costly], [path.read_bytes() for path in scores]
    metrics = (recipe / EXPERIMENT / "metrics.jsonl").read_bytes()
    finish(recipe, *OPTIONS)
    assert ([path.stat().st_mtime_ns for path in costly], [path.read_bytes() for path in scores]) == before
    assert len(costly) >= 12 + 3 + 3 + 8 and len(scores) == 4
    assert (recipe / EXPERIMENT / "metrics.jsonl").read_bytes() == metrics
    assert [path for pattern in patterns for path in recipe.glob(pattern)] == costly


def test_numbers_of_steps_have_tables_of_their_own(recipe):
    finish(recipe, *OPTIONS, "--stage", "4", "--decode_steps", "1 2 3")
    places = [f"{EXPERIMENT}/decode_6steps_{count}steps_best/eval" for count in (1, 2, 3)]
    for count, place in zip((1, 2, 3), places):
        assert json.loads((recipe / place / "summary.json").read_text())["system"]["evaluations"] == count
    text = (recipe / "RESULTS.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("| network evaluations")][:1]
    assert [cell.strip() for cell in line.split("|")[2:-1]] == ["1", "2", "3", "6"]  # six are of the run before
    assert "Quality against network evaluations" in (recipe / "exp/report.html").read_text()


@pytest.mark.parametrize("name, decode", [("wavegrad", "decode_6steps"), ("waveglow", "decode_waveglow")])
def test_another_model_is_another_configuration(recipe, name, decode):
    options = ["--train_config", f"conf/{name}_tiny.yaml", "--decode_config", f"conf/{decode}.yaml", "--baselines", ""]
    finish(recipe, *OPTIONS, "--stage", "3", *options)
    summary = json.loads((recipe / f"exp/train_{name}_tiny/{decode}_best/eval/summary.json").read_text())
    assert summary["system"]["system"].lower().startswith(name)
    assert summary["system"]["options"] == config.load(recipe / f"conf/{decode}.yaml")
    assert summary["system"]["system"] in (recipe / "RESULTS.md").read_text()


def test_options_of_another_model_are_refused_before_training(recipe):
    options = ["--train_config", "conf/waveglow_tiny.yaml", "--decode_config", "conf/decode_6steps.yaml", "--tag", "no"]
    with pytest.raises(SystemExit, match="conf/decode_6steps.yaml has no option 'steps'"):
        finish(recipe, *OPTIONS, "--stage", "3", *options)
    assert not list((recipe / "exp/train_waveglow_tiny_no").glob("*.pt"))


def test_all_that_was_scored_is_compared_from_anywhere(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["compare", "--out", "page", str(recipe)]) == 0
    (group,) = json.loads((tmp_path / "page/comparison.json").read_text())["groups"]
    assert {row["name"].split(",")[0].split(" ")[0] for row in group["rows"]} >= set(SYSTEMS.values())
    spoken = read_table(recipe / "data/eval/text")
    assert {utt["id"]: utt["text"] for utt in group["utterances"]} == spoken
    assert {utt["speaker"] for utt in group["utterances"]} == {"MN"}
    assert len(list((tmp_path / "page/audio").iterdir())) == len(spoken)
