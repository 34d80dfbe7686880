"""Noise with an address."""

import pytest
import scipy.stats
import torch

from vocoders.seeding import Noise, seeded


def test_parts_are_those_of_the_whole():
    noise = Noise([3, 4])
    whole = noise(0, 0, 20_000)
    assert torch.equal(
        torch.cat([noise(0, a, b) for a, b in ((0, 1), (1, 4096), (4096, 9000), (9000, 20_000))], 1), whole
    )
    assert noise(0, 77, 77).shape == (2, 0)


def test_draws_rows_and_seeds_differ_and_are_standard_normal():
    whole = torch.cat([Noise([3, 4])(draw, 0, 20_000) for draw in (0, 1)])
    assert torch.corrcoef(whole).fill_diagonal_(0).abs().max() < 0.03
    assert scipy.stats.kstest(whole.flatten().numpy(), "norm").pvalue > 0.01


def test_a_row_of_a_batch_has_the_noise_that_it_would_have_alone():
    together = Noise.drawn([seeded("a"), seeded("b")], 2)
    assert torch.equal(together(1, 0, 50)[1:], Noise.drawn(seeded("b"), 1)(1, 0, 50))
    assert torch.equal(together.row(1)(1, 0, 50), together(1, 0, 50)[1:])


def test_one_generator_gives_another_noise_each_time():
    generator = seeded("a")
    first, second = (Noise.drawn(generator, 2)(0, 0, 10) for _ in range(2))
    assert len({tuple(row.tolist()) for row in torch.cat([first, second])}) == 4
    with pytest.raises(ValueError, match="1 generators for 2 rows"):
        Noise.drawn([generator], 2)
