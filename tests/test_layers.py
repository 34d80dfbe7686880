"""The folders are the architecture: a module imports from layers below its own and from its own folder only."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "vocoders"
LAYERS = [
    {"config", "registry", "log", "provenance", "seeding", "environment", "device", "interrupt", "processes"},
    {"interface", "io"},
    {"features", "text"},
    {"data", "nn", "diffusion", "scoring"},
    {"models"},
    {"checkpoint", "fast", "convert"},
    {"training", "inference", "reporting", "listening", "recipe"},
    {"bench"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names} | {"errors": -1}
ENTRIES = {"__init__", "__main__"}  # of the package itself: they may reach anywhere


def imported(source):
    """(line, part of the package, or None for a relative import) of every import anywhere in a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, None
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name.split(".")[1]) for name in names if name.startswith("vocoders."))
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from ((node.lineno, name.split(".")[1]) for name in names if name.startswith("vocoders."))


def faults(mine, source):
    for line, theirs in dict.fromkeys(imported(source)):
        if theirs is None:
            yield f"{line}: relative import; write it from vocoders on"
        elif theirs in LEVEL and theirs != mine and LEVEL[theirs] >= LEVEL[mine]:
            yield f"{line}: {mine} (layer {LEVEL[mine]}) imports {theirs} (layer {LEVEL[theirs]})"


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if part not in ENTRIES:
            yield path, part


def test_every_part_has_a_layer():
    assert {part for _, part in modules()} <= LEVEL.keys()


def test_imports_point_downwards():
    found = [f"{path}:{fault}" for path, part in modules() for fault in faults(part, path.read_text("utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("mine", "source", "expected"),
    [
        (
            "models",
            "from vocoders.training import trainer",
            "models (layer 4) imports training (layer 6)",
        ),
        ("data", "import vocoders.nn.mel", "data (layer 3) imports nn (layer 3)"),
        ("io", "def f():\n    from vocoders import features", "io (layer 1) imports features (layer 2)"),
        ("nn", "from .mel import MelScaling", "relative import"),
    ],
)
def test_a_wrong_import_is_seen(mine, source, expected):
    (fault,) = faults(mine, source)
    assert expected in fault


@pytest.mark.parametrize(
    ("mine", "source"),
    [
        ("models", "from vocoders.nn.mel import MelScaling"),
        ("nn", "from vocoders.nn import mel"),
        ("nn", "import numpy, os.path"),
        ("cli", "from vocoders import __version__"),
    ],
)
def test_a_right_import_passes(mine, source):
    assert not list(faults(mine, source))
