"""The kernels, or a reason to skip."""

import os

import pytest

from vocoders.fast.native.cpu import LEVELS, Unavailable, supported_levels
from vocoders.fast.native.library import open_library


@pytest.fixture
def library():
    """The kernels of the level that synthesis would choose."""
    return opened()


@pytest.fixture(params=LEVELS)
def any_library(request):
    """The kernels of every level that this CPU has, in turn."""
    return opened(request.param)


@pytest.fixture(params=["float32", "bfloat16"])
def precision(request, library):
    """Those that ``library`` computes in."""
    if request.param == "bfloat16" and library.level != "avx512_bf16":
        pytest.skip("needs a CPU with AVX-512 BF16")
    return request.param


def opened(level=None):
    """In CI they must be there: no compiler, and all of these tests would be skipped."""
    try:
        if level and level not in supported_levels():
            pytest.skip(f"this CPU has no {level}")
        return open_library(level)
    except Unavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
