"""``vocoders bench infer``: figures that follow from known times, one run with real processes, and refusals."""

import re

import pytest
import torch

from vocoders.bench import ceiling, infer
from vocoders.bench.infer_tables import rtf_by_steps
from vocoders.cli import main as vocoders
from vocoders.io.files import read_json

SHOWN = {"RTF": "rtf", "x real time": "times_real_time", "p95 s": "p95", "first s": "first_seconds"}
TRAINING = ["--backend", "training", "--precision", "float32,bfloat16", "--seconds", "0.1"]


def test_figures_follow_from_the_times(here, no_ceiling, conf, mel_option, tables, tmp_path, monkeypatch, capsys):
    """The first run of each of three contenders, then three rounds in which each is a second slower than the last."""
    seconds = iter([100] * 3 + list(range(1, 10)))
    monkeypatch.setattr(infer, "timed", lambda work, device: (work(), next(seconds))[1])
    given = [*mel_option, *TRAINING, "--compare", "--rounds", "3", "--batch", "2", "--json", str(tmp_path / "f.json")]
    steps = ["--decode_config", conf("decode_6steps")]
    assert vocoders(["bench", "infer", conf("diffwave_tiny"), *steps, *given]) == 0
    report = read_json(tmp_path / "f.json")
    (system,) = report["systems"]
    bfloat16, default, tuned = system["forms"]
    audio = 2 * round(0.1 * 22050 / 256) * 256 / 22050
    assert (system["audio_seconds"], system["evaluations"]) == (pytest.approx(audio), 6)
    for n, form in enumerate((bfloat16, default, tuned)):
        assert form["seconds"] == [n + 1, n + 4, n + 7]
        assert form["p50"] == n + 4 and form["p90"] == pytest.approx(n + 6.4)
        assert form["rtf"] == pytest.approx((n + 4) / audio)
        assert form["rtf"] * form["times_real_time"] == pytest.approx(1)
        assert form["samples_per_second"] == pytest.approx(22050 / form["rtf"])
        assert form["gflops"] * form["p50"] == pytest.approx(system["gflop"])
        assert form["times_as_fast"] == pytest.approx({"default": 5 / (n + 4), "tuned": 6 / (n + 4)})
    assert bfloat16["of_gemm"] / bfloat16["gflops"] == pytest.approx(1e9 / 8e9)
    assert default["of_gemm"] / default["gflops"] == pytest.approx(1e9 / 2e9)
    assert default["agreement_db"] is tuned["agreement_db"] is None and 20 < bfloat16["agreement_db"] < 120
    rows = tables(capsys.readouterr().out)
    assert list(rows) == [form["name"] for form in system["forms"]]
    for form in system["forms"]:
        row = rows[form["name"]]
        for head, key in SHOWN.items():
            assert float(row[head]) == pytest.approx(form[key], rel=0.01), head
        assert int(row["samples/s"]) == round(form["samples_per_second"])
        assert float(row["x tuned"]) == pytest.approx(form["times_as_fast"]["tuned"], rel=0.01)
    assert rows["training, float32, tuned malloc"]["agreement dB"] == "same bits"


def test_contenders_take_turns_in_every_round(here, no_ceiling, conf, mel_option):
    options = ["--decode_config", conf("decode_6steps"), *mel_option, *TRAINING, "--rounds", "2"]
    assert vocoders(["bench", "infer", conf("diffwave_tiny"), conf("wavegrad_tiny"), *options]) == 0
    models, precisions = (conf("diffwave_tiny"), conf("wavegrad_tiny")), ("float32", "bfloat16")
    names = [f"{model}, training, {precision}" for model in models for precision in precisions]
    assert [name for what, name in here.history if what == "run"] == names * 2
    assert [name for what, name in here.history if what == "first"] == names


def test_the_table_of_iterations(here, no_ceiling, conf, mel_option, tables, tmp_path, monkeypatch, capsys):
    """The contender takes a second and two for each step."""
    monkeypatch.setattr(infer.Inference, "run", lambda self, steps: (self._synthesize(steps), 1 + 2 * steps)[1])
    asked = ["--iterations", "1000,4,2,6", "--whole_iterations", "4", "--json", str(tmp_path / "f.json")]
    given = [*mel_option, "--backend", "training", "--seconds", "1", "--rounds", "1", *asked]
    assert vocoders(["bench", "infer", conf("wavegrad_tiny"), *given]) == 0
    (system,) = read_json(tmp_path / "f.json")["systems"]
    (form,) = system["forms"]
    audio = system["audio_seconds"]
    assert system["evaluations"] == 4 and form["rtf"] == pytest.approx(9 / audio)
    assert form["rtf_of_steps"] == pytest.approx({"2": 5 / audio, "4": 9 / audio})
    expected = {1000: (2250 / audio, False), 4: (9 / audio, True), 2: (5 / audio, True), 6: (13.5 / audio, False)}
    found = rtf_by_steps(form["rtf_of_steps"], [1000, 4, 2, 6])
    assert {steps: was_run for steps, (_, was_run) in found.items()} == {1000: False, 4: True, 2: True, 6: False}
    assert {steps: rtf for steps, (rtf, _) in found.items()} == pytest.approx({n: e for n, (e, _) in expected.items()})
    text = capsys.readouterr().out
    rows = tables(text)
    assert {n: rows[n]["training, float32"][0] == "≈" for n in ("1000", "4", "2", "6")} == {
        str(n): not was_run for n, (_, was_run) in expected.items()
    }
    assert "- ≈: not run whole" in text


def test_with_processes(conf, mel_option, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(ceiling.MATRICES, "cpu", (256,))  # sooner multiplied
    options = ["--decode_config", conf("decode_6steps"), *mel_option, "--json", str(tmp_path / "f.json"), "--compare"]
    given = ["--backend", "training", "--precision", "bfloat16", "--seconds", "0.1", "--rounds", "1", "--threads", "1"]
    assert vocoders(["bench", "infer", conf("diffwave_tiny"), *options, *given]) == 0
    report = read_json(tmp_path / "f.json")
    assert [form["allocator"] for form in report["systems"][0]["forms"]] == ["default", "default", "tuned"]
    assert report["systems"][0]["forms"][1]["agreement_db"] is None
    assert all(form["peak_mib"] > 100 for form in report["systems"][0]["forms"])
    assert report["ceilings"]["float32"] > 1e8 and report["ceilings"]["copy"] > 1e7
    assert "### DiffWave 8x2" in capsys.readouterr().out


def test_agreement_is_the_power_of_the_reference_over_that_of_the_difference():
    wave = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    assert infer.agreement(wave * 1.001, wave) == pytest.approx(60, abs=0.01)
    assert infer.agreement(wave, wave) is None


TINY = "{diffwave_tiny}"
REFUSED = {  # system, options, sentence; {name} stands for the path of a configuration
    "an unknown system": ("nowhere", "", "nowhere: no such configuration, experiment directory or checkpoint file"),
    "a baseline": ("world", "", "world: a baseline, and no model to measure; name a configuration or an experiment"),
    "no rounds": (TINY, "--rounds 0", "--rounds: expected a positive number, found 0"),
    "no seconds": (TINY, "--seconds 0", "--seconds: expected a positive number, found 0.0"),
    "nothing to compare": (
        TINY,
        "--compare --backend training",
        "--compare: nothing to compare, as only the training form is chosen; name another --backend",
    ),
    "a precision": (TINY, "--precision float33", "--precision: there is no 'float33'; did you mean 'float32'?"),
    "a backend": (TINY, "--backend eager,navite", "--backend: there is no 'navite'; did you mean 'native'?"),
    "a GPU there is not": (
        TINY,
        "--device cuda",
        f"device cuda: this PyTorch ({torch.__version__}) sees no GPU; use --device cpu or --ngpu 0",
    ),
    "steps of a flow": (
        "{waveglow_tiny}",
        "--iterations 6,12",
        "{waveglow_tiny}: --iterations is for diffusion models; this one computes its network once",
    ),
    "the denoiser": (
        "{waveglow_tiny}",
        "--decode_config {decode_waveglow}",
        "{decode_waveglow}: the model is measured without the denoiser; leave denoise out",
    ),
    "a wrong file of its own": (
        TINY + ",mle=x",
        "",
        "{diffwave_tiny},mle=x has no option 'mle'; did you mean 'mel'?",
    ),
    "options of another model": (
        TINY,
        "--decode_config {decode_waveglow_raw}",
        "{decode_waveglow_raw} has no option 'sigma'; it takes: clip, eta, sampler, schedule, start_deviation, steps, "
        "temperature",
    ),
    "no model": (
        "{decode_6steps}",
        "",
        "{decode_6steps}: has no section model, so it is no configuration of one",
    ),
    "features there are not": (
        TINY,
        "--features dump/x",
        "dump/x: incomplete, it has no feats.scp; run stage 2 (features)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name, here, conf, mel_option, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    system, options, sentence = (re.sub(r"{(\w+)}", lambda name: conf(name[1]), text) for text in REFUSED[name])
    assert vocoders(["bench", "infer", system, *mel_option, *options.split()]) == 1
    assert capsys.readouterr().err == f"vocoders bench: error: {sentence}\n"
    assert here.history == []


def test_a_configuration_needs_mels(conf, capsys):
    assert vocoders(["bench", "infer", conf("diffwave_tiny")]) == 1
    assert (
        "diffwave_tiny.yaml: --mel_config is needed, the mel settings that the model is for" in capsys.readouterr().err
    )
