"""What the device can do at best: multiplying matrices, and copying memory."""

import time

import torch

MATRICES = {"cpu": (1024, 2048, 3072), "cuda": (4096, 8192)}  # a side of each
COPIED = {"cpu": 1 << 28, "cuda": 1 << 30}  # bytes


class Ceiling:
    """``gemm(precision) -> FLOP/s`` of ``torch.mm``, ``copy() -> bytes read and written per second``, each once."""

    def __init__(self, device):
        self.device, kind = device, torch.device(device).type
        self.sides = MATRICES[kind]
        self.source = torch.ones(COPIED[kind] // 4, device=device)
        self.target = torch.empty_like(self.source)
        for precision in ("float32", "bfloat16"):
            self.gemm(precision)  # warms up
        self.copy()

    def gemm(self, precision):
        """At the best of a few sizes."""
        return max(self._gemm(side, getattr(torch, precision)) for side in self.sides)

    def copy(self):
        seconds = timed(lambda: self.target.copy_(self.source), self.device)
        return 2 * self.source.nbytes / seconds

    def _gemm(self, side, dtype):
        one, other = (torch.ones(side, side, dtype=dtype, device=self.device) for _ in range(2))
        result = torch.empty_like(one)
        return 2 * side**3 / timed(lambda: torch.mm(one, other, out=result), self.device)


def timed(work, device):
    """Seconds of ``work()``, until the device has finished."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device):
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
