"""What is told of the machine and of a process on it."""

import subprocess
import sys


def test_the_peak_is_of_memory_that_was_given_back_too(repository):
    program = "import numpy; from vocoders.bench.machine import peak_mib; before = peak_mib()\n"
    program += "numpy.ones(2**26)\nprint(peak_mib() - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=repository)
    assert 500 < float(done.stdout) < 520, done.stderr
