"""The native kernels are compiled once, found again, and never taken from a damaged or foreign file."""

import logging
import os
import subprocess
import sys

import pytest

from vocoders.errors import InputError
from vocoders.fast.native import cpu, library
from vocoders.fast.native.cpu import LEVELS, Unavailable, choose_level, supported_levels
from vocoders.fast.native.library import cache_directory, open_library

ANSWER = '#include <omp.h>\nextern "C" int answer() { return 40 + VALUE; }\n'
THREADS = """#include <omp.h>
extern "C" int threads(int wanted) {
    int found = 0;
    #pragma omp parallel num_threads(wanted)
    #pragma omp atomic
    found++;
    return found;
}
"""
OPEN = """import sys
from pathlib import Path
from vocoders.fast.native import library
library.SOURCE = Path(sys.argv[1])
print(library.open_library().answer())
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Two small kernels in place of the real ones, and a cache of their own."""
    try:
        supported_levels(), library.find_openmp(), library.find_compiler()
    except Unavailable as reason:
        pytest.skip(str(reason))
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "value.h").write_text("#define VALUE 2\n")
    (folder / "answer.cpp").write_text('#include "value.h"\n' + ANSWER)
    (folder / "threads.cpp").write_text(THREADS)
    monkeypatch.setattr(library, "SOURCE", folder)
    monkeypatch.setenv("VOCODERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VOCODERS_CPU_LEVEL", raising=False)
    library._open.cache_clear()
    yield folder
    library._open.cache_clear()


def cached(tmp_path):
    return sorted((tmp_path / "cache").glob("*"))


def reopen():
    library._open.cache_clear()
    return open_library()


def test_it_compiles_once_and_says_so(source, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert open_library().answer() == 42
    (first,) = cached(tmp_path)
    written = first.stat().st_mtime_ns
    assert reopen().answer() == 42
    assert cached(tmp_path) == [first] and first.stat().st_mtime_ns == written
    assert ["once for all runs" in record.message for record in caplog.records] == [True]


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_that_this_cpu_has_opens(source, level, monkeypatch):
    if level not in supported_levels():
        pytest.skip(f"this CPU has no {level}")
    monkeypatch.setenv("VOCODERS_CPU_LEVEL", level)
    opened = open_library()
    assert opened.level == level and f"-{level}-" in opened._name and opened.answer() == 42


def test_a_changed_header_makes_another_file(source, tmp_path):
    assert open_library().answer() == 42
    (source / "value.h").write_text("#define VALUE 3\n")
    assert reopen().answer() == 43
    assert len(cached(tmp_path)) == 2


@pytest.mark.parametrize(
    "damage", [lambda code: code[: len(code) // 2], lambda code: b"", lambda code: code[:-1] + b"x"]
)
def test_a_damaged_file_is_made_again(source, tmp_path, damage):
    child = [sys.executable, "-c", OPEN, str(source)]
    assert subprocess.run(child, capture_output=True, text=True, check=True).stdout == "42\n"
    (path,) = cached(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert open_library().answer() == 42


def test_two_processes_at_once(source, tmp_path):
    child = [sys.executable, "-c", OPEN, str(source)]
    both = [subprocess.Popen(child, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [one.communicate()[0] for one in both] == ["42\n", "42\n"]
    assert len(cached(tmp_path)) == 1


def test_there_is_one_openmp_in_the_process(source):
    """A second one would be mapped beside PyTorch's; and two threads are really started."""
    show = "print({line.split()[-1] for line in open('/proc/self/maps') if '/libgomp' in line})"
    child = [sys.executable, "-c", f"{OPEN}\nprint(library.open_library().threads(2))\n{show}", str(source)]
    lines = subprocess.run(child, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines == ["42", "2", str({str(library.find_openmp())})]


def test_a_compiler_that_fails_is_quoted(source, tmp_path):
    (source / "answer.cpp").write_text("int answer( { return 42; }\n")
    with pytest.raises(Unavailable, match=r"do not compile: .*answer.cpp:1:.* error: .*\.log\)$") as caught:
        open_library()
    (log,) = cached(tmp_path)
    assert log.suffix == ".log" and str(log) in str(caught.value) and "g++" in log.read_text()


def test_an_undefined_function_is_found_when_linking(source):
    (source / "answer.cpp").write_text('extern "C" int missing();\nextern "C" int answer() { return missing(); }\n')
    with pytest.raises(Unavailable, match="undefined reference to `missing'"):
        open_library()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PATH": "/nowhere", "CXX": ""}, "need a C++ compiler: install g++, or set CXX"),
        ({"CXX": "no-such-compiler -O1"}, "CXX=no-such-compiler -O1 is not a program"),
        ({"CXX": "false"}, "do not compile: false exits with status 1"),
        ({"VOCODERS_CPU_LEVEL": "none"}, "switched off"),
        ({"VOCODERS_CACHE": "/dev/null/cache"}, "VOCODERS_CACHE=/dev/null/cache is not a directory"),
    ],
)
def test_what_is_missing_is_said(source, monkeypatch, environment, message):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable, match="^[^\n]*$") as caught:
        open_library()
    assert message in str(caught.value)


def test_levels_follow_the_instructions(monkeypatch, tmp_path):
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(cpu.platform, "machine", lambda: "x86_64")
    monkeypatch.delenv("VOCODERS_CPU_LEVEL", raising=False)
    haswell = "fma movbe f16c avx abm bmi1 avx2 bmi2"
    for flags, level in [
        (haswell, "avx2"),
        (f"{haswell} avx512f avx512bw avx512cd avx512dq avx512vl", "avx512"),
        (f"{haswell} avx512f avx512bw avx512cd avx512dq avx512vl avx512_bf16", "avx512_bf16"),
    ]:
        cpu.CPUINFO.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n\nprocessor\t: 1\nflags\t\t: fpu\n")
        assert choose_level() == level
        assert choose_level("avx2") == "avx2"
    cpu.CPUINFO.write_text(f"flags : {haswell}\n")
    with pytest.raises(InputError, match="VOCODERS_CPU_LEVEL=avx512 can only lower the level: this CPU's is avx2"):
        choose_level("avx512")
    with pytest.raises(InputError, match="avx2, avx512, avx512_bf16 and none, found sse"):
        choose_level("sse")
    cpu.CPUINFO.write_text("flags : fpu avx\n")
    with pytest.raises(Unavailable, match="lacks abm, avx2, bmi1"):
        choose_level()
    monkeypatch.setattr(cpu.platform, "machine", lambda: "aarch64")
    with pytest.raises(Unavailable, match="need Linux on x86-64"):
        choose_level()


def test_a_read_only_home_leaves_a_private_directory(tmp_path, monkeypatch):
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.write_text("a file, so that no user can make a directory in it")
    temporary.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(library.tempfile, "tempdir", str(temporary))
    for name in ("VOCODERS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    directory = cache_directory()
    assert directory == temporary / f"vocoders-{os.getuid()}" and directory.stat().st_mode & 0o777 == 0o700
    assert cache_directory() == directory
    directory.chmod(0o777)
    with pytest.raises(Unavailable, match="is not private to this user"):
        cache_directory()
    directory.rmdir()
    directory.symlink_to(home.parent)
    with pytest.raises(Unavailable, match="is not private to this user"):
        cache_directory()


def test_the_cache_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("VOCODERS_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_directory() == tmp_path / ".cache/vocoders"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg/vocoders"
    monkeypatch.setenv("VOCODERS_CACHE", "~/mine")
    assert cache_directory() == tmp_path / "mine"
