"""The stack of gated dilated convolutions that DiffWave is made of and WaveGlow's couplings, on x [B, N, C].

Tiles: on a CPU a layer is computed for a few thousand positions at a time, so that what is between its convolutions
stays in the caches and no tensor is large enough for the allocator to map it anew.  Elsewhere, and compiled, in one
piece.

Algebra: the tanh of the gate is 2 sigmoid(2 y) - 1, as torch's tanh takes eight times as long on a CPU; the factors 2
are in the weights.  DiffWave's step is in the biases: x is what the dilated convolution reads, padded with zeros as in
training.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vocoders.fast.eager.convolution import convolve, cut, kernel, project

TILE = 4096  # positions


class GatedLayer(NamedTuple):
    """Trained weights of one layer, float; the halves of 2 C: the sigmoid's, then the tanh's; residual, then skip."""

    dilation: int
    conv: Tensor  # [2 C, C, 3]
    condition: Tensor  # [2 C, K, 1]
    bias: Tensor  # [2 C], of both
    output: Tensor  # [2 C, C, 1], of the last layer [C, C, 1]: it has no residual
    skip_bias: Tensor  # [C]


class GatedStack(nn.Module):
    """x [B, N, C], condition [B, N / hold, K] -> the sum of the layers' skips [B, N, C], float32.

    ``keep`` is the factor of x where the residual is added.
    """

    def __init__(self, layers, *, keep, dtype, tiled):
        super().__init__()
        self.dilations = [layer.dilation for layer in layers]
        self.keep, self.tiled = keep, tiled
        self.channels = layers[0].conv.shape[1]
        twice = torch.ones_like(layers[0].bias)[:, None, None]
        twice[self.channels :] = 2
        for n, layer in enumerate(layers):
            self.register_buffer(f"conv{n}", kernel(twice * layer.conv, dtype))
            self.register_buffer(f"condition{n}", kernel(twice * layer.condition, dtype))
            self.register_buffer(f"bias{n}", (twice[:, 0, 0] * layer.bias).detach().to(dtype))
            self.register_buffer(f"output{n}", kernel(2 * layer.output, dtype))
        self.register_buffer("skip_bias", sum(layer.skip_bias.detach().float() for layer in layers))
        self.projections = len(layers) * 2 * self.channels

    def forward(self, x, condition, residual_bias, end=None, *, projected=False):
        """``residual_bias`` [layers - 1, C]; ``end`` [B]: positions from there on are padding; None: there is none.

        ``projected``: condition is ``project_all``'s.
        """
        if self.tiled:
            return self._in_tiles(x, condition, residual_bias, projected)
        total = self.skip_bias
        for n, dilation in enumerate(self.dilations):
            x = cut(x, end)
            y = convolve(x, self._weight("conv", n), self._weight("bias", n), dilation=dilation, padding=dilation)
            residual, skip = self._gate(n, self._add_condition(n, y, condition, projected))
            total = total + skip
            if residual is not None:
                x = self.keep * x + residual + residual_bias[n]
        return total

    def project_all(self, condition):
        """[B, N, K] -> all layers' projections [B, N, layers 2 C]."""
        return torch.cat([project(condition, self._weight("condition", n)) for n in range(len(self.dilations))], 2)

    def _in_tiles(self, x, condition, residual_bias, projected):
        margin = max(self.dilations)
        size, hold = x.shape[1], x.shape[1] // condition.shape[1]
        step = max(TILE // hold, 1) * hold
        now, after = (x.new_zeros(x.shape[0], margin + size + margin, self.channels) for _ in range(2))
        now[:, margin : margin + size] = x
        total = self.skip_bias.repeat(*x.shape[:2], 1)
        for n, dilation in enumerate(self.dilations):
            for first in range(0, size, step):
                last = min(first + step, size)
                inside = slice(margin + first, margin + last)
                around = now[:, inside.start - dilation : inside.stop + dilation]
                y = convolve(around, self._weight("conv", n), self._weight("bias", n), dilation=dilation)
                y = self._add_condition(n, y, condition[:, first // hold : last // hold], projected)
                residual, skip = self._gate(n, y)
                total[:, first:last].add_(skip)
                if residual is not None:
                    residual.add_(residual_bias[n])
                    torch.add(residual, now[:, inside], alpha=self.keep, out=after[:, inside])
            now, after = after, now
        return total

    def _add_condition(self, n, y, condition, projected):
        width = 2 * self.channels
        if projected:
            condition = condition[..., n * width : (n + 1) * width]
        else:
            weight = self._weight("condition", n)
            own = n * weight.shape[1] % condition.shape[2]  # where each layer has its own, they follow one another
            condition = project(condition[..., own : own + weight.shape[1]], weight)
        y.unflatten(1, (condition.shape[1], -1)).add_(condition[:, :, None])
        return y

    def _gate(self, n, y):
        sigmoid, half_tanh = y.sigmoid_().chunk(2, 2)
        y = project(sigmoid * half_tanh.sub_(0.5), self._weight("output", n))
        return y.chunk(2, 2) if y.shape[2] > self.channels else (None, y)

    def _weight(self, kind, n):
        return getattr(self, f"{kind}{n}")
