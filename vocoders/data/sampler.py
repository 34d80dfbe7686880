"""Which excerpts make batch number n.  A batch depends on (seed, step) and on nothing else, so a run resumes from its
step number alone, and any number of workers gives the same batches."""

from functools import lru_cache

import torch

from vocoders.seeding import seeded


class StepSampler(torch.utils.data.Sampler):
    """Yields, for each step from ``start``, ``batch_size`` pairs (index, seed of its crop); each epoch sees each index
    once, in an order of its own."""

    def __init__(self, size, *, batch_size, seed, start=0):
        self.size, self.batch_size, self.seed, self.start = size, batch_size, seed, start

    def batch(self, step):
        crops = torch.randint(2**31, [self.batch_size], generator=seeded(self.seed, "crop", step)).tolist()
        first = step * self.batch_size
        return [(self._index(first + n), crop) for n, crop in enumerate(crops)]

    def __iter__(self):
        step = self.start
        while True:
            yield self.batch(step)
            step += 1

    def _index(self, draw):
        epoch, position = divmod(draw, self.size)
        return _order(self.size, self.seed, epoch)[position]


@lru_cache(maxsize=4)
def _order(size, seed, epoch):
    return torch.randperm(size, generator=seeded(seed, "order", epoch)).tolist()
