"""Bad input, a full disk, Ctrl-C: one sentence, an exit status, and nothing half-written.

The cases are a table: what is wrong, the command, the sentence; "…" stands for anything.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vocoders import cli
from vocoders.config import load
from vocoders.data.directory import Utterance, write_data_directory
from vocoders.io.features import FeatureReader
from vocoders.io.files import read_jsonl
from vocoders.io.tables import read_table, write_table

CONF = Path(__file__).parents[1] / "egs/TEMPLATE/voc1/conf"
RATE = 8000
MEL = "{sample_rate: 8000, n_fft: 256, win_size: 256, hop_size: 64, n_mels: 20}"
TINY = "model: {condition_every: 16}\ntrain: {samples: 0, evaluate_every: 100}"
SAMPLES = np.random.default_rng(0).uniform(-0.4, 0.4, 3200)  # 50 frames
CHECK = "check-data --nj 1 --sample_rate 8000 data/train data/dev"
LISTED = "all of them listed in data/report.json"
FEATURES = "features --config conf/mel.yaml data/train dump/new"
TRAIN = "train --config conf/tiny.yaml dump/train dump/dev exp/new"
RESUME = "train --config conf/tiny.yaml --train.max_steps 2 dump/train dump/dev exp/tiny"
DECODE = "decode exp/tiny dump/dev exp/new"
SCORE = "score --metrics mr_stft data/dev/wav.scp exp/copy/wav.scp exp/copy"
WHOLE = {"data/report.json", "exp/copy/scores.jsonl", "exp/tiny/provenance.json"}  # say what was found or tried


@pytest.fixture(scope="module")
def made(tmp_path_factory, request):
    """Two sets, their features, a model trained for two steps, a decoded set."""
    directory = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for name in ("wavs", "conf"):
            Path(name).mkdir()
        for number, utterance in enumerate("abcd"):
            wav(utterance, SAMPLES * (1 + number / 10))
        for name, utterances in (("train", "abc"), ("dev", "d")):
            known = [Utterance(u, f"wavs/{u}.wav", f"text of {u}", "someone") for u in utterances]
            write_data_directory(f"data/{name}", known)
            many = {f"{u}{n:03}": f"wavs/{u}.wav" for u in utterances for n in range(100)}
            write_table(f"many/{name}", many)
        Path("conf/mel.yaml").write_text(MEL)
        Path("conf/tiny.yaml").write_text(f"base: {CONF}/diffwave_tiny.yaml\n{TINY}\n")
        ready("features --config conf/mel.yaml data/train dump/train")
        ready("features --config conf/mel.yaml data/dev dump/dev")
        ready(RESUME)
        ready("decode recording dump/dev exp/copy")
    return directory


def ready(command):
    assert cli.main(command.split()) == 0, command


@pytest.fixture
def work(made, tmp_path, monkeypatch):
    """A copy to break, as the working directory."""
    shutil.copytree(made, tmp_path / "work", symlinks=True)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def wav(utterance, samples=SAMPLES, rate=RATE, subtype="PCM_16"):
    soundfile.write(f"wavs/{utterance}.wav", samples, rate, subtype=subtype)


def cut(path, size):
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:size])


def put(path, text):
    Path(path).write_text(text)


def contents(directory):
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def refuses(command, sentence, capsys, work):
    """Runs it; it must say exactly that and leave the files as they were."""
    before = contents(work)
    status = cli.main(command.split())
    lines = [line for line in capsys.readouterr().err.splitlines() if not re.match(r"\d{4}-\d\d-\d\d ", line)]
    pattern = re.escape(f"vocoders {command.split()[0]}: error: {sentence}").replace("…", ".*")
    assert (status, len(lines)) == (1, 1), lines
    assert re.fullmatch(pattern, lines[0]), lines[0]
    after = {path: content for path, content in contents(work).items() if path not in WHOLE}
    assert after == {path: content for path, content in before.items() if path not in WHOLE}


AUDIO = {
    "missing": (lambda: Path("wavs/b.wav").unlink(), "no such file"),
    "0 bytes": (lambda: put("wavs/b.wav", ""), "no audio, the file has 0 bytes"),
    "header only": (lambda: wav("b", SAMPLES[:0]), "the audio has no samples"),
    "torn header": (lambda: cut("wavs/b.wav", 30), "truncated, … bytes are missing at its end"),
    "truncated": (lambda: cut("wavs/b.wav", 3244), "truncated, 3200 bytes are missing at its end"),
    "not audio": (lambda: put("wavs/b.wav", "<html>"), "not audio that libsndfile can read (Format not recognised.)"),
    "stereo": (
        lambda: wav("b", np.stack([SAMPLES, SAMPLES], axis=1)),
        "expected one channel, found 2; extract one, e.g. with sox remix 1",
    ),
    "NaN": (
        lambda: wav("b", np.where(np.arange(3200) == 17, np.nan, SAMPLES), subtype="FLOAT"),
        "sample 17 is nan, not a finite number",
    ),
}


@pytest.mark.parametrize("name", AUDIO)
def test_bad_audio(name, work, capsys):
    break_it, sentence = AUDIO[name]
    break_it()
    place = f"data/train/wav.scp: b: wavs/b.wav: {sentence}"
    refuses(FEATURES, place, capsys, work)
    refuses(CHECK, f"1 fault(s), all of them listed in data/report.json: {place}", capsys, work)


def other_mel(set_name, settings):
    """Features of a set made with other settings."""
    put("conf/other.yaml", f"base: mel.yaml\n{settings}")
    ready(f"features --config conf/other.yaml data/{set_name} dump/other")


def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text
    put(path, text.replace(old, new))


def exchange_model(path):
    """A checkpoint that says it were WaveGrad's."""
    contents = torch.load(path, weights_only=True)
    contents["config"]["model"] = load(CONF / "wavegrad_tiny.yaml")["model"]
    torch.save(contents, path)


LINES = "a wavs/a.wav\nb wavs/b.wav\nc wavs/c.wav\n"
CASES = {
    "wrong rate": (
        lambda: wav("b", rate=16000),
        FEATURES,
        "data/train/wav.scp: b: sampling rate is 16000 Hz, the mel config says 8000 Hz; resample with --resample true, "
        "or choose another mel config",
    ),
    "wrong rate, checked": (
        lambda: wav("b", rate=16000),
        CHECK,
        "1 fault(s), all of them listed in data/report.json: data/train/wav.scp: b: sampling rate is 16000 Hz, "
        "expected 8000 Hz; resample with --resample true, or choose another mel_config",
    ),
    "shorter than a window": (
        lambda: wav("b", SAMPLES[:200]),
        FEATURES,
        "data/train/wav.scp: b: 200 samples are too short, at least 256 (0.032 s) are needed; remove it from the table",
    ),
    "shorter than a segment": (
        lambda: (wav("b", SAMPLES[:400]), ready("features --config conf/mel.yaml data/train dump/train")),
        TRAIN,
        "dump/train: 1 of 3 utterances are shorter than a segment of 8 frames: b; lower train.segment_frames, "
        "remove them, or raise train.short_limit",
    ),
    "segments too short for the model": (
        lambda: None,
        TRAIN + " --train.segment_frames 4",
        "train.segment_frames: this model needs at least 5 frames of these features, found 4",
    ),
    "options of another model's synthesis, before training": (
        lambda: put("conf/decode.yaml", "sigma: 0.6"),
        TRAIN + " --decode_config conf/decode.yaml",
        "conf/decode.yaml has no option 'sigma'; it takes: clip, denoise, eta, sampler, schedule, start_deviation, "
        "steps, temperature",
    ),
    "duplicate id": (
        lambda: put("data/train/wav.scp", LINES.replace("c ", "b ")),
        CHECK,
        f"3 fault(s), {LISTED}: data/train/wav.scp:3: id 'b' stands twice; every utterance needs its own id; …",
    ),
    "duplicate id, features": (
        lambda: put("data/train/wav.scp", LINES.replace("c ", "b ")),
        FEATURES,
        "data/train/wav.scp:3: id 'b' stands twice; every utterance needs its own id",
    ),
    "unsorted ids": (
        lambda: put("data/train/wav.scp", LINES.replace("b ", "d ")),
        CHECK,
        f"6 fault(s), {LISTED}: data/train/wav.scp:3: 'c' comes after 'd'; sort the file with LC_ALL=C sort; …",
    ),
    "unsorted ids, features": (
        lambda: put("data/train/wav.scp", LINES.replace("b ", "d ")),
        FEATURES,
        "data/train/wav.scp:3: 'c' comes after 'd'; sort the file with LC_ALL=C sort",
    ),
    "id in text but not in wav.scp": (
        lambda: put("data/train/wav.scp", LINES.replace("b wavs/b.wav\n", "")),
        CHECK,
        f"2 fault(s), {LISTED}: data/train/utt2spk: 1 utterance(s) are not in wav.scp: b; "
        "remove them, or add them to wav.scp; …",
    ),
    "id in text only": (
        lambda: edit("data/train/text", "b text", "aa new\nb text"),
        CHECK,
        f"1 fault(s), {LISTED}: data/train/text: 1 utterance(s) are not in wav.scp: aa; "
        "remove them, or add them to wav.scp; --fix true mends tables where there is one right answer",
    ),
    "no id left": (lambda: put("data/train/wav.scp", ""), FEATURES, "data/train/wav.scp: has no utterances"),
    "one utterance in two sets": (
        lambda: shutil.copytree("data/train", "data/dev", dirs_exist_ok=True),
        CHECK,
        "2 fault(s), all of them listed in data/report.json: data/train and data/dev share 3 utterance id(s): a, b, c; "
        "what is evaluated on must not be trained on; …",
    ),
    "hop that does not match the upsampling": (
        lambda: None,
        f"{TRAIN} --model.upsample_factors [4,4]",
        "diffwave: upsample_factors must be positive and multiply to 4, the features' hop_size over condition_every, "
        "found (4, 4); null derives them",
    ),
    "hop of the features alone": (
        lambda: other_mel("dev", "hop_size: 32"),
        TRAIN.replace("dump/dev", "dump/other"),
        "dump/train and dump/other hold different features (hop_size: 64 != 32); extract both with one mel_config",
    ),
    "unknown key": (
        lambda: edit("conf/tiny.yaml", "samples: 0", "batch_sise: 4"),
        TRAIN,
        "train has no option 'batch_sise'; did you mean 'batch_size'?",
    ),
    "unknown section": (
        lambda: edit("conf/tiny.yaml", "train:", "trane:"),
        TRAIN,
        "the configuration has no option 'trane'; did you mean 'train'?",
    ),
    "unknown key of a mel": (
        lambda: put("conf/mel.yaml", MEL[:-1] + ", fmin: 60}"),
        FEATURES,
        "conf/mel.yaml: mel has no option 'fmin'; did you mean 'f_min'?",
    ),
    "unknown key of decoding": (
        lambda: put("conf/decode.yaml", "step: 6"),
        f"{DECODE} --config conf/decode.yaml",
        "conf/decode.yaml has no option 'step'; did you mean 'steps'?",
    ),
    "wrong type": (lambda: None, f"{TRAIN} --train.batch_size many", "train.batch_size: …many…"),
    "not YAML": (lambda: put("conf/tiny.yaml", "train: {a: 1"), TRAIN, "conf/tiny.yaml: not valid YAML: …line 1…"),
    "another configuration": (
        lambda: None,
        f"{RESUME} --train.batch_size 3",
        "exp/tiny: holds an experiment with another configuration (train.batch_size: 2 there, 3 now); give this one a "
        "name of its own with --tag, or remove the directory",
    ),
    "another model in its directory": (
        lambda: put("conf/wavegrad.yaml", f"base: {CONF}/wavegrad_tiny.yaml"),
        RESUME.replace("tiny.yaml", "wavegrad.yaml"),
        "exp/tiny: holds an experiment with another configuration (model.name: diffwave there, wavegrad now; …",
    ),
    "weights of another model": (
        lambda: exchange_model("exp/tiny/step-2.pt"),
        DECODE,
        "exp/tiny/best.pt: its weights do not fit its own configuration (…)",
    ),
    "mel of another checkpoint": (
        lambda: other_mel("dev", "f_max: 3000"),
        DECODE.replace("dump/dev", "dump/other"),
        "dump/other: its mels are not those of the checkpoint (features != checkpoint: f_max: 3000.0 != 4000.0); "
        "make features with the checkpoint's mel settings",
    ),
    "mel with another floor": (
        lambda: other_mel("dev", "floor: 1.0e-6"),
        DECODE.replace("dump/dev", "dump/other"),
        "dump/other: its mels are not those of the checkpoint (features != checkpoint: floor: 1e-06 != 1e-05), but can "
        "be converted without loss: add --convert_mel true",
    ),
    "incomplete features": (
        lambda: Path("dump/train/feats.scp").unlink(),
        TRAIN,
        "dump/train: incomplete, it has no feats.scp; run stage 2 (features)",
    ),
    "truncated HDF5, training": (
        lambda: cut("dump/train/feats.1.h5", 9000),
        TRAIN,
        "dump/train/feats.1.h5: truncated or not HDF5 (…); delete it and run stage 2 (features) again",
    ),
    "truncated HDF5, decoding": (
        lambda: cut("dump/dev/feats.1.h5", 9000),
        DECODE,
        "dump/dev/feats.1.h5: truncated or not HDF5 (…); delete it and run stage 2 (features) again",
    ),
    "truncated checkpoint, decoding": (
        lambda: cut("exp/tiny/step-2.pt", 9000),
        DECODE,
        "exp/tiny/best.pt: damaged or not a checkpoint (…); use another one, or delete it and train on from the "
        "one before it",
    ),
    "truncated checkpoint, resuming": (
        lambda: cut("exp/tiny/step-2.pt", 9000),
        RESUME,
        "exp/tiny/step-2.pt: damaged or not a checkpoint (…); use another one, or delete it and train on from the "
        "one before it",
    ),
    "no checkpoint": (
        lambda: None,
        f"{DECODE} --checkpoint step-7",
        "exp/tiny/step-7.pt: no such checkpoint; exp/tiny has: best, last, step-2",
    ),
    "a decoded wave is missing": (
        lambda: Path("exp/copy/wav/d.wav").unlink(),
        SCORE,
        "1 of 1 utterances could not be scored: d: decoded: exp/copy/wav/d.wav: no such file …",
    ),
    "a decoded utterance without reference": (
        lambda: edit("data/dev/wav.scp", "d ", "dd "),
        SCORE,
        "data/dev/wav.scp: no reference for d of exp/copy/wav.scp",
    ),
}


SCHEDULES = {  # decoding options, and the sentence about them
    "schedule: [1.0e-4, 1.5]": "schedule: expected betas between 0 and 1, number 2 of 2 is 1.5",
    "schedule: [1.0e-4, 0.0, 0.5]": "schedule: expected betas between 0 and 1, number 2 of 3 is 0",
    "schedule: [.nan]": "schedule: expected betas between 0 and 1, number 1 of 1 is nan",
    "schedule: [0.1, 1.0e-17]": "schedule: beta number 2 of 2, 1e-17, is too small to add any noise",
    "schedule: []": "schedule: expected at least one beta, found none",
    "{schedule: [0.1, 0.5], steps: 3}": "give either a schedule or steps; the schedule has 2 steps, steps is 3",
    "steps: 0": "steps: expected a positive number, found 0",
    "schedule: {rule: linear, steps: 6, first: 1.0e-4}": "schedule: the rule linear needs a last",
    "schedule: {rule: fibonacci, steps: 40, first: 0.01}": "schedule: expected betas between 0 and 1, number 11 of 40 "
    "is 1.44",  # 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144
    "schedule: {rule: exponential, steps: 6, first: 0.0, last: 0.5}": "schedule: first: expected a positive number, "
    "found 0",
    "schedule: {rule: exponential, steps: 6, first: 0.1, last: -0.5}": "schedule: last: expected a positive number, "
    "found -0.5",
    "schedule: {rule: linear, steps: -5, first: 0.1, last: 0.5}": "schedule: steps: expected a positive number, found "
    "-5",
    "schedule: {rule: fibonacci, steps: 5, first: 0.01, last: 0.0}": "schedule: the rule fibonacci has no last",
    "{sampler: dpm_solver, steps: 2, temperature: 0.8}": "temperature scales the noise of the steps, and "
    "dpm_solver adds none; leave it out",
    "{sampler: dpm_solver, eta: 0.5}": "eta is an option of the sampler ddim, not of dpm_solver",
}


@pytest.mark.parametrize("options", SCHEDULES)
def test_bad_schedules(options, work, capsys):
    put("conf/decode.yaml", options)
    sentence = f"conf/decode.yaml: {SCHEDULES[options]}"
    refuses(f"{DECODE} --config conf/decode.yaml", sentence, capsys, work)
    if options.startswith("schedule"):
        refuses(f"{DECODE} --schedule conf/decode.yaml", sentence, capsys, work)


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name, work, capsys):
    break_it, command, sentence = CASES[name]
    break_it()
    capsys.readouterr()
    refuses(command, sentence, capsys, work)


def test_wrong_use_has_status_2(work, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([*FEATURES.split(), "--resampel", "true"])
    assert end.value.code == 2
    assert "--resampel" in capsys.readouterr().err.splitlines()[-1]
    assert not Path("dump/new").exists()


# In processes of their own


def program(command, **options):
    words = [sys.executable, "-m", "vocoders", *command.split()]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)


def last_words(process):
    """Standard error without the log."""
    lines = process.communicate()[1].splitlines()
    return [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d ", line)]


def partial_files():
    return [str(path) for path in Path().rglob(".*") if path.is_file()]


LONG = {  # command, and a sign that it is at work
    "features": ("features --config conf/mel.yaml many/train dump/new", lambda: list(Path().glob("dump/new/.feats*"))),
    "train": (f"{TRAIN} --train.max_steps 150", lambda: read_jsonl("exp/new/metrics.jsonl")),
    "decode": ("decode griffin_lim dump/many exp/new", lambda: read_jsonl("exp/new/decode.jsonl")),
    "score": ("score --metrics mr_stft many/train many/train exp/new", lambda: read_jsonl("exp/new/scores.jsonl")),
}


@pytest.mark.parametrize("verb", LONG)
def test_ctrl_c_is_one_sentence_and_the_same_command_goes_on(verb, work):
    command, at_work = LONG[verb]
    if verb == "decode":
        ready("features --config conf/mel.yaml many/dev dump/many")
    process = program(command, start_new_session=True)
    deadline = time.monotonic() + 60
    while not at_work():
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    assert last_words(process) == [f"vocoders {verb}: interrupted; the same command goes on from here"]
    assert process.returncode == 130
    assert partial_files() == []
    ready(command)
    if verb == "features":
        assert FeatureReader("dump/new").utterances == list(read_table("many/train"))


FULL = {  # command, bytes that fit in a file, the file that does not
    "features": (FEATURES, 9000, "dump/new/feats.1.h5"),
    "train": (f"{TRAIN} --train.max_steps 2", 100_000, "exp/new/step-2.pt"),
    "decode": ("decode griffin_lim dump/dev exp/new", 5000, "exp/new/wav/d.wav"),
    "score": (SCORE, 50, "exp/copy/scores.jsonl"),
    "check-data": (CHECK, 50, "data/report.json"),
}


@pytest.mark.parametrize("verb", FULL)
def test_a_full_disk_is_one_sentence(verb, work):
    command, size, file = FULL[verb]
    before = set(contents(work))
    limited = program(command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    sentence = f"{file}: File too large; make room, then run the same command again"
    assert last_words(limited) == [f"vocoders {verb}: error: {sentence}"]
    assert limited.returncode == 1
    assert partial_files() == []
    assert file not in contents(work).keys() - before or (file.endswith(".jsonl") and read_jsonl(file) == [])
    ready(command)
