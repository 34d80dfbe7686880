"""Conditioners that are computed at a lower rate than what they condition."""


def add_held(x, condition):
    """x [B, C, N] + condition [B, C, N / hold], each of whose positions holds for ``hold`` of x."""
    hold = x.shape[-1] // condition.shape[-1]
    return x + (condition if hold == 1 else condition.repeat_interleave(hold, -1))
