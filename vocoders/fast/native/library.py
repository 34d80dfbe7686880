"""Compiles the native kernels on first use, keeps them in a cache, and opens them.

They are plain C functions for ctypes and know nothing of PyTorch, so that they compile in seconds.  What they share
with it is its OpenMP: two such libraries in one process would each keep a pool of threads and fight for the cores.
"""

import ctypes
import functools
import hashlib
import logging
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch

from vocoders.fast.native.cpu import COMPILER_FLAGS, Unavailable, choose_level
from vocoders.io.files import atomic_path, write_text

SOURCE = Path(__file__).with_name("source")
MAPS = Path("/proc/self/maps")
# -ffp-contract=off: a fused multiply-add only where the code says so, hence the same rounding in every loop
FLAGS = [
    "-std=c++2a",
    "-O3",
    "-fPIC",
    "-fopenmp",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-Wall",
]
SEAL = b"\nsha256:"  # ends a library in the cache, with the digest of what is before it; the loader does not see it


def open_library(level=None):
    """The kernels for a level of cpu.py, by default what ``choose_level`` finds: a ctypes.CDLL, one per process.

    ``library.level`` says which.  Raises Unavailable with the reason where they cannot be had; InputError for a level
    that this CPU does not have.
    """
    return _open(choose_level(level))


@functools.cache
def _open(level):
    openmp, compiler = find_openmp(), find_compiler()
    path = cache_directory() / f"kernels-{level}-{fingerprint(level, compiler, openmp)}.so"
    if not _is_whole(path):
        start = time.perf_counter()
        _build(path, level, compiler, openmp)
        seconds = time.perf_counter() - start
        logging.info("compiled the native kernels for %s, once for all runs, in %.1f s: %s", level, seconds, path)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise Unavailable(f"the native kernels cannot be loaded: {error}") from None
    library.level = level
    return library


def find_compiler():
    """The C++ compiler as a list of words: ``$CXX``, else g++ or c++; raises Unavailable when there is none."""
    if os.environ.get("CXX"):
        words = shlex.split(os.environ["CXX"])
        if not shutil.which(words[0]):
            raise Unavailable(f"native kernels need a C++ compiler, and CXX={os.environ['CXX']} is not a program")
        return words
    for name in ("g++", "c++"):
        if shutil.which(name):
            return [name]
    raise Unavailable("native kernels need a C++ compiler: install g++, or set CXX")


def find_openmp():
    """The path of the OpenMP library that PyTorch has loaded; raises Unavailable when it is not GNU's."""
    paths = {line.split(maxsplit=5)[5] for line in MAPS.read_text().splitlines() if "/libgomp" in line}
    if not paths:
        raise Unavailable("native kernels need a PyTorch that runs on GNU OpenMP (libgomp), and this one does not")
    root = os.path.realpath(torch.__path__[0])
    return Path(min(paths, key=lambda path: (not path.startswith(root), path)))  # others' packages may bring theirs


def fingerprint(level, compiler, openmp):
    """A name for all that decides what the compiler makes, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    sources = [path for path in sorted(SOURCE.iterdir()) if path.suffix in (".cpp", ".h")]
    for path in [*sources, openmp]:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    version = _run([*compiler, "--version"]).stdout
    digest.update("\0".join([*compiler, version, *FLAGS, *COMPILER_FLAGS[level]]).encode())
    return digest.hexdigest()[:16]


def cache_directory():
    """Where compiled kernels are kept: a directory that can be written to, made if need be.

    ``$VOCODERS_CACHE``, else ``vocoders`` in ``$XDG_CACHE_HOME`` or ``~/.cache``; where that is read-only, one of this
    user's own among the temporary files.  Raises Unavailable when there is none.
    """
    wanted = os.environ.get("VOCODERS_CACHE")
    directory = Path(wanted) if wanted else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "vocoders"
    try:
        directory = directory.expanduser()
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except (OSError, RuntimeError) as error:  # RuntimeError: no home directory
        if wanted:
            raise Unavailable(f"VOCODERS_CACHE={wanted} is not a directory that can be written to: {error}") from None
    return _private_directory(Path(tempfile.gettempdir()) / f"vocoders-{os.getuid()}")


def _private_directory(directory):
    """Among files that anybody may write: nobody else must be able to put a library there for us to load."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise Unavailable(f"there is no place for the native kernels; set VOCODERS_CACHE to one ({error})") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700:
        raise Unavailable(f"{directory} is not private to this user; remove it, or set VOCODERS_CACHE")
    return directory


def _build(path, level, compiler, openmp):
    """Each source by itself and all at once, then one library of them."""
    flags = [*FLAGS, *COMPILER_FLAGS[level]]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = {source: f"{folder}/{source.stem}.o" for source in sorted(SOURCE.glob("*.cpp"))}
        commands = [[*compiler, *flags, "-c", str(source), "-o", name] for source, name in objects.items()]
        linked = f"{folder}/kernels.so"
        # not -fopenmp here: it would add the system's library beside PyTorch's
        link = [*compiler, "-shared", "-Wl,-z,defs", *objects.values(), str(openmp), "-lm", "-o", linked]
        for done in [*pool.map(_run, commands), None]:
            _check(done or _run(link), path)
        code = Path(linked).read_bytes()
    with _writing(path), atomic_path(path) as partial:
        partial.write_bytes(code + SEAL + hashlib.sha256(code).hexdigest().encode())


def _run(command):
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=os.environ | {"LC_ALL": "C"}
        )
    except OSError as error:
        raise Unavailable(f"the C++ compiler {command[0]} cannot be run: {error.strerror}") from None


def _check(done, path):
    if done.returncode == 0:
        return
    log = path.with_suffix(".log")
    with _writing(log):
        write_text(log, f"{shlex.join(done.args)}\n{done.stdout}{done.stderr}")
    lines = done.stderr.splitlines() or [f"{done.args[0]} exits with status {done.returncode}"]
    first = next((line for line in lines if "error" in line or "undefined" in line), lines[0])
    raise Unavailable(f"the native kernels do not compile: {first.strip()} (all of it in {log})")


@contextmanager
def _writing(path):
    """A full disk is no reason to stop: there are other forms of every network."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None


def _is_whole(path):
    """Whether a library is there and as it was written; one that was cut short would crash the process."""
    try:
        code, found, digest = path.read_bytes().rpartition(SEAL)
    except OSError:
        return False
    return bool(found) and hashlib.sha256(code).hexdigest().encode() == digest
