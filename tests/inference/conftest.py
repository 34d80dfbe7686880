"""A vocoder whose inference form works in pieces and in batches, as those of the real ones do."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vocoders import checkpoint, config
from vocoders.fast import backends
from vocoders.fast.sweep import Node, Sweep, Track
from vocoders.features.mel import MelSpec
from vocoders.inference.system import model_system
from vocoders.interface import Vocoder
from vocoders.io.features import FeatureWriter, write_index

HOP = 8
SPEC = MelSpec(sample_rate=1000, n_fft=16, win_size=16, hop_size=HOP, n_mels=4)


class Murmur(Vocoder):
    """Noise as loud as the mel says, smeared over the frames beside."""

    def __init__(self):
        super().__init__(SPEC)
        self.weight = torch.nn.Parameter(torch.ones(1), requires_grad=False)
        self.checkpoint_info = {"path": "exp/m/best.pt", "model": "murmur", "step": 1, "seconds": 1.0, "config": {}}
        self.sizes = []  # (rows, frames) of each piece

    def describe(self):
        return "Murmur"

    def synthesize(self, mel, *, gain: float = 0.1, generator: torch.Generator | None = None):
        raise AssertionError("its training form was used")


def open_sweep(vocoder, network, noise, *, lengths=None, denoise=None, gain=0.1):
    mel, loud, wave = Track(), Track(), Track()

    def draw(a, b, mel):
        vocoder.sizes.append((len(mel), b - a))
        level = gain * vocoder.weight * mel.mean(1).sigmoid()
        if lengths is not None:
            level = level * (torch.arange(a, b) < lengths[:, None])
        return [level.repeat_interleave(HOP, -1) * noise(0, a * HOP, b * HOP)]

    def smear(a, b, loud):
        x = torch.nn.functional.pad(loud, (HOP, HOP))
        return [x[:, : -2 * HOP] + x[:, HOP:-HOP] + x[:, 2 * HOP :]]

    return Sweep([Node(draw, [mel], [loud]), Node(smear, [loud], [wave], left=1, right=1)], mel, wave)


@pytest.fixture
def murmur(monkeypatch):
    """``murmur(chunk_frames=10)`` -> (a system that works in so many frames at once, its vocoder)."""

    def form(vocoder, dtype, compiled):
        return SimpleNamespace(batches=True)

    def make(*, chunk_frames=10, **options):
        vocoder = Murmur()
        seconds = chunk_frames * HOP / SPEC.sample_rate
        return model_system(vocoder, options, backend="eager", chunk_seconds=seconds), vocoder

    monkeypatch.setitem(backends.FAMILIES, Murmur, backends.Family(open_sweep, form, None))
    return make


@pytest.fixture
def write_features(tmp_path):
    """``write_features({"a": 40, ...}, name="dump")`` -> a feature directory of utterances of so many frames."""

    def write(frames, name="dump"):
        random, directory = np.random.default_rng(0), tmp_path / name
        with FeatureWriter(directory / "feats.1.h5") as part:
            for utt, number in frames.items():
                wave = random.integers(-(2**15), 2**15, number * HOP).astype(np.int16)
                part.write(utt, wave, random.standard_normal((number, SPEC.n_mels)).astype(np.float32))
        SPEC.save(directory / "mel.yaml")
        write_index(directory)
        return directory

    return write


@pytest.fixture
def untrained(tmp_path, repository):
    """The experiment directory of a DiffWave of which every part is heard; mels of 20 bands, 64 samples."""
    spec = MelSpec(sample_rate=8000, n_fft=256, win_size=256, hop_size=64, n_mels=20)
    settings = config.load(repository / "egs/TEMPLATE/voc1/conf/diffwave_tiny.yaml")
    torch.manual_seed(0)
    model = checkpoint.build_model(settings["model"], spec)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    directory = tmp_path / "untrained"
    directory.mkdir()
    contents = {"model": model.state_dict(), "average": None, "config": settings, "mel": spec.as_dict()}
    checkpoint.save(directory / "step-0.pt", {**contents, "step": 0, "seconds": 0.0})
    checkpoint.link(directory, "best", 0)
    return directory
