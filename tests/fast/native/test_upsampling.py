"""The mel's upsampling agrees with PyTorch's, and gives a position the same bits in any window."""

import copy
import math

import pytest
import torch

from vocoders.fast.native.upsampling import upsample
from vocoders.models.diffwave import MelUpsampler


@pytest.mark.parametrize("factors", [(16, 16), (20, 15), (17,), (2,), (3, 2, 5)])
@torch.no_grad()
def test_it_agrees_with_pytorch_and_pieces_are_the_whole(factors):
    torch.manual_seed(1)
    upsampler, mel = MelUpsampler(factors), torch.randn(1, 21, 40)
    for parameter in upsampler.parameters():
        torch.nn.init.normal_(parameter)
    reach, rate = len(factors), math.prod(factors)
    for frames in (1, 2, 40):
        truth = copy.deepcopy(upsampler).double()(mel[..., :frames].double())
        whole = upsample(upsampler, mel[..., :frames])
        torch.testing.assert_close(whole.double(), truth, rtol=1e-5, atol=1e-4)
    for first, last in ((7, 12), (13, 40)):
        window = upsample(upsampler, mel[..., first - reach : min(last + reach, 40)])
        inner = slice(reach * rate, (reach + last - first) * rate)
        assert torch.equal(window[..., inner], whole[..., first * rate : last * rate])
