"""Randomness with an address: every draw comes from a generator seeded by what it is for."""

import hashlib

import torch


def seeded(*address, device="cpu"):
    """A generator that depends on all of ``address`` (numbers or strings) and on nothing else.

    >>> noise = torch.randn(3, generator=seeded(seed, "noise", step))
    """
    digest = hashlib.sha256("/".join(map(str, address)).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def normal_like(like, shape=None, *, generator=None):
    """Standard normal noise on the device and in the type of ``like``; drawn in float32 where the generator lives,
    so that one seed gives one noise whatever the device computes in."""
    device = generator.device if generator is not None else like.device
    return torch.randn(shape or like.shape, generator=generator, device=device).to(like)


def uniform_like(like, *, generator=None):
    """The same, uniform in [0, 1)."""
    device = generator.device if generator is not None else like.device
    return torch.rand(like.shape, generator=generator, device=device).to(like)


class Noise:
    """Standard normal noise with an address: who asks for a part of it gets that part of the whole.

    Each row has a seed; ``noise(draw, start, stop)`` is [B, stop - start], float32 on the CPU, of the draw of that
    number.  So synthesis in pieces, in any order, draws what synthesis at once would.
    """

    BLOCK = 4096  # samples of one generator

    def __init__(self, seeds):
        self.seeds = list(seeds)

    @classmethod
    def drawn(cls, generator, rows):
        """For ``rows`` rows from one generator, or from a list of one for each row, as each row alone would have it."""
        generators = generator if isinstance(generator, list | tuple) else [generator] * rows
        if len(generators) != rows:
            raise ValueError(f"{len(generators)} generators for {rows} rows")
        return cls(torch.randint(2**62, (), generator=g, device=g and g.device).item() for g in generators)

    def row(self, n):
        return Noise(self.seeds[n : n + 1])

    def __call__(self, draw, start, stop):
        return torch.stack([self._row(seed, draw, start, stop) for seed in self.seeds])

    def _row(self, seed, draw, start, stop):
        first = start // self.BLOCK
        numbers = range(first, -(-stop // self.BLOCK))
        blocks = [torch.randn(self.BLOCK, generator=seeded(seed, draw, number)) for number in numbers]
        return torch.cat([torch.empty(0), *blocks])[start - first * self.BLOCK : stop - first * self.BLOCK]
