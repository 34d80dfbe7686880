"""Contenders without processes, for what does not depend on them."""

import pytest

CONF = "egs/TEMPLATE/voc1/conf"


class Here:
    """Takes the place of ``Worker``; remembers who started and who was asked for what, in order."""

    history = []

    def __init__(self, name, make, *arguments, environment=None):
        self.name, self.thing = name, make(*arguments)
        self.history.append(("start", name))

    def call(self, method, *arguments):
        self.history.append((method, self.name))
        return getattr(self.thing, method)(*arguments)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.history.append(("close", self.name))


@pytest.fixture
def here(monkeypatch):
    """Has contenders live in this process; returns the class."""
    monkeypatch.setattr(Here, "history", [])
    for module in ("infer", "stream", "train"):
        monkeypatch.setattr(f"vocoders.bench.{module}.Worker", Here)
    return Here


@pytest.fixture
def conf(repository):
    """``conf("diffwave_tiny")`` is the path of that configuration."""
    return lambda name: str(repository / CONF / f"{name}.yaml")


@pytest.fixture
def mel_option(conf):
    return ["--mel_config", conf("mel_nvidia_22k")]


@pytest.fixture
def no_ceiling(monkeypatch):
    """A device whose matrices are multiplied at 2e9 (float32) and 8e9 FLOP/s, and which copies 1e9 bytes per second."""

    class Known:
        def __init__(self, device):
            pass

        def jobs(self):
            return {"float32": lambda: 2e9, "bfloat16": lambda: 8e9, "copy": lambda: 1e9}

    for module in ("infer", "train"):
        monkeypatch.setattr(f"vocoders.bench.{module}.Ceiling", Known)


@pytest.fixture
def tables():
    """``tables(text)``: first cell of each row -> its other cells by the head of their column, over all tables."""

    def read(text):
        found, heads = {}, []
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else []
            if cells and cells[0] in ("form", "iterations", "precision"):
                heads = cells
            elif cells:
                found.setdefault(cells[0], {}).update(zip(heads[1:], cells[1:]))
        return found

    return read
