"""A scored experiment root without any model: three systems, tones for speech."""

import numpy as np
import pytest
import soundfile

from vocoders.io.files import append_jsonl, write_json
from vocoders.io.tables import write_table
from vocoders.scoring.summary import summarise

RATE = 16000
SAMPLES = {"u1": 4000, "u2": 5000, "u3": 6000}
SYSTEMS = {
    "recording": {
        "system": "recording",
        "kind": "baseline",
        "baseline": "recording",
        "options": {},
        "seed": 0,
    },
    "griffin_lim": {
        "system": "Griffin-Lim",
        "kind": "baseline",
        "baseline": "griffin_lim",
        "options": {},
        "seed": 0,
    },
    "train_x/decode_best": {
        "system": "Some Net",
        "kind": "model",
        "model": "net",
        "options": {"steps": 6, "clip": None},
        "seed": 7,
        "parameters": 1234567,
        "train_steps": 6000,
        "training_seconds": 90.0,
        "mel_hash": "abc",
        "provenance": {
            "command": "vocoders decode <exp/train_x>",
            "git": "0123abc",
            "versions": {"torch": "2.x"},
        },
    },
}
PESQ = {"recording": 4.6439, "griffin_lim": 3.3861, "train_x/decode_best": 1.2345}


def write_result(root, place, system, pesq, name="eval", n=3):
    folder = root / place / name
    for utt, samples in SAMPLES.items():
        path = folder / "wav" / f"{utt}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.5 * np.sin(np.arange(samples) * pesq / 5), RATE, subtype="PCM_16")
    write_table(folder / "wav.scp", {utt: folder / "wav" / f"{utt}.wav" for utt in SAMPLES})
    pitch = {
        "mean": None,
        "low": None,
        "high": None,
        "n": 2,
        "undefined": ["u1"],
        "label": "ln F0",
        "better": "lower",
    }
    metrics = {
        "mcd": {
            "mean": 12.0,
            "low": 11.5,
            "high": 12.7,
            "n": n,
            "label": "MCD",
            "better": "lower",
            "unit": "dB",
        },
        "f0": pitch if place.startswith("train") else {**pitch, "mean": 0.1, "low": 0.0, "high": 0.2, "undefined": []},
        "pesq": {
            "mean": pesq,
            "low": pesq - 0.1,
            "high": pesq + 0.2,
            "n": n,
            "undefined": [],
            "label": "PESQ",
            "better": "higher",
            "unit": "MOS",
            "definition": "P.862.2 <wide band>",
        },
    }
    rtf = {"mean": 0.3, "low": 0.1, "high": 0.5, "n": n, "total": 0.25}
    write_json(folder / "summary.json", {"n": n, "metrics": metrics, "rtf": rtf, "system": system, "reference": ""})


@pytest.fixture
def exp(tmp_path):
    root = tmp_path / "exp"
    for place, system in SYSTEMS.items():
        write_result(root, place, system, PESQ[place])
    experiment = root / "train_x"
    (experiment / "config.yaml").write_text("model: {name: net, note: a<b}\n")
    for step in range(1, 31):
        append_jsonl(experiment / "metrics.jsonl", {"split": "train", "step": step, "loss": 1 / step, "lr": 1e-3})
    append_jsonl(experiment / "metrics.jsonl", {"split": "dev", "step": 30, "loss": 0.05})
    return root


@pytest.fixture
def add_result(exp):
    """add_result(place, pesq, **changes): another set of the model's, whose system.json has ``changes``."""
    model = SYSTEMS["train_x/decode_best"]
    return lambda place, pesq, **changes: write_result(exp, place, {**model, **changes}, pesq)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An empty directory to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def add_scored(work):
    """add_scored(root, place, scores, ...): what decoding and scoring leave, PESQ given; tones for speech."""

    def add(root, place, scores, *, names="u", reference="r", align=False, waves=False, **system):
        folder = work / root / place / "eval"
        folder.mkdir(parents=True)
        rows = [
            {
                "utt": f"{names}{n:02}",
                "pesq": None if score is None else float(score),
                "alignment": {"lag": 0, "extra": 0, "rate": RATE},
                **({"reference": f"{reference}{n}"} if reference else {}),
            }
            for n, score in enumerate(scores)
        ]
        for row in rows:
            append_jsonl(folder / "scores.jsonl", row)
        told = {"system": place, "kind": "model", "mel_hash": "abc", "mel": {"hop_size": 256}, "options": {}, **system}
        told = {key: value for key, value in told.items() if value is not None}
        summary = summarise(rows, ["pesq"], align=align, decode=[])
        write_json(folder / "summary.json", {**summary, "system": told, "reference": "data/eval/wav.scp"})
        for n, row in enumerate(rows if waves else []):
            path = folder / "wav" / f"{row['utt']}.wav"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, waves(n), RATE, subtype="PCM_16")
        if waves:
            write_table(folder / "wav.scp", {row["utt"]: f"exp/{place}/eval/wav/{row['utt']}.wav" for row in rows})
        return folder

    return add
