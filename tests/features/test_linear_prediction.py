"""Linear prediction against scipy, and that synthesis undoes analysis."""

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import torch

from vocoders.features.linear_prediction import Predictor, levinson_durbin

LENGTH, BLOCKS, ORDER = 16, 20, 12


def autocorrelation(blocks=BLOCKS, lags=40):
    """Of resonances that wander, [2, blocks, lags]."""
    angle = np.linspace(0.3, 2.5, 2 * blocks).reshape(2, blocks, 1)
    frequency = np.linspace(0, np.pi, 513)
    power = sum(1 / (1.01 + 0.2 * k - np.cos(frequency - k * angle)) ** 2 for k in (1, 1.5)) * np.exp(angle)
    return torch.from_numpy(np.fft.irfft(power)[..., :lags])


@pytest.fixture
def predictor():
    return Predictor.from_autocorrelation(autocorrelation(), order=ORDER, length=LENGTH)


def wave(length=LENGTH * BLOCKS):
    return torch.randn(2, length, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_coefficients_solve_the_normal_equations():
    r = autocorrelation()[..., : ORDER + 1].numpy()
    a, gain = levinson_durbin(torch.from_numpy(r))
    for b, n in np.ndindex(2, BLOCKS):
        expected = scipy.linalg.solve_toeplitz(r[b, n, :-1], r[b, n, 1:])
        np.testing.assert_allclose(a[b, n], expected, atol=1e-9)
        assert gain[b, n].item() == pytest.approx(np.sqrt(r[b, n, 0] - expected @ r[b, n, 1:]))


def test_blocks_of_one_filter_are_that_filter():
    """But for the first block, which does not take what was before it for silence."""
    r = autocorrelation()[:, :1].expand(-1, BLOCKS, -1)
    predictor = Predictor.from_autocorrelation(r, order=ORDER, length=LENGTH)
    found, x = predictor.residual(wave()), wave()
    for b in range(2):
        taps = np.concatenate([[1], -predictor.a[b, 0].numpy()])
        expected = scipy.signal.lfilter(taps, [predictor.gain[b, 0].item()], x[b].numpy())
        np.testing.assert_allclose(found[b, LENGTH:], expected[LENGTH:], atol=1e-9)


def test_the_first_block_is_what_its_covariance_makes_white():
    r = autocorrelation()
    start = Predictor.from_autocorrelation(r, order=ORDER, length=LENGTH).residual(wave())[:, :LENGTH]
    for b in range(2):
        covariance = scipy.linalg.toeplitz(r[b, 0, :LENGTH].numpy())
        x = wave()[b, :LENGTH].numpy()
        assert start[b].square().sum().item() == pytest.approx(x @ np.linalg.solve(covariance, x))  # Mahalanobis


@pytest.mark.parametrize("order", [5, 12, 30])  # shorter and longer than a block
def test_synthesis_undoes_analysis(order):
    predictor = Predictor.from_autocorrelation(autocorrelation(), order=order, length=LENGTH)
    torch.testing.assert_close(predictor.wave(predictor.residual(wave())), wave(), atol=1e-9, rtol=0)
    torch.testing.assert_close(predictor.residual(predictor.wave(wave())), wave(), atol=1e-9, rtol=0)


def test_long_signals_are_done_in_parts(predictor, monkeypatch):
    whole = predictor.wave(wave())
    monkeypatch.setattr("vocoders.features.linear_prediction.BLOCKS_AT_ONCE", 3)
    torch.testing.assert_close(predictor.wave(wave()), whole)


def test_the_determinant_is_that_of_the_jacobian(predictor):
    jacobian = torch.autograd.functional.jacobian(lambda x: predictor.residual(x).sum(0), wave())
    for b in range(2):
        expected = torch.linalg.slogdet(jacobian[:, b]).logabsdet
        assert predictor.log_det()[b].item() == pytest.approx(expected.item())


def test_white_noise_gets_that_spectrum():
    r = autocorrelation(blocks=1).expand(2, 2000, -1)
    predictor = Predictor.from_autocorrelation(r, order=30, length=LENGTH)
    white = torch.randn(2, 2000 * LENGTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    coloured = predictor.wave(white).numpy()
    for b in range(2):
        found = [np.mean(coloured[b, lag:] * coloured[b, : coloured.shape[1] - lag]) for lag in range(5)]
        np.testing.assert_allclose(found / r[b, 0, 0].numpy(), r[b, 0, :5] / r[b, 0, 0], atol=0.06)
