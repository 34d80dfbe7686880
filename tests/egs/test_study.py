"""The study of what a network predicts: what it trains, seen through a stand-in for the program."""

import os
import re
import subprocess
from pathlib import Path

import pytest

RECIPE = Path(__file__).resolve().parents[2] / "egs/ljspeech/voc1"
STAND_IN = '#!/bin/sh\necho "$@" >> "$LOG"\ncase "$*" in *"$FAIL"*) exit 1 ;; esac\n'


@pytest.fixture
def study(tmp_path):
    """study(*options, fail=text): the exit status and the commands that were run; those with ``fail`` fail."""
    program = tmp_path / "venv/bin/vocoders"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN)
    program.chmod(0o755)

    def run(*options, fail="nothing fails"):
        log = tmp_path / "log"
        log.write_text("")
        environment = {"VIRTUAL_ENV": str(tmp_path / "venv"), "LOG": str(log), "FAIL": fail}
        path = f"{program.parent}:{os.environ['PATH']}"
        command = ["local/study_prediction.sh", "--studydir", str(tmp_path / "study"), *options]
        done = subprocess.run(command, cwd=RECIPE, env={**os.environ, **environment, "PATH": path}, capture_output=True)
        return done.returncode, log.read_text().splitlines()

    return run


def forms(commands):
    """(prediction, distance, levels) of each training."""
    found = [re.findall(r"--model\.(?:prediction|distance|levels) (\S+)", line) for line in commands]
    return [tuple(form) for form in found if form]


def test_each_factor_can_be_read_alone(study):
    status, commands = study("--models", "wavegrad", "--seeds", "0")
    assert status == 0
    found = forms(commands)
    assert len(found) == len(set(found)) == 8
    assert {form[0] for form in found} == {"noise", "energy_scaled", "spectrum_scaled"}
    assert ("noise", "l1", "continuous") in found  # WaveGrad as published
    for factor in range(3):
        pairs = [(a, b) for a in found for b in found if [n for n in range(3) if a[n] != b[n]] == [factor]]
        assert pairs, f"no two forms differ in factor {factor} alone"


def test_models_and_seeds_are_trained_decoded_and_scored_alike(study):
    status, commands = study("--seeds", "0 7", "--steps", "5", "--train_args", "--model.channels 32")
    assert status == 0
    verbs = [line.split()[0] for line in commands]
    assert {verb: verbs.count(verb) for verb in set(verbs)} == {"train": 32, "decode": 32, "score": 32}
    trainings = [line for line in commands if line.startswith("train")]
    assert all("--train.max_steps 5 " in line and "--model.channels 32 " in line for line in trainings)
    by_seed = {seed: sorted(forms(line for line in trainings if f"--train.seed {seed} " in line)) for seed in "07"}
    assert by_seed["0"] == by_seed["7"] and len(by_seed["0"]) == 16
    assert len({line.split()[-1] for line in trainings}) == 32  # a directory each


def test_some_forms_only(study):
    status, commands = study("--seeds", "0", "--only", "_scaled_l1_log_snr")
    assert status == 0
    assert sorted(forms(commands)) == [
        (f"{how}_scaled", "l1", "log_snr") for how in ("energy",) * 2 + ("spectrum",) * 2
    ]


def test_a_training_that_fails_fails_the_study_and_no_other(study):
    status, commands = study("--models", "diffwave", "--seeds", "0", "--nj", "1", fail="noise_l2_steps_seed0")
    assert status != 0
    assert len(forms(commands)) == 8
    assert sum(line.startswith("score") for line in commands) == 7
