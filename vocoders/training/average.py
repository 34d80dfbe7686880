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
        self._pairs = list(zip(self.model.parameters(), model.parameters()))
        self._buffers = list(zip(self.model.buffers(), model.buffers()))

    @torch.no_grad()
    def update(self, step):
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_([a for a, _ in self._pairs], [w.detach() for _, w in self._pairs], 1 - decay)
        for average, buffer in self._buffers:
            average.copy_(buffer)
