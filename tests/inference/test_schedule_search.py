"""Searching for a schedule with a trained model, through the command line and its files."""

import json
from pathlib import Path

import numpy as np
import pytest

from vocoders import cli
from vocoders.config import load
from vocoders.io.audio import read_wave, write_wave
from vocoders.io.files import read_jsonl
from vocoders.io.tables import write_table

ROOT = Path(__file__).resolve().parents[2]
MEL = "{sample_rate: 8000, n_fft: 256, win_size: 256, hop_size: 64, n_mels: 20}"
SEARCH = "search-schedule exp/tiny dump/dev found.yaml --steps 3 --utterances 2 --budget 9 --score mr_stft"


def run(command):
    assert cli.main(command.split()) == 0, command


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        table = {}
        for n, utterance in enumerate("abc"):
            time = np.arange(8000) / 8000
            write_wave(f"{utterance}.wav", 0.3 * np.sin(2 * np.pi * (200 + 90 * n) * time), 8000)
            table[utterance] = f"{utterance}.wav"
        write_table("wav.scp", table)
        (directory / "mel.yaml").write_text(MEL)
        (directory / "tiny.yaml").write_text(f"base: {ROOT}/egs/TEMPLATE/voc1/conf/wavegrad_tiny.yaml\n")
        write_table("train.scp", {f"train_{utterance}": path for utterance, path in table.items()})
        run("features --config mel.yaml wav.scp dump/dev")
        run("features --config mel.yaml train.scp dump/train")
        run("train --config tiny.yaml dump/train dump/dev exp/tiny --train.max_steps 2 --device cpu")
    return directory


@pytest.fixture
def work(trained, tmp_path, monkeypatch):
    for name in ("dump", "exp", "a.wav", "b.wav", "c.wav"):
        (tmp_path / name).symlink_to(trained / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_found_schedule_is_the_best_of_its_record_and_decodes(work):
    run(SEARCH)
    settings, *lines = read_jsonl("found.jsonl")
    assert settings["utterances"] == ["a", "b"] and 0 < len(lines) <= 9
    best = min(lines, key=lambda line: line["score"])
    found = load("found.yaml")
    assert found == {"schedule": best["betas"], "schedule_name": "searched"} and len(found["schedule"]) == 3
    run("decode exp/tiny dump/dev out --schedule found.yaml --device cpu")
    assert json.loads((work / "out/system.json").read_text())["options"]["schedule"] == best["betas"]


def test_the_scores_are_those_of_the_decoded_waves(work):
    """The same mean that decode and score give, but for the 16 bits of the files."""
    run(SEARCH + " --utterances 3 --budget 1")
    _, line = read_jsonl("found.jsonl")
    run("decode exp/tiny dump/dev out --schedule found.yaml --device cpu")
    write_table("reference.scp", {utterance: f"{utterance}.wav" for utterance in "abc"})
    run("score reference.scp out/wav.scp out --metrics mr_stft")
    mean = json.loads((work / "out/summary.json").read_text())["metrics"]["mr_stft"]["mean"]
    assert line["score"] == pytest.approx(mean, rel=0.02)


def test_processes_and_interruptions_do_not_change_the_files(work):
    run(SEARCH)
    whole = {name: (work / name).read_bytes() for name in ("found.yaml", "found.jsonl")}
    run(SEARCH.replace("found", "two") + " --nj 2")
    assert {name: (work / name.replace("found", "two")).read_bytes() for name in whole} == whole
    lines = whole["found.jsonl"].splitlines(keepends=True)
    (work / "found.yaml").unlink()
    (work / "found.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:9])  # killed while writing a line
    run(SEARCH)
    assert {name: (work / name).read_bytes() for name in whole} == whole


def test_other_options_of_synthesis_are_searched_with_and_stand_in_the_result(work):
    (work / "decode.yaml").write_text("{steps: 50, sampler: ddim, eta: 0.5}")
    run(SEARCH + " --config decode.yaml --budget 2")
    found = load("found.yaml")
    assert {key: found[key] for key in ("sampler", "eta")} == {"sampler": "ddim", "eta": 0.5}
    assert len(found["schedule"]) == 3 and "steps" not in found
    run("decode exp/tiny dump/dev out --config found.yaml --device cpu")
    run("decode exp/tiny dump/dev out2 --config decode.yaml --schedule found.yaml --device cpu")
    assert (work / "out/wav/a.wav").read_bytes() == (work / "out2/wav/a.wav").read_bytes()


def test_options_on_the_command_line_replace_those_of_the_file(work, capsys):
    (work / "decode.yaml").write_text("{steps: 50, temperature: 0.5}")
    changes = "--decode.steps 2 --decode.sampler sde_dpm_solver"
    run(f"decode exp/tiny dump/dev out --config decode.yaml --device cpu {changes}")
    made = json.loads((work / "out/system.json").read_text())
    assert made["options"] == {"steps": 2, "temperature": 0.5, "sampler": "sde_dpm_solver"} and made["evaluations"] == 2
    (work / "listed.yaml").write_text("{schedule: [0.1, 0.2, 0.3], schedule_name: mine}")
    run("decode exp/tiny dump/dev out --config listed.yaml --device cpu --decode.steps 2")
    made = json.loads((work / "out/system.json").read_text())
    assert (made["options"], made["schedule_name"]) == ({"steps": 2}, None)
    wrong = "decode exp/tiny dump/dev new --config listed.yaml --device cpu --decode.steps 0"
    assert cli.main(wrong.split()) == 1
    assert "listed.yaml and --decode: steps: expected a positive number, found 0" in capsys.readouterr().err
    assert cli.main(["decode", "exp/tiny", "dump/dev", "out", "--decoder.steps", "2"]) == 1
    assert "has no option 'decoder'; did you mean 'decode'?" in capsys.readouterr().err


def test_a_file_that_starts_from_another_replaces_its_schedule_and_its_name(work):
    (work / "listed.yaml").write_text("{schedule: [0.1, 0.2, 0.3], schedule_name: theirs, clip: null}")
    for mine, options in (("steps: 2", {"steps": 2}), ("schedule: [0.1, 0.2]", {"schedule": [0.1, 0.2]})):
        (work / "mine.yaml").write_text(f"{{base: listed.yaml, {mine}}}")
        run("decode exp/tiny dump/dev out --config mine.yaml --device cpu")
        made = json.loads((work / "out/system.json").read_text())
        assert (made["options"], made["schedule_name"]) == ({"clip": None, **options}, None)


def test_a_schedule_for_another_training_is_remarked_upon(work, capsys):
    conf = load(f"{ROOT}/egs/TEMPLATE/voc1/conf/wavegrad_tiny.yaml")["model"]["schedule"]
    noise = np.prod(1 - np.linspace(conf["first"], conf["last"], conf["steps"]))
    trained = 10 * np.log10(noise / (1 - noise))
    run("decode exp/tiny dump/dev out --device cpu --decode.steps 2")
    assert "another training" not in capsys.readouterr().err
    run("decode exp/tiny dump/dev out --device cpu --decode.schedule [0.0001,0.06]")
    ours = 10 * np.log10(0.9999 * 0.94 / (1 - 0.9999 * 0.94))
    said = capsys.readouterr().err
    assert f"begins at a signal-to-noise ratio of {ours:.1f} dB" in said
    assert f"goes to {trained:.1f} dB; it may be one for another training" in said


def test_a_new_name_of_a_schedule_decodes_nothing_anew(work):
    (work / "listed.yaml").write_text("{schedule: [0.1, 0.2], schedule_name: mine}")
    run("decode exp/tiny dump/dev out --config listed.yaml --device cpu")
    times = {path: path.stat().st_mtime_ns for path in work.glob("out/wav/*.wav")}
    (work / "listed.yaml").write_text("{schedule: [0.1, 0.2], schedule_name: yours}")
    run("decode exp/tiny dump/dev out --config listed.yaml --device cpu")
    assert json.loads((work / "out/system.json").read_text())["schedule_name"] == "yours"
    assert len(times) == 3 and all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_the_grid_is_searched_too(work):
    run(SEARCH + " --method grid")
    _, *lines = read_jsonl("found.jsonl")
    assert len(lines) == 9
    mantissas = np.array([line["betas"] for line in lines]) / [1e-6, 10**-3.5, 1e-1]
    assert np.abs(mantissas - mantissas.round()).max() < 1e-6 and mantissas.min() >= 1 and mantissas.max() <= 9.001


def test_both_methods_are_compared_in_one_run_and_the_better_is_written(work, capsys):
    run(SEARCH.replace("--steps 3", "--steps 1") + " --method both --budget 3")
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    scores = {line[0]: float(line[2].rstrip(",")) for line in printed[:2]}
    counts = {line[0]: int(line[5]) for line in printed[:2]}
    assert counts["cobyqa:"] in (2, 3) and counts["grid:"] == 9  # of the 60 allowed: with one step there are no more
    _, *lines = read_jsonl("found.jsonl")
    assert len(lines) == sum(counts.values())
    assert min(scores.values()) == pytest.approx(min(line["score"] for line in lines), abs=1e-4)
    assert load("found.yaml")["schedule"] == min(lines, key=lambda line: line["score"])["betas"]
    assert [line[0] for line in printed[:2]] == sorted(scores, key=scores.get)


def test_what_comes_after_the_beginning_does_not_matter(work):
    table = {utterance: f"other_{utterance}.wav" for utterance in "abc"}
    for utterance, path in table.items():
        wave = read_wave(f"{utterance}.wav")[0].copy()
        wave[4000:] *= 0.1
        write_wave(path, wave, 8000)
    write_table("other.scp", table)
    (work / "mel.yaml").write_text(MEL)
    run("features --config mel.yaml other.scp other")
    scores = {}
    for features, name in (("dump/dev", "one"), ("other", "two")):
        for seconds in ("0.4", "1"):
            output = f"{name}{seconds.replace('.', '')}"
            run(SEARCH.replace("dump/dev found", f"{features} {output}") + f" --seconds {seconds} --budget 2")
            scores[name, seconds] = [line["score"] for line in read_jsonl(f"{output}.jsonl")[1:]]
    assert scores["one", "0.4"] == scores["two", "0.4"]
    assert scores["one", "1"] != scores["two", "1"]


@pytest.mark.parametrize(
    "change, sentence",
    [
        ("--score mr_stt", "--score mr_stt: no such score; did you mean 'mr_stft'?"),
        ("--steps 0", "--steps: expected a positive number, found 0"),
        ("--seconds -1", "--seconds: expected a positive number, found -1.0"),
        ("--budget 0", "--budget: expected a positive number, found 0"),
        ("--checkpoint gone.pt", "gone.pt: no such file"),
    ],
)
def test_bad_options_are_one_sentence(work, capsys, change, sentence):
    assert cli.main(f"{SEARCH} {change}".split()) == 1
    assert sentence in capsys.readouterr().err
    assert not (work / "found.jsonl").exists()


def test_another_search_does_not_continue_this_one(work, capsys):
    run(SEARCH)
    assert cli.main(f"{SEARCH} --seed 1".split()) == 1
    assert "found.jsonl: is the record of another search (seed differ)" in capsys.readouterr().err
