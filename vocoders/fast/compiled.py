"""Inference forms through torch.compile, for lengths in buckets: compiled once for each, not for each length."""

import inspect
import logging

import torch

log = logging.getLogger(__name__)
BUCKETS = 64  # that are compiled for one network, counting each size of a batch
PER_BUCKET = 16  # networks of different sizes for which each is compiled, at most


def bucket(frames):
    """The smallest power of two, or one and a half of one, that is not below ``frames``.

    >>> [bucket(n) for n in (1, 3, 5, 7, 100)]
    [1, 3, 6, 8, 128]
    """
    power = 1 << (frames - 1).bit_length()
    return power * 3 // 4 if 4 * frames <= 3 * power else power


class Compiled:
    """``function(what, end, *signals)`` compiled; signals [B, ..., frames * rate] come padded to a bucket.

    ``what`` is passed on: a tensor, or a module, whose like is then compiled once.  ``end`` [B] counts frames: what is
    in a signal beyond must not matter.  The result is [B, ..., frames * rate], too.

    On CUDA the graph of kernels is recorded and replayed, so nothing in ``function`` may wait for the GPU.  Where there
    is no compiler, and for buckets that are one too many, a line says so and the function is called as it is.
    """

    def __init__(self, function):
        self._function = function
        self._compiled = {}
        self._shapes = set()
        self._full = False

    def __call__(self, frames, lengths, what, *signals):
        first = signals[0]
        size = bucket(frames)
        end = torch.full([len(first)], frames, device=first.device) if lengths is None else lengths.to(first.device)
        padded = [_pad(signal, frames, size) for signal in signals]
        result = self._run(first.device, what, end, *padded)
        return result[..., : result.shape[-1] // size * frames]

    def _run(self, device, *arguments):
        if self._compiled is None or not self._has_room(arguments):
            return self._function(*arguments)
        if device.type not in self._compiled:
            self._compiled[device.type] = _compile(self._function, device)
        try:
            if device.type == "cuda":
                torch.compiler.cudagraph_mark_step_begin()
            result = self._compiled[device.type](*arguments)
        except _compiler_fault() as error:
            log.warning("torch.compile: %s; using plain PyTorch instead, which is slower", _first_line(error))
            self._compiled = None
            return self._function(*arguments)
        return result.clone() if device.type == "cuda" else result  # the next replay writes where this one wrote

    def _has_room(self, arguments):
        """Counted here, as torch.compile ends with an error where its own limit is reached."""
        shapes = tuple(signal.shape for signal in arguments[1:])
        if shapes in self._shapes:
            return True
        if len(self._shapes) >= BUCKETS:
            if not self._full:
                log.warning("%d lengths and sizes of batches are compiled; others use plain PyTorch, slower", BUCKETS)
            self._full = True
            return False
        self._shapes.add(shapes)
        return True


def _compile(function, device):
    options = {"fullgraph": True, "dynamic": False, "mode": "reduce-overhead" if device.type == "cuda" else None}
    if "isolate_recompiles" in inspect.signature(torch.compile).parameters:  # since torch 2.12
        options |= {"isolate_recompiles": True, "recompile_limit": BUCKETS * PER_BUCKET}
    else:
        for name in ("cache_size_limit", "accumulated_cache_size_limit"):
            limit = max(getattr(torch._dynamo.config, name), BUCKETS * PER_BUCKET)
            setattr(torch._dynamo.config, name, limit)
    return torch.compile(function, **options)


def _compiler_fault():
    from torch._dynamo.exc import BackendCompilerFailed

    return BackendCompilerFailed


def _first_line(error):
    return str(error).strip().partition("\n")[0]


def _pad(signal, frames, size):
    """Always of the same layout, channels last, as a change of layout would compile anew."""
    rate = signal.shape[-1] // frames
    shape = [len(signal), size * rate, *signal.shape[1:-1]]
    padded = signal.new_zeros(shape)
    padded[:, : frames * rate] = signal.movedim(-1, 1)
    return padded.movedim(1, -1)
