"""What the device can do at best: multiplying matrices, and copying memory."""

import statistics
import time
from functools import partial

import torch

MATRICES = {"cpu": (1024, 2048, 3072), "cuda": (4096, 8192)}  # a side of each
PRECISIONS = ("float32", "bfloat16")
COPIED = {"cpu": 1 << 28, "cuda": 1 << 30}  # bytes


class Ceiling:
    """``gemm(precision) -> FLOP/s`` of ``torch.mm``, ``copy() -> bytes read and written per second``, each once."""

    def __init__(self, device):
        self.device, kind = device, torch.device(device).type
        self.sides = MATRICES[kind]
        self.source = torch.ones(COPIED[kind] // 4, device=device)
        self.target = torch.empty_like(self.source)
        for job in self.jobs().values():
            job()  # warms up

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

    def jobs(self):
        """For rounds: name -> what measures it once."""
        gemms = {name: partial(self.gemm, name) for name in PRECISIONS}
        return {**gemms, "copy": self.copy}


def taken_out(results):
    """{"float32", "bfloat16": FLOP/s, "copy": bytes/s}: medians of what the jobs returned, taken out of ``results``."""
    return {name: statistics.median(results.pop(name)) for name in (*PRECISIONS, "copy")}


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
