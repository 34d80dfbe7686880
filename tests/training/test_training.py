"""Training runs, seen through their files: exact resume, refusals, bad losses."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from vocoders import checkpoint, config, load
from vocoders.errors import InputError
from vocoders.features.mel import LogMel, MelSpec
from vocoders.io.features import FeatureWriter, write_index
from vocoders.io.files import read_jsonl
from vocoders.models import MODELS
from vocoders.seeding import seeded
from vocoders.training.run import train

SPEC = MelSpec(sample_rate=8000, n_fft=256, win_size=256, hop_size=64, n_mels=20)


def make_features(directory, count, frames=30, tones=False):
    with FeatureWriter(directory / "feats.1.h5", hop_size=64) as part:
        for n in range(count):
            wave = 0.1 * torch.randn(frames * 64, generator=seeded("test", directory.name, n))
            if tones:
                wave = 0.1 * torch.sin(torch.arange(frames * 64) * 0.1 + n)
            part.write(
                f"utt{n}",
                (wave * 32767).short().numpy(),
                LogMel(SPEC)(wave[None])[0].T.numpy().astype(np.float32),
            )
    SPEC.save(directory / "mel.yaml")
    write_index(directory)
    return directory


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    root = tmp_path_factory.mktemp("dump")
    return make_features(root / "train", 5), make_features(root / "dev", 3)


def settings(repository, name="diffwave", **changes):
    overrides = {"train.samples": 0, **{key.replace("__", "."): value for key, value in changes.items()}}
    return config.load(repository / f"egs/TEMPLATE/voc1/conf/{name}_tiny.yaml", overrides)


def weights(directory):
    contents = checkpoint.load(directory / "last.pt")
    optimizer = [t for state in contents["optimizer"]["state"].values() for t in state.values()]
    return [*contents["model"].values(), *contents["average"].values(), *optimizer]


def same(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b))


@pytest.mark.parametrize("name", MODELS.names())
def test_an_interrupted_run_ends_as_an_undisturbed_one(repository, features, tmp_path, name):
    """Stopped after step 4 of 6 and started again: the same weights, averages, moments and metrics."""
    whole = settings(repository, name)
    train(whole, *features, tmp_path / "whole")
    train(whole, *features, tmp_path / "parts")
    for step in (6, 4):  # what a kill during step 5 leaves behind: checkpoints up to 2, metrics up to 5
        (tmp_path / "parts" / f"step-{step}.pt").unlink()
    train(whole, *features, tmp_path / "parts")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    metrics = [
        [(r["split"], r["step"], r["loss"]) for r in read_jsonl(tmp_path / d / "metrics.jsonl")]
        for d in ("whole", "parts")
    ]
    assert metrics[0] == metrics[1] and len(metrics[0]) == 9


def test_updates_on_one_batch_differ_in_their_noise(repository, features, tmp_path):
    """Otherwise the same noise at every step would pass for exact resume."""
    train(settings(repository, train__batch_size=5, optimizer__learning_rate=0.0), *features, tmp_path / "e")
    losses = [r["loss"] for r in read_jsonl(tmp_path / "e" / "metrics.jsonl") if r["split"] == "train"]
    assert len(set(losses)) == len(losses)


def test_the_dev_loss_of_unchanged_weights_is_always_the_same(repository, features, tmp_path):
    train(settings(repository, optimizer__learning_rate=0.0, train__average=None), *features, tmp_path / "e")
    losses = [r["loss"] for r in read_jsonl(tmp_path / "e" / "metrics.jsonl") if r["split"] == "dev"]
    assert len(losses) == 3 and len(set(losses)) == 1


def test_workers_change_nothing(repository, features, tmp_path):
    for workers in (0, 2):
        train(settings(repository, train__workers=workers), *features, tmp_path / str(workers))
    assert same(weights(tmp_path / "0"), weights(tmp_path / "2"))


def test_the_loss_falls(repository, tmp_path):
    """On tones, scaled by frame: of white noise, or by frequency, little is left beyond the filter it starts as."""
    tones = make_features(tmp_path / "train", 5, tones=True), make_features(tmp_path / "dev", 3, tones=True)
    train(
        settings(
            repository,
            model__prediction="energy_scaled",
            model__distance="l2",
            model__channels=32,
            optimizer__learning_rate=2e-3,
            train__max_steps=200,
            train__evaluate_every=200,
        ),
        *tones,
        tmp_path / "e",
    )
    losses = [r["loss"] for r in read_jsonl(tmp_path / "e" / "metrics.jsonl") if r["split"] == "train"]
    assert np.mean(losses[-30:]) < 0.8 * np.mean(losses[:10])


def test_a_vocoder_loads_from_its_experiment_with_averaged_weights(repository, features, tmp_path):
    train(settings(repository), *features, tmp_path / "e")
    vocoder = load(tmp_path / "e")
    contents = checkpoint.load(tmp_path / "e" / "best.pt")
    trained = vocoder.vocoder
    assert all(torch.equal(v, contents["average"][k]) for k, v in trained.state_dict().items())
    assert vocoder.mel_spec == SPEC and trained.checkpoint_info["model"] == "diffwave"
    assert vocoder.synthesize(torch.zeros(1, 20, 3), steps=2).shape == (1, 192)


def test_an_experiment_knows_what_it_was_trained_on(repository, tmp_path):
    data = make_features(tmp_path / "train", 4), make_features(tmp_path / "dev", 1)
    train(settings(repository, train__max_steps=1), *data, tmp_path / "exp")
    assert checkpoint.trained_on(tmp_path / "exp") == {f"utt{n}" for n in range(4)}
    assert checkpoint.trained_on(tmp_path) == set()


def test_old_checkpoints_go_and_the_best_stays(repository, features, tmp_path):
    changes = dict(train__max_steps=10, train__keep=2)
    train(settings(repository, **changes), *features, tmp_path / "e")
    metrics = [r for r in read_jsonl(tmp_path / "e" / "metrics.jsonl") if r["split"] == "dev"]
    best = min(metrics, key=lambda r: r["loss"])["step"]
    assert set(checkpoint.steps(tmp_path / "e")) == {8, 10, best}
    assert (tmp_path / "e" / "best.pt").resolve().name == f"step-{best}.pt"
    assert (tmp_path / "e" / "last.pt").resolve().name == "step-10.pt"


def test_an_experiment_refuses_another_configuration(repository, features, tmp_path):
    train(settings(repository), *features, tmp_path / "e")
    with pytest.raises(InputError, match=r"train.seed: None there, 5 now.*--tag"):
        train(settings(repository, train__seed=5), *features, tmp_path / "e")
    train(settings(repository, train__workers=1), *features, tmp_path / "e")  # changes no result


def test_an_experiment_refuses_other_data(repository, features, tmp_path):
    """The same configuration on other utterances is another experiment; what was evaluation may now be training."""
    train(settings(repository), *features, tmp_path / "e")
    with pytest.raises(InputError, match=r"another configuration \(data.train: "):
        train(settings(repository), make_features(tmp_path / "train", 4), features[1], tmp_path / "e")


def test_options_of_the_samples_are_checked_before_training(repository, features, tmp_path):
    changes = {"train.samples": 1, "train.sample_options": {"setps": 6}}
    with pytest.raises(InputError, match="train.sample_options has no option 'setps'; did you mean 'steps'"):
        train(settings(repository, **changes), *features, tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_files_that_look_like_checkpoints_are_left_alone(tmp_path):
    for name in ("step-10.pt", "step-2.pt", "step-2-copy.pt", "nonfinite-step-3.pt"):
        (tmp_path / name).touch()
    assert list(checkpoint.steps(tmp_path)) == [2, 10]
    checkpoint.prune(tmp_path, keep=1, but=set())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nonfinite-step-3.pt", "step-10.pt", "step-2-copy.pt"]


def test_features_of_two_kinds_are_refused(repository, features, tmp_path):
    other = make_features(tmp_path / "other", 2)
    text = (other / "mel.yaml").read_text()
    (other / "mel.yaml").write_text(text.replace("n_mels: 20", "n_mels: 24"))
    with pytest.raises(InputError, match="n_mels: 20 != 24"):
        train(settings(repository), features[0], other, tmp_path / "e")


def test_a_non_finite_loss_stops_with_its_batch_saved(repository, tmp_path):
    train_set = make_features(tmp_path / "train", 3)
    import h5py

    with h5py.File(train_set / "feats.1.h5", "a") as part:
        part["utt1/mel"][...] = np.nan
    changes = dict(model__normalize_mel=False, train__batch_size=3)
    with pytest.raises(InputError, match="loss nan .* at step 0; the batch, utterances .*utt1.* is saved"):
        train(settings(repository, **changes), train_set, make_features(tmp_path / "dev", 3), tmp_path / "e")
    saved = checkpoint.load(tmp_path / "e" / "nonfinite-step-0.pt")
    assert saved["batch"][1].isnan().any()


def test_short_utterances_are_named_and_too_many_refused(repository, features, tmp_path):
    with pytest.raises(InputError, match="5 of 5 utterances are shorter than a segment of 31 frames: utt0, utt1"):
        train(settings(repository, train__segment_frames=31), *features, tmp_path / "e")


@pytest.mark.parametrize("cut", [0.0, 0.5, 0.99])
def test_a_truncated_checkpoint_is_one_sentence(repository, features, tmp_path, cut):
    train(settings(repository), *features, tmp_path / "e")
    path = (tmp_path / "e" / "best.pt").resolve()
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    with pytest.raises(InputError, match="damaged or not a checkpoint"):
        load(tmp_path / "e")


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    torch.save({"format": 1, "model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match="damaged or not a checkpoint"):
        load(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_ctrl_c_saves_the_step_and_the_next_run_goes_on(repository, features, tmp_path):
    """The signal arrives in the middle of training, in a process of its own as a user would have it."""
    whole = {"train.max_steps": 400, "train.evaluate_every": 200, "train.samples": 0}
    tiny = repository / "egs/TEMPLATE/voc1/conf/diffwave_tiny.yaml"
    command = [
        sys.executable, "-m", "vocoders", "train", "--config", str(tiny),
        "--device", "cpu", *[f"--{key}={value}" for key, value in whole.items()], *map(str, features),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*command, str(tmp_path / "a")], stderr=subprocess.PIPE, text=True, env=environment)
    metrics = tmp_path / "a" / "metrics.jsonl"
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 20):
        assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130 and "interrupted; the same command goes on from here" in errors
    assert "Traceback" not in errors
    saved = checkpoint.load(tmp_path / "a" / "last.pt")["step"]
    assert 20 <= saved < 400
    for name in ("a", "b"):
        subprocess.run([*command, str(tmp_path / name)], check=True, env=environment, stderr=subprocess.DEVNULL)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_metrics_are_complete(repository, features, tmp_path):
    train(settings(repository), *features, tmp_path / "e")
    first = json.loads((tmp_path / "e" / "metrics.jsonl").read_text().splitlines()[0])
    assert set(first) == {
        "split",
        "step",
        "loss",
        "grad_norm",
        "lr",
        "data_wait",
        "steps_per_second",
        "seconds",
    }
    assert 0 <= first["data_wait"] <= 1 and first["seconds"] > 0
    assert list((tmp_path / "e" / "tensorboard").iterdir())
