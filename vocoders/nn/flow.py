"""Invertible transforms whose log-determinants are known: ``forward(x) -> (y, log |det dy/dx|)``, ``inverse(y) -> x``.

x and y are [B, C, N], logarithms [B].  Both directions compute in the precision of x, whatever autocast says; only the
network inside a coupling follows it.
"""

import torch
from torch import nn


class InvertibleConv(nn.Module):
    """One matrix over the channels of every position (Kingma and Dhariwal 2018, section 3.2); a rotation at first."""

    def __init__(self, channels):
        super().__init__()
        rotation, _ = torch.linalg.qr(torch.randn(channels, channels))
        rotation[:, 0] *= torch.linalg.det(rotation).sign()
        self.weight = nn.Parameter(rotation)

    def forward(self, x):
        # of the determinant's magnitude: a matrix that comes to mirror must not give the logarithm of a negative number
        log_det = x.shape[-1] * torch.linalg.slogdet(self.weight).logabsdet
        return _across_channels(self.weight, x), log_det.expand(len(x))

    def inverse(self, y):
        # at every call: microseconds, and no copy is left behind that an update of the weight would make untrue
        return _across_channels(self.weight.double().inverse().to(y), y)


class AffineCoupling(nn.Module):
    """Scales and shifts one half of the channels by what ``network(other half, condition)`` says (Dinh et al. 2017).

    The network gives [B, C, N]: the shift, then the logarithm of the scale.
    """

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, condition):
        kept, changed = x.chunk(2, 1)
        shift, log_scale = self._shift_and_scale(kept, condition)
        return torch.cat([kept, log_scale.exp() * changed + shift], 1), log_scale.sum((1, 2))

    def inverse(self, y, condition):
        kept, changed = y.chunk(2, 1)
        shift, log_scale = self._shift_and_scale(kept, condition)
        return torch.cat([kept, (-log_scale).exp() * (changed - shift)], 1)

    def _shift_and_scale(self, kept, condition):
        return self.network(kept, condition).to(kept).chunk(2, 1)


def _across_channels(matrix, x):
    with torch.autocast(x.device.type, enabled=False):
        return matrix @ x
