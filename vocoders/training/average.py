"""The moving average of a model's weights."""

import copy

import torch


class WeightAverage:
    """Follows ``model``: after each step, average += (1 - decay) * (weights - average).

    The decay starts low, (1 + step) / (10 + step), so that the first weights are soon forgotten.  Buffers are copied.
    """

    def __init__(self, model, decay):
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._followed = model

    @torch.no_grad()
    def update(self, step):
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(self._followed.parameters()), 1 - decay)
        for average, buffer in zip(self.model.buffers(), self._followed.buffers()):
            average.copy_(buffer)
