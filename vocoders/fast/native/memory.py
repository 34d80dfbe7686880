"""Large arrays that are made once and used again."""

import mmap
from contextlib import suppress

import torch

HUGE_PAGE = 2 << 20


def allocate(size):
    """``size`` bytes, a uint8 tensor that begins at a multiple of 64; in huge pages where that saves page faults."""
    memory = mmap.mmap(-1, max(size, 1))
    if size >= HUGE_PAGE:
        with suppress(OSError):  # a kernel may have none
            memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=torch.uint8)  # keeps the mapping alive
