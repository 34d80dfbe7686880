"""kill -9 in the middle of each stage of the mini recipe leaves no trace."""

import re
import sys
from pathlib import Path

import kill_and_resume
import pytest


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the processes to kill in /proc")
def test_a_killed_recipe_ends_as_an_undisturbed_one(monkeypatch, capsys):
    options = [
        "--kills",
        "3",
        "--by",
        "work",
        "--prompts",
        "12",
        "--steps",
        "100",
        "--nj",
        "1",
        "--baselines",
        "griffin_lim",
    ]
    monkeypatch.setattr(sys, "argv", ["kill_and_resume.py", *options])
    kill_and_resume.main()
    output = capsys.readouterr().out
    stages = re.findall(r"^ +\d  (\w+)", output, re.MULTILINE)
    assert len(stages) == 3 and stages[0] == "features"  # one that comes too late for its stage is left to the next
    assert re.search(r"^identical: 24 features, \d{3} tensors, 110 metrics, 12 wavs$", output, re.MULTILINE)


def test_it_would_see_a_difference(tmp_path):
    for name, content in (("one", b"12"), ("other", b"13")):
        waves = tmp_path / name / "wav"
        waves.mkdir(parents=True)
        (waves / "a.wav").write_bytes(content)
        (tmp_path / name / "wav.scp").write_text("a wav/a.wav\n")
    with pytest.raises(kill_and_resume.Difference, match=r"a\.wav"):
        kill_and_resume.compare_waves(tmp_path / "one" / "wav", tmp_path / "other" / "wav")
