"""Flows: the inverse undoes them, and their log-determinant is that of the Jacobian."""

import pytest
import torch

from vocoders.nn.flow import AffineCoupling, InvertibleConv

B, C, N = 2, 6, 5


class Shaken(torch.nn.Module):
    """Any network of the kept half and the condition."""

    def forward(self, kept, condition):
        return torch.cat([kept.sin() + condition, (kept * condition).cos()], 1)


@pytest.fixture
def x():
    return torch.randn(B, C, N, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


CONDITION = torch.linspace(-1, 1, N, dtype=torch.float64).expand(B, C // 2, N)


def jacobian_log_det(forward, x):
    """Of each item, from autograd."""
    jacobian = torch.autograd.functional.jacobian(lambda flat: forward(flat.view_as(x)).flatten(1).sum(0), x.flatten())
    return torch.stack([torch.linalg.slogdet(block).logabsdet for block in jacobian.unflatten(1, (B, C * N)).unbind(1)])


def conv(mirroring=False):
    torch.manual_seed(0)
    conv = InvertibleConv(C).double()
    conv.weight.data += 0.1 * torch.randn(C, C, dtype=torch.float64)
    if mirroring:
        conv.weight.data[0] *= -1
    return conv


def test_the_convolution_begins_as_a_rotation():
    torch.manual_seed(0)
    for channels in (2, 4, 6, 8):
        weight = InvertibleConv(channels).weight.detach()
        torch.testing.assert_close(weight @ weight.T, torch.eye(channels), atol=1e-6, rtol=0)
        assert torch.linalg.det(weight) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("mirroring", [False, True])
def test_the_convolution_knows_its_determinant_and_its_inverse(x, mirroring):
    transform = conv(mirroring)
    assert (torch.linalg.det(transform.weight) < 0) == mirroring
    y, log_det = transform(x)
    torch.testing.assert_close(transform.inverse(y), x)
    torch.testing.assert_close(log_det, jacobian_log_det(lambda x: transform(x)[0], x))


def test_the_convolution_is_a_convolution(x):
    transform = conv()
    torch.testing.assert_close(transform(x)[0], torch.nn.functional.conv1d(x, transform.weight[..., None]))


def test_the_coupling_knows_its_determinant_and_its_inverse(x):
    coupling = AffineCoupling(Shaken())
    y, log_det = coupling(x, CONDITION)
    torch.testing.assert_close(coupling.inverse(y, CONDITION), x)
    torch.testing.assert_close(log_det, jacobian_log_det(lambda x: coupling(x, CONDITION)[0], x))
    torch.testing.assert_close(y[:, : C // 2], x[:, : C // 2])


def test_autocast_does_not_round_the_mixture(x):
    transform = conv().float()
    with torch.autocast("cpu", torch.bfloat16):
        y, log_det = transform(x.float())
    assert y.dtype == log_det.dtype == torch.float32
    torch.testing.assert_close(y, conv()(x)[0].float())
