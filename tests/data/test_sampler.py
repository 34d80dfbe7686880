"""Batches as functions of (seed, step)."""

from collections import Counter
from itertools import islice

from vocoders.data.sampler import StepSampler


def first(sampler, count):
    return list(islice(iter(sampler), count))


def test_every_utterance_is_seen_once_an_epoch_even_when_batches_straddle_it():
    draws = [index for batch in first(StepSampler(7, batch_size=4, seed=0), 7) for index, _ in batch]
    for epoch in range(4):
        assert sorted(draws[7 * epoch : 7 * epoch + 7]) == list(range(7))


def test_epochs_differ_in_order_and_seeds_in_everything():
    draws = [index for batch in first(StepSampler(50, batch_size=10, seed=0), 10) for index, _ in batch]
    assert draws[:50] != draws[50:]
    assert first(StepSampler(50, batch_size=10, seed=0), 3) != first(StepSampler(50, batch_size=10, seed=1), 3)


def test_starting_later_continues_the_same_sequence():
    whole = first(StepSampler(7, batch_size=3, seed=5), 12)
    assert first(StepSampler(7, batch_size=3, seed=5, start=9), 3) == whole[9:]
    assert StepSampler(7, batch_size=3, seed=5).batch(11) == whole[11]


def test_a_set_smaller_than_a_batch_is_used_again_with_other_crops():
    (batch,) = first(StepSampler(2, batch_size=6, seed=0), 1)
    assert Counter(index for index, _ in batch) == {0: 3, 1: 3}
    assert len({crop for _, crop in batch}) == 6
