"""Weights as the matrix products of source/gemm.h and the convolutions by Winograd read them."""

import torch

from vocoders.fast.native.cpu import Unavailable


def operand_type(library, precision):
    """The torch.dtype of what is multiplied; raises Unavailable for bfloat16 where the library's level has none."""
    if precision == "bfloat16" and library.level != "avx512_bf16":
        raise Unavailable(f"this CPU's native kernels ({library.level}) have no bfloat16; choose float32")
    return getattr(torch, precision)


def pack(weight, lanes, dtype):
    """weight [N, K] as panels of two vectors of outputs, flat: [N', K, 2 lanes], zeros where there is no output.

    ``dtype`` is float32, or bfloat16, where neighbouring inputs lie in pairs: [N', K / 2, 2 lanes, 2]; K is made even.
    """
    outputs, inputs = weight.shape
    width, group = 2 * lanes, 2 if dtype == torch.bfloat16 else 1
    weight = torch.nn.functional.pad(weight, (0, -inputs % group, 0, -outputs % width))
    return weight.to(dtype).reshape(-1, width, weight.shape[1] // group, group).transpose(1, 2).flatten().contiguous()


def winograd(weight):
    """The taps [N, K, 3] of a convolution as the four matrices [N, K] of source/winograd.h, in its order; float64."""
    g0, g1, g2 = weight.double().unbind(2)
    return (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g0, -g2
