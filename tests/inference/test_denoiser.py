"""The denoiser: it takes away what is always there, and little else."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from vocoders.checkpoint import build_model
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.inference.denoiser import Denoiser
from vocoders.inference.system import baseline_system, model_system
from vocoders.interface import Vocoder
from vocoders.seeding import normal_like, seeded

HOP = 128
SPEC = MelSpec(sample_rate=16000, n_fft=512, win_size=512, hop_size=HOP, n_mels=20)
FRAMES = 200
TONE = 0.02


class Ringing(Vocoder):
    """Speech, here noise below 1.5 kHz, and a tone at an eighth of the sampling rate that is always there."""

    def __init__(self):
        super().__init__(SPEC)
        self.weight = torch.nn.Parameter(torch.tensor(1.0))
        self.checkpoint_info = {"path": "exp/x/best.pt", "model": "ringing", "step": 3, "seconds": 1.0, "config": {}}

    def describe(self):
        return "Ringing"

    def synthesize(self, mel, *, sigma: float = 0.1, generator: torch.Generator | None = None):
        noise = normal_like(mel, [len(mel), mel.shape[-1] * HOP], generator=generator)
        speech = torch.fft.irfft(torch.fft.rfft(noise) * (torch.fft.rfftfreq(noise.shape[-1]) < 1500 / 16000))
        time = torch.arange(noise.shape[-1])
        return self.weight * (sigma * speech + TONE * torch.sin(math.pi / 4 * time))

    def without_noise(self, options):
        return {**options, "sigma": 0.0}


def spoken(sigma=0.1):
    with torch.no_grad():
        return Ringing().synthesize(torch.zeros(2, 20, FRAMES), sigma=sigma, generator=seeded(1))


def power(wave, low, high):
    """Mean power between two frequencies, by scipy."""
    frequency, density = scipy.signal.welch(wave.numpy(), 16000, nperseg=1024)
    return density[:, (frequency > low) & (frequency < high)].mean()


def test_it_takes_the_tone_and_leaves_the_speech():
    with torch.no_grad():
        found = Denoiser(Ringing())(spoken(), 1.0)
    assert found.shape == spoken().shape
    assert power(found, 1900, 2100) < 1e-3 * power(spoken(), 1900, 2100)
    assert power(found, 100, 1400) == pytest.approx(power(spoken(), 100, 1400), rel=0.01)


def test_strength_is_the_share_of_the_tone_that_is_taken():
    with torch.no_grad():
        half, none = (Denoiser(Ringing())(spoken(sigma=0.0), strength) for strength in (0.5, 0.0))
    inner = slice(1024, -1024)
    np.testing.assert_allclose(half[:, inner], 0.5 * spoken(sigma=0.0)[:, inner], atol=1e-4)
    np.testing.assert_allclose(none, spoken(sigma=0.0), atol=1e-6)


def test_no_more_is_taken_than_there_is():
    with torch.no_grad():
        found = Denoiser(Ringing())(0.5 * spoken(sigma=0.0), 1.0)
    assert found[:, 1024:-1024].abs().max() < 1e-4


def test_it_is_an_option_of_decoding():
    mel = torch.zeros(20, FRAMES)
    plain, denoised = (model_system(Ringing(), options) for options in ({}, {"denoise": 0.5}))
    assert denoised.description["options"] == {"denoise": 0.5}
    wave = plain.synthesize(mel, None, SPEC, seeded(1))
    with torch.no_grad():
        expected = Denoiser(Ringing())(wave[None], 0.5)[0]
    torch.testing.assert_close(denoised.synthesize(mel, None, SPEC, seeded(1)), expected)


@pytest.mark.parametrize("strength", [-0.1, "much", True, math.nan, math.inf])
def test_a_strength_must_be_a_number(strength):
    with pytest.raises(
        InputError, match="conf/d.yaml: denoise is the strength of the denoiser, a number from 0 on, fo"
    ):
        model_system(Ringing(), {"denoise": strength}, where="conf/d.yaml")


def test_baselines_have_none():
    with pytest.raises(InputError, match="decode has no option 'denoise'"):
        baseline_system("griffin_lim", {"denoise": 0.1})


@pytest.mark.parametrize(
    "name, options",
    [
        ("waveglow", {"channels": 8, "layers": 1, "flows": 2}),
        *[
            ("wavegrad", {"channels": 8, "sampling": sampling})
            for sampling in (
                {"sampler": "ancestral", "temperature": 0.8},
                {"sampler": "ddim"},
                {"sampler": "ddim", "eta": 0.5},
                {"sampler": "dpm_solver"},
                {"sampler": "sde_dpm_solver"},
            )
        ],
    ],
)
def test_every_model_can_do_without_noise(name, options):
    sampling = options.pop("sampling", None)
    model = build_model({"name": name, **options}, SPEC)
    options = {**sampling, "steps": 2} if sampling else {}
    mel = torch.zeros(1, 20, 4)
    first, second = (model.synthesize(mel, generator=seeded(s), **options) for s in (1, 2))
    assert not torch.equal(first, second)
    first, second = (model.synthesize(mel, generator=seeded(s), **model.without_noise(options)) for s in (1, 2))
    assert torch.equal(first, second)
