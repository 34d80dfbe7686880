"""Ctrl-C between two pieces of work instead of anywhere.

Python raises KeyboardInterrupt wherever it is; inside a callback of a library, as HDF5's bindings have many, it is
printed and lost.
"""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def held_back():
    """Yields a function to call between pieces of work: a Ctrl-C that came meanwhile is raised there, or at the end.

    A second one is raised at once.
    """
    pressed = []

    def note(*_):
        pressed.append(True)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    def check():
        if pressed:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield check
        return
    previous = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, previous)
    check()
