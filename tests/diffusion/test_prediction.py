"""The two meanings of a network's output, checked by going there and back."""

import pytest
import torch

from vocoders.diffusion.prediction import NoisePrediction, ScaledPrediction
from vocoders.diffusion.schedule import diffuse

G = torch.Generator().manual_seed(0)
WAVE, NOISE = 0.1 * torch.randn(3, 1000, generator=G), torch.randn(3, 1000, generator=G)
LEVEL = torch.tensor([0.1, 0.7, 0.999], dtype=torch.float64)
PREDICTIONS = [
    NoisePrediction(),
    ScaledPrediction(torch.full((3, 1000), 0.1)),
    ScaledPrediction(torch.rand(3, 1000, generator=G) + 0.01),
]


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_target_stands_for_the_speech(prediction):
    noisy = diffuse(WAVE, NOISE, LEVEL)
    assert torch.allclose(prediction.speech(prediction.target(WAVE, NOISE, LEVEL), noisy, LEVEL), WAVE, atol=2e-5)


def test_input_and_target_of_scaled_prediction_have_unit_variance():
    g = torch.Generator().manual_seed(1)
    deviation = torch.tensor([0.02, 0.1, 0.5])[:, None].expand(3, 200_000)
    wave, noise = deviation * torch.randn(3, 200_000, generator=g), torch.randn(3, 200_000, generator=g)
    prediction = ScaledPrediction(deviation)
    for value in (
        prediction.input(diffuse(wave, noise, LEVEL), LEVEL),
        prediction.target(wave, noise, LEVEL),
    ):
        assert value.var(1).tolist() == pytest.approx([1, 1, 1], rel=0.02)


def test_without_a_network_scaled_prediction_is_the_wiener_filter():
    deviation = torch.full((3, 1000), 0.1)
    noisy = diffuse(WAVE, NOISE, LEVEL)
    a, s2 = LEVEL[:, None].float(), 1 - LEVEL[:, None].float() ** 2
    wiener = a * 0.01 / (a**2 * 0.01 + s2) * noisy
    assert torch.allclose(
        ScaledPrediction(deviation).speech(torch.zeros(3, 1000), noisy, LEVEL), wiener, rtol=1e-3, atol=1e-6
    )


def test_sampling_starts_with_the_variance_of_the_noisy_signal():
    """At level a the signal N(0, d^2) plus noise has variance a^2 d^2 + 1 - a^2; published models start at 1."""
    noise = torch.randn(1, 200_000, generator=torch.Generator().manual_seed(2))
    level = torch.tensor([0.6], dtype=torch.float64)
    start = ScaledPrediction(torch.full((1, 200_000), 0.5)).start(noise, level)
    assert start.var().item() == pytest.approx(0.36 * 0.25 + 0.64, rel=0.02)
    assert torch.equal(NoisePrediction().start(noise, level), noise)
