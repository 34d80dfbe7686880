"""The denoiser: it takes away what is always there, and little else."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from vocoders.checkpoint import build_model
from vocoders.errors import InputError
from vocoders.fast.denoiser import Denoiser
from vocoders.features.mel import LogMel, MelSpec
from vocoders.inference.system import baseline_system, model_system
from vocoders.interface import SpeechBatch, Vocoder
from vocoders.seeding import normal_like, seeded

HOP = 128
SPEC = MelSpec(sample_rate=16000, n_fft=512, win_size=512, hop_size=HOP, n_mels=20)
FRAMES = 200
TONE = 0.02
MEL = torch.zeros(2, 20, FRAMES)


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
        found = Denoiser(Ringing())(spoken(), MEL, 1.0)
    assert found.shape == spoken().shape
    assert power(found, 1900, 2100) < 1e-3 * power(spoken(), 1900, 2100)
    assert power(found, 100, 1400) == pytest.approx(power(spoken(), 100, 1400), rel=0.01)


def test_strength_is_the_share_of_the_tone_that_is_taken():
    with torch.no_grad():
        half, none = (Denoiser(Ringing())(spoken(sigma=0.0), MEL, strength) for strength in (0.5, 0.0))
    inner = slice(1024, -1024)
    np.testing.assert_allclose(half[:, inner], 0.5 * spoken(sigma=0.0)[:, inner], atol=1e-4)
    np.testing.assert_allclose(none, spoken(sigma=0.0), atol=1e-6)


def test_no_more_is_taken_than_there_is():
    with torch.no_grad():
        found = Denoiser(Ringing())(0.5 * spoken(sigma=0.0), MEL, 1.0)
    assert found[:, 1024:-1024].abs().max() < 1e-4


def test_it_is_an_option_of_decoding():
    mel = torch.zeros(20, FRAMES)
    plain, denoised = (model_system(Ringing(), options) for options in ({}, {"denoise": 0.5}))
    assert denoised.description["options"] == {"denoise": 0.5}
    wave = plain.open(None, SPEC, seeded(1))(mel, last=True)
    with torch.no_grad():
        expected = Denoiser(Ringing())(wave[None], MEL, 0.5)[0]
    torch.testing.assert_close(denoised.open(None, SPEC, seeded(1))(mel, last=True), expected)


@pytest.mark.parametrize("strength", [-0.1, "much", True, math.nan, math.inf])
def test_a_strength_must_be_a_number(strength):
    with pytest.raises(
        InputError, match="conf/d.yaml: denoise is the strength of the denoiser, a number from 0 on, fo"
    ):
        model_system(Ringing(), {"denoise": strength}, where="conf/d.yaml")


def test_baselines_have_none():
    with pytest.raises(InputError, match="decode has no option 'denoise'"):
        baseline_system("griffin_lim", {"denoise": 0.1})


@pytest.mark.parametrize("whitening", ["none", "energy", "spectrum"])
def test_it_takes_the_tones_of_a_waveglow(whitening):
    """A shift that is the same at every position is a period of 8 samples: tones at multiples of an eighth.

    They are as loud as the whitening makes them, wherever the speech is loud or quiet.
    """
    torch.manual_seed(0)
    options = {"channels": 8, "layers": 1, "flows": 4, "normalize_mel": True, "whitening": whitening}
    model = build_model({"name": "waveglow", **options}, SPEC)
    noise = 0.1 * torch.randn(2, FRAMES * HOP + 1, generator=seeded(0))
    coloured = noise[:, 1:] + 0.5 * noise[:, :-1]
    batch = SpeechBatch(coloured, LogMel(SPEC)(coloured))
    model.initialize([batch])
    for coupling in model.network.couplings:
        torch.nn.init.normal_(coupling.network.output.bias, std=0.5)
    loud, quiet = batch.mel[:1], batch.mel[:1] - 3
    mel = torch.cat([loud, quiet])
    with torch.no_grad():
        wave = model.synthesize(mel, sigma=0.2, generator=seeded(1))
        found = Denoiser(model)(wave, mel, 1.0)
    for item in range(2):
        for tone in (2000, 4000, 6000):
            beside = power(wave[item : item + 1], tone + 200, tone + 800)
            assert power(wave[item : item + 1], tone - 20, tone + 20) > 30 * beside
            assert power(found[item : item + 1], tone - 20, tone + 20) < 2 * beside
            assert power(found[item : item + 1], tone + 200, tone + 800) == pytest.approx(beside, rel=0.2)
