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
