"""``vocoders bench train``: figures that follow from known times, and refusals."""

import pytest

from vocoders.bench import train
from vocoders.cli import main as vocoders
from vocoders.io.files import read_json


def test_figures_follow_from_the_times(here, no_ceiling, conf, mel_option, tables, tmp_path, monkeypatch, capsys):
    seconds = iter([50, 60, 4, 1, 2, 3, 6, 5])
    monkeypatch.setattr(train, "timed", lambda work, device: (work(), next(seconds))[1])
    given = [*mel_option, "--steps", "3", "--train.batch_size", "3", "--json", str(tmp_path / "f.json")]
    assert vocoders(["bench", "train", conf("diffwave_tiny"), *given]) == 0
    report = read_json(tmp_path / "f.json")
    (system,) = report["systems"]
    audio = 3 * 8 * 256 / 22050
    assert system["audio_seconds"] == pytest.approx(audio)
    float32, bfloat16 = system["precisions"]["float32"], system["precisions"]["bfloat16"]
    assert (float32["seconds"], bfloat16["seconds"]) == ([4, 2, 6], [1, 3, 5])
    assert (float32["first_seconds"], bfloat16["first_seconds"]) == (50, 60)
    assert float32["audio_seconds_per_second"] == pytest.approx(audio / 4)
    assert bfloat16["of_gemm"] == pytest.approx(system["gflop"] * 1e9 / 3 / 8e9)
    asked = [name.rpartition(" ")[2] for what, name in here.history if what == "step"]
    assert asked == ["float32", "bfloat16"] * 4
    rows = [
        line.split("|") for line in capsys.readouterr().out.splitlines() if line.startswith(("| float", "| bfloat"))
    ]
    assert [row[3].strip() for row in rows] == ["1.00", "1.33"]


@pytest.mark.parametrize(
    ("system", "options", "sentence"),
    [
        ("diffwave_tiny", ["--steps", "0"], "--steps: expected a positive number, found 0"),
        ("diffwave_tiny", ["--train.batch_sise", "3"], "train has no option 'batch_sise'; did you mean 'batch_size'?"),
        ("decode_6steps", [], "decode_6steps.yaml: has no section model, so it is no configuration of one"),
    ],
)
def test_refusals(system, options, sentence, here, conf, mel_option, capsys):
    assert vocoders(["bench", "train", conf(system), *mel_option, *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(sentence) and here.history == []


def test_an_experiment_is_no_configuration(here, tmp_path, capsys):
    assert vocoders(["bench", "train", str(tmp_path)]) == 1
    assert "expected the configuration of a training, a YAML file" in capsys.readouterr().err
