"""Which instructions the native kernels may use: the level of this CPU.

A level is a set of x86-64 instructions and the compiler's flags for it; each contains those before it.
"""

import os
import platform
import sys
from pathlib import Path

from vocoders.errors import InputError

CPUINFO = Path("/proc/cpuinfo")
_V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
NEEDED = {"avx2": _V3, "avx512": _V4, "avx512_bf16": _V4 | {"avx512_bf16"}}  # as /proc/cpuinfo names them
COMPILER_FLAGS = {
    "avx2": ["-march=x86-64-v3"],
    "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    "avx512_bf16": ["-march=x86-64-v4", "-mavx512bf16", "-mprefer-vector-width=512"],
}
LEVELS = tuple(NEEDED)


class Unavailable(Exception):
    """There can be no native kernels here; the message is one sentence that says why."""


def choose_level(wanted=None):
    """The level that is asked for, by the argument or by ``VOCODERS_CPU_LEVEL``; else the best of this CPU.

    Raises Unavailable when there is none, or when the variable is ``none``; InputError for one above this CPU's.
    """
    wanted = wanted or os.environ.get("VOCODERS_CPU_LEVEL")
    if wanted == "none":
        raise Unavailable("native kernels are switched off (VOCODERS_CPU_LEVEL=none)")
    if wanted and wanted not in LEVELS:
        raise InputError(f"VOCODERS_CPU_LEVEL must be one of {', '.join(LEVELS)} and none, found {wanted}")
    levels = supported_levels()
    if wanted and wanted not in levels:
        raise InputError(f"VOCODERS_CPU_LEVEL={wanted} can only lower the level: this CPU's is {levels[-1]}; unset it")
    return wanted or levels[-1]


def supported_levels():
    """This CPU's levels, lowest first; raises Unavailable when there is none."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Unavailable(f"native kernels need Linux on x86-64, this is {platform.system()} on {platform.machine()}")
    flags = read_flags()
    levels = [level for level in LEVELS if NEEDED[level] <= flags]
    if not levels:
        missing = ", ".join(sorted(NEEDED[LEVELS[0]] - flags))
        raise Unavailable(f"native kernels need AVX2 and what comes with it; this CPU lacks {missing}")
    return levels


def read_flags():
    """The instruction sets that Linux reports for the first core."""
    for line in CPUINFO.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return set(value.split())
    return set()
