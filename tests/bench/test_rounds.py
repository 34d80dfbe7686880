"""Who is asked when, and what is told of it."""

import numpy as np
import pytest

from vocoders.bench.rounds import alternate, numbers, percentiles
from vocoders.errors import InputError


def test_contenders_take_turns():
    asked = []
    results = alternate({name: lambda name=name: asked.append(name) or len(asked) for name in "abc"}, 3)
    assert "".join(asked) == "abcabcabc"
    assert results == {"a": [1, 4, 7], "b": [2, 5, 8], "c": [3, 6, 9]}


def test_percentiles_of_a_ramp():
    ramp = np.random.default_rng(0).permutation(101) / 100
    assert percentiles(ramp) == pytest.approx({"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99})


@pytest.mark.parametrize("text", ["6,twelve", "6,,12", "6.5"])
def test_numbers_are_whole(text):
    with pytest.raises(InputError, match="--iterations: expected whole numbers with commas between, found"):
        numbers("iterations", text)


def test_numbers_are_positive():
    assert numbers("iterations", "") == [] and numbers("iterations", "50,6") == [50, 6]
    with pytest.raises(InputError, match="--iterations: expected a positive number, found 0"):
        numbers("iterations", "6,0")
