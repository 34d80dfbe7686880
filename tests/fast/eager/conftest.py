"""Networks with something to say, and one signature over their forms."""

import copy

import pytest
import torch
from torch import nn

from vocoders.checkpoint import build_model
from vocoders.fast.eager.diffwave import EagerDiffWave
from vocoders.fast.eager.waveglow import EagerWaveGlow
from vocoders.fast.eager.wavegrad import EagerWaveGrad
from vocoders.features.mel import MelSpec
from vocoders.seeding import seeded

LEVELS = torch.tensor([0.9, 0.4], dtype=torch.float64)


class Trained:
    """A small vocoder with random weights where a new one has zeros; what it computes in float64 is the truth."""

    def __init__(self, options, hop_size):
        torch.manual_seed(0)
        self.spec = MelSpec(sample_rate=8000, n_fft=256, win_size=256, hop_size=hop_size, n_mels=10, f_max=4000)
        self.vocoder = build_model(options, self.spec).eval()
        for module in self.vocoder.network.modules():
            if isinstance(module, nn.Conv1d) and not module.weight.any():
                nn.init.normal_(module.weight, std=0.1)
        self.diffuses = options["name"] != "waveglow"
        self.exact = copy.deepcopy(self.vocoder).double()

    def inputs(self, frames, size=1):
        mel = torch.randn(size, self.spec.n_mels, frames, generator=seeded("mel"))
        return mel, torch.randn(size, frames * self.spec.hop_size, generator=seeded("noisy"))

    @torch.no_grad()
    def truth(self, mel, noisy):
        return self._training_form(self.exact, mel.double(), noisy.double())

    @torch.no_grad()
    def autocast(self, mel, noisy):
        with torch.autocast("cpu", torch.bfloat16):
            return self._training_form(self.vocoder, mel, noisy)

    def _training_form(self, vocoder, mel, noisy):
        if not self.diffuses:
            return vocoder.network.inverse(noisy, vocoder._condition(mel))
        step = vocoder.condition(LEVELS)[1:].expand(len(mel))
        return vocoder.network(noisy, vocoder.network.prepare(mel), step)

    def form(self, dtype=torch.float32, compiled=False):
        return Form(self, dtype, compiled)


class Form:
    def __init__(self, trained, dtype, compiled):
        vocoder, hop_size = trained.vocoder, trained.spec.hop_size
        self.trained, network, how = trained, vocoder.network, {"dtype": dtype, "compiled": compiled}
        if trained.diffuses:
            make = {"DiffWave": EagerDiffWave, "WaveGrad": EagerWaveGrad}[type(vocoder).__name__]
            self.network = make(network, hop_size, **how)
            self.mel_left = self.mel_right = self.network.mel_reach
            self.steps = self.network.open(vocoder.condition(LEVELS))
        else:
            self.network = EagerWaveGlow(network, vocoder.upsample, hop_size, **how)
            self.mel_left, self.mel_right = self.network.mel_left, 0
        self.condition, self.reach = self.network.condition, self.network.reach

    def once(self, noisy, conditioner, lengths=None):
        """One evaluation, or one flow."""
        if self.trained.diffuses:
            return self.network.evaluate(noisy, conditioner, self.steps, 1, lengths)
        return self.network.run(self.network.flows // 2, noisy, conditioner, lengths)

    @torch.no_grad()
    def __call__(self, mel, noisy, lengths=None):
        """What ``Trained.truth`` is."""
        conditioner = self.condition(mel, lengths)
        if self.trained.diffuses:
            return self.once(noisy, conditioner, lengths)
        for k in range(self.network.flows):
            noisy = self.network.run(k, noisy, conditioner, lengths)
        return noisy


@pytest.fixture
def trained():
    """``trained(options, hop_size)`` -> ``Trained``."""
    return Trained


@pytest.fixture
def decibels():
    """``decibels(truth, other)``: power of the signal over that of the difference."""
    return lambda truth, other: (
        10 * torch.log10(truth.double().square().sum() / (truth.double() - other.double()).square().sum())
    ).item()
