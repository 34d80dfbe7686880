"""setup.py declares what the code imports."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from itertools import chain

HANDLED_ELSEWHERE = {"torchaudio"}  # tools/installers/torchaudio.sh


def declared(path):
    """Names of the packages in the lists of requirements, in lower case."""
    names = set()
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id in ("REQUIRES", "EXTRAS"):
            value = ast.literal_eval(statement.value)
            lines = value if isinstance(value, list) else chain(*value.values())
            names |= {re.match(r"[\w.-]+", line)[0].lower() for line in lines}
    return names


def imported(path):
    """Top-level names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def test_every_import_is_declared(repository):
    modules = {name for path in (repository / "vocoders").rglob("*.py") for name in imported(path)}
    distributions = packages_distributions()
    needed = {distributions.get(name, [name])[0].lower() for name in modules - sys.stdlib_module_names - {"vocoders"}}
    assert needed - HANDLED_ELSEWHERE <= declared(repository / "setup.py")
