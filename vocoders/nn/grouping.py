"""Neighbouring samples as the channels of one position, and back."""


def group(wave, size):
    """[B, N * size] -> [B, size, N]: ``size`` neighbouring samples become the channels of a position."""
    return wave.unflatten(-1, (-1, size)).transpose(1, 2)


def ungroup(x):
    """[B, C, N] -> [B, N * C], the inverse of ``group``."""
    return x.transpose(1, 2).flatten(1)
