"""The moving average against its recursion."""

import torch
from torch import nn

from vocoders.training.average import WeightAverage


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("constant", torch.zeros(()))


def test_the_average_follows_the_recursion():
    model = Model()
    average, expected = WeightAverage(model, decay=0.5), 0.0
    for step in range(20):
        model.weight.data.fill_(step + 1.0)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * (step + 1)
    assert torch.isclose(average.model.weight, torch.tensor(expected))


def test_buffers_are_copied_even_when_moving_the_model_made_new_ones():
    """A model that goes to another device and back keeps its parameters but not its buffers."""
    model = Model()
    average = WeightAverage(model, decay=0.5)
    model.double().float()
    model.constant.fill_(5.0)
    average.update(0)
    assert average.model.constant == 5
