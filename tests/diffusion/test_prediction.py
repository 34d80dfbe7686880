"""The meanings of a network's output, against their definitions."""

import pytest
import torch
from scipy import signal

from vocoders.diffusion.prediction import NoisePrediction, ScaledPrediction
from vocoders.diffusion.schedule import diffuse
from vocoders.features.time_varying_filter import TimeVaryingFilter

G = torch.Generator().manual_seed(0)
WAVE, NOISE = 0.1 * torch.randn(3, 1000, generator=G), torch.randn(3, 1000, generator=G)
LEVEL = torch.tensor([0.1, 0.7, 0.999], dtype=torch.float64)
BY_BIN = TimeVaryingFilter(n_fft=256, win_size=256, hop_size=64)
PREDICTIONS = [
    NoisePrediction(),
    ScaledPrediction(torch.full((3, 1000), 0.1)),
    ScaledPrediction(torch.rand(3, 1000, generator=G) + 0.01),
]


def perfect_output(prediction, wave, noise, level):
    """By the definitions of Ho et al. and Karras et al., section 5."""
    if isinstance(prediction, NoisePrediction):
        return noise
    a, s = level[:, None].float(), (1 - level**2).sqrt()[:, None].float()
    v = (a * prediction.deviation) ** 2 + s**2
    return (s * wave / prediction.deviation - a * prediction.deviation * noise) / v.sqrt()


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_perfect_output_stands_for_the_speech_and_leaves_no_residual(prediction):
    output = perfect_output(prediction, WAVE, NOISE, LEVEL)
    assert torch.allclose(prediction.speech(output, diffuse(WAVE, NOISE, LEVEL), LEVEL), WAVE, atol=2e-5)
    assert prediction.residual(output, WAVE, NOISE, LEVEL).abs().max() < 1e-4
    wrong = prediction.residual(output + 0.25, WAVE, NOISE, LEVEL)  # in units of the output
    assert torch.allclose(wrong, torch.full_like(WAVE, 0.25), atol=1e-4)


def test_input_and_residual_of_scaled_prediction_have_unit_variance():
    g = torch.Generator().manual_seed(1)
    deviation = torch.tensor([0.02, 0.1, 0.5])[:, None].expand(3, 200_000)
    wave, noise = deviation * torch.randn(3, 200_000, generator=g), torch.randn(3, 200_000, generator=g)
    prediction = ScaledPrediction(deviation)
    for value in (
        prediction.input(diffuse(wave, noise, LEVEL), LEVEL),
        prediction.residual(torch.zeros_like(wave), wave, noise, LEVEL),
    ):
        assert value.var(1).tolist() == pytest.approx([1, 1, 1], rel=0.02)


def by_bin(deviation):
    return ScaledPrediction(deviation, multiply=BY_BIN, margin=BY_BIN.margin)


def test_one_deviation_for_all_bins_is_one_for_all_samples():
    wave, noise = 0.1 * torch.randn(3, 1024, generator=G), torch.randn(3, 1024, generator=G)
    flat, same = by_bin(torch.full((3, 129, 17), 0.1)), ScaledPrediction(torch.full((3, 1024), 0.1))
    for one, other in ((flat, same), (same, flat)):
        assert torch.allclose(one.start(noise, LEVEL), other.start(noise, LEVEL), atol=1e-5)
        assert torch.allclose(one.input(noise, LEVEL), other.input(noise, LEVEL), atol=1e-5)
        assert torch.allclose(one.speech(wave, noise, LEVEL), other.speech(wave, noise, LEVEL), atol=1e-5)
    inner = same.residual(wave, wave, noise, LEVEL)[:, BY_BIN.margin : -BY_BIN.margin]
    assert torch.allclose(flat.residual(wave, wave, noise, LEVEL), inner, atol=1e-4)


def test_emphasis_scales_the_residual_and_nothing_else():
    deviation, emphasis = torch.full((3, 129, 17), 0.1), torch.linspace(0.5, 2, 129)[:, None]
    plain, emphasized = (
        by_bin(deviation),
        ScaledPrediction(deviation, multiply=BY_BIN, emphasis=emphasis, margin=BY_BIN.margin),
    )
    wave, noise = 0.1 * torch.randn(3, 1024, generator=G), torch.randn(3, 1024, generator=G)
    assert torch.equal(plain.speech(wave, noise, LEVEL), emphasized.speech(wave, noise, LEVEL))
    weighted = BY_BIN(emphasis, ScaledPrediction(deviation, multiply=BY_BIN).residual(wave, wave, noise, LEVEL))
    expected = weighted[:, 2 * BY_BIN.margin : -2 * BY_BIN.margin]  # filtered twice, so it has twice the margin
    residual = emphasized.residual(wave, wave, noise, LEVEL)[:, BY_BIN.margin : -BY_BIN.margin]
    assert (residual - expected).square().mean() < 1e-3 * expected.square().mean()


def test_by_bin_a_silent_network_is_the_wiener_filter_of_coloured_noise():
    """Its mean square error is that of the theory, the mean over frequency of s^2 P / (a^2 P + s^2), P the spectrum."""
    _, response = signal.freqz([0.05], [1, -0.9], 129, include_nyquist=True)
    white = torch.randn(3, 100_032, generator=torch.Generator().manual_seed(3))
    wave = torch.from_numpy(signal.lfilter([0.05], [1, -0.9], white.numpy())).float()
    noise = torch.randn(3, 100_032, generator=torch.Generator().manual_seed(4))
    power = torch.from_numpy(abs(response) ** 2)
    prediction = by_bin(power.sqrt().float()[None, :, None].expand(3, 129, 100_032 // 64 + 1))
    error = (prediction.speech(torch.zeros_like(wave), diffuse(wave, noise, LEVEL), LEVEL) - wave).square().mean(1)
    for level, mine in zip(LEVEL, error):
        expected = (1 - level**2) * power / (level**2 * power + 1 - level**2)
        assert mine.item() == pytest.approx(torch.trapezoid(expected, dx=1 / 128).item(), rel=0.05)
    residual = prediction.residual(torch.zeros_like(wave), wave, noise, LEVEL)
    assert residual.var(1).tolist() == pytest.approx([1, 1, 1], rel=0.05)


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
