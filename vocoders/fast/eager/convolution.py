"""Convolutions of signals that are stored channels last, x [B, N, C].

They are calls of ``conv2d`` on pictures one row high, as PyTorch knows channels-last only for pictures.
"""

import math

import torch
from torch.nn import functional

ROWS = 32  # of the picture that a pointwise convolution is laid out as


def own(parameter, dtype):
    """A copy of a trained parameter, or of what was computed from some."""
    return parameter.detach().to(dtype, copy=True)


def kernel(weight, dtype):
    """A copy of the weight of a 1-d convolution [O, C, K] as that of a picture [O, C, 1, K], in the layout of x."""
    return own(weight, dtype)[:, :, None].contiguous(memory_format=torch.channels_last)


def convolve(x, weight, bias=None, *, dilation=1, padding=0):
    """x [B, N, C] -> [B, N + 2 padding - dilation (K - 1), O]."""
    y = functional.conv2d(_row(x), weight, bias, dilation=(1, dilation), padding=(0, padding))
    return y[:, :, 0].transpose(1, 2)


def project(x, weight, bias=None):
    """x [B, N, C] -> [B, N, O] by a kernel of width 1."""
    if x.dtype != torch.float32 or x.device.type != "cpu":
        return functional.linear(x, weight[:, :, 0, 0], bias)
    # oneDNN shares a picture's rows among threads; a single row is three times slower, and so are MKL's products
    rows = math.gcd(x.shape[1], ROWS)
    picture = x.unflatten(1, (rows, -1)).permute(0, 3, 1, 2)
    return functional.conv2d(picture, weight, bias).permute(0, 2, 3, 1).flatten(1, 2)


def _row(x):
    return x.transpose(1, 2)[:, :, None]


def beyond(end, x):
    """Which positions of x [B, N, C] lie past ends [B]: bool [B, N, 1]."""
    return (torch.arange(x.shape[1], device=x.device) >= end[:, None])[..., None]


def cut(x, end):
    """x with zeros from ``end`` [B] on, in place; as it is without an end."""
    return x if end is None else x.masked_fill_(beyond(end, x), 0)
