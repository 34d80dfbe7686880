"""Weights as the matrix products of source/gemm.h read them."""

import torch


def pack(weight, lanes, dtype):
    """weight [N, K] as panels of two vectors of outputs, flat: [N', K, 2 lanes], zeros where there is no output.

    ``dtype`` is float32, or bfloat16, where neighbouring inputs lie in pairs: [N', K / 2, 2 lanes, 2]; K is made even.
    """
    outputs, inputs = weight.shape
    width, group = 2 * lanes, 2 if dtype == torch.bfloat16 else 1
    weight = torch.nn.functional.pad(weight, (0, -inputs % group, 0, -outputs % width))
    return weight.to(dtype).reshape(-1, width, weight.shape[1] // group, group).transpose(1, 2).flatten().contiguous()
