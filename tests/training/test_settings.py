"""The learning rate as a function of the step."""

import math

import pytest

from vocoders.errors import InputError
from vocoders.training.settings import OptimizerSettings, TrainSettings


def test_warmup_is_linear_and_reaches_the_highest_rate():
    optimizer = OptimizerSettings(learning_rate=1e-3, warmup_steps=4)
    assert [optimizer.rate_at(n, 100) for n in range(6)] == pytest.approx([2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3, 1e-3])


def test_cosine_falls_from_the_highest_rate_to_the_final_share():
    optimizer = OptimizerSettings(learning_rate=1.0, decay="cosine", final=0.1)
    assert optimizer.rate_at(0, 100) == pytest.approx(1)
    assert optimizer.rate_at(50, 100) == pytest.approx(0.55)
    assert optimizer.rate_at(25, 100) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)
    assert optimizer.rate_at(100, 100) == pytest.approx(0.1)


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="train.batch_size: expected a positive number, found 0"):
        TrainSettings(max_steps=1, batch_size=0)
    with pytest.raises(InputError, match="train.samples: expected 0 or more, found -1"):
        TrainSettings(max_steps=1, samples=-1)
