"""Which form of a network a machine runs best, and what it says when it cannot."""

import functools
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from vocoders.errors import InputError
from vocoders.fast import diffusion, flow, whole
from vocoders.fast.streamed import Streamed
from vocoders.models.diffwave import DiffWave
from vocoders.models.waveglow import WaveGlow
from vocoders.models.wavegrad import WaveGrad

log = logging.getLogger(__name__)
CHUNK_SECONDS = {"native": 5.0, "eager": 5.0, "compiled": 10.0}  # of audio that is worked on at once


class Chosen(NamedTuple):
    """A network in the form of a backend, and the function that opens a sweep with it."""

    network: Any
    open_sweep: Callable
    backend: str
    precision: str
    chunk_seconds: float


def choose(vocoder, *, device, precision, backend):
    """A ``Chosen`` for this vocoder.  Raises InputError for what was asked for by name and cannot be had."""
    if type(vocoder) not in FAMILIES:
        if backend in ("native", "compiled") or precision == "bfloat16":
            raise InputError(
                f"{vocoder.describe()} has only its training form: use backend eager and precision float32"
            )
        return Chosen(whole.Whole(), whole.open_sweep, "eager", "float32", whole.SECONDS)
    family = FAMILIES[type(vocoder)]
    backend, library = _backend(device, precision, backend)
    if precision == "auto":
        precision = "bfloat16" if _pays(device, library) else "float32"
    if backend == "native":
        network = family.native(vocoder, library, precision)
    else:
        network = family.eager(vocoder, getattr(torch, precision), backend == "compiled")
    seconds = CHUNK_SECONDS[backend]
    if isinstance(network, Streamed):
        seconds = min(seconds, network.chunk_seconds(vocoder.sample_rate))
    return Chosen(network, family.open_sweep, backend, precision, seconds)


def _backend(device, precision, backend):
    """(backend, native library or None)"""
    if backend == "auto" and device != "cpu":
        return "compiled", None
    if backend not in ("auto", "native"):
        return backend, None
    if backend == "native" and device != "cpu":
        raise InputError(f"backend native runs on the CPU, not on {device}; use --backend compiled or --device cpu")
    from vocoders.fast.native.cpu import Unavailable
    from vocoders.fast.native.library import open_library

    try:
        library = open_library()
    except Unavailable as error:
        if backend == "native":
            raise InputError(f"backend native: {error}; use --backend eager") from None
        _say_once(f"{error}; using plain PyTorch instead, which is slower")
        return "eager", None
    if precision == "bfloat16" and library.level != "avx512_bf16":
        if backend == "native":
            raise InputError(
                f"precision bfloat16: the native kernels need AVX-512 BF16 for it, and compute on {library.level} "
                f"here; use --precision float32"
            )
        return "eager", None
    return "native", library


@functools.cache
def _say_once(sentence):
    log.warning("%s", sentence)


def _pays(device, library):
    """Whether bfloat16 is faster here.  That it is as good: egs/ljspeech/voc1/RESULTS.md, block precision."""
    if device != "cpu":
        return torch.cuda.is_bf16_supported()
    return library is not None and library.level == "avx512_bf16"


def _eager_diffwave(vocoder, dtype, compiled):
    from vocoders.fast.eager.diffwave import EagerDiffWave

    return diffusion.Windowed(EagerDiffWave(vocoder.network, vocoder.hop_size, dtype, compiled=compiled))


def _eager_wavegrad(vocoder, dtype, compiled):
    from vocoders.fast.eager.wavegrad import EagerWaveGrad

    return diffusion.Windowed(EagerWaveGrad(vocoder.network, vocoder.hop_size, dtype, compiled=compiled))


def _eager_waveglow(vocoder, dtype, compiled):
    from vocoders.fast.eager.waveglow import EagerWaveGlow

    return EagerWaveGlow(vocoder.network, vocoder.upsample, vocoder.hop_size, dtype, compiled=compiled)


def _native_diffwave(vocoder, library, precision):
    from vocoders.fast.native.diffwave import NativeDiffWave

    return Streamed(NativeDiffWave(vocoder.network, library, precision), vocoder.hop_size)


def _native_wavegrad(vocoder, library, precision):
    from vocoders.fast.native.forms import WaveGradForm

    return diffusion.Windowed(WaveGradForm(vocoder, library, precision))


def _native_waveglow(vocoder, library, precision):
    from vocoders.fast.native.forms import WaveGlowForm

    return WaveGlowForm(vocoder, library, precision)


class Family(NamedTuple):
    open_sweep: Callable
    eager: Callable  # (vocoder, dtype, compiled) -> network
    native: Callable  # (vocoder, library, precision) -> network


FAMILIES = {
    DiffWave: Family(diffusion.open_sweep, _eager_diffwave, _native_diffwave),
    WaveGrad: Family(diffusion.open_sweep, _eager_wavegrad, _native_wavegrad),
    WaveGlow: Family(flow.open_sweep, _eager_waveglow, _native_waveglow),
}
