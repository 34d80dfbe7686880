"""Samples go into positions and come back."""

import torch

from vocoders.nn.grouping import group, ungroup


def test_grouping_puts_neighbours_into_one_position():
    wave = torch.arange(12.0).expand(2, 12)
    assert group(wave, 4)[0].tolist() == [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]
    assert torch.equal(ungroup(group(wave, 4)), wave)
