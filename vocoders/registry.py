"""One table per kind of thing.  A name in a YAML file is the name of a Python file."""

import pkgutil
from importlib import import_module

from vocoders.errors import InputError


class Registry:
    """The classes (or functions) of a package, each registered by the module ``<package>.<name>``.

    >>> MODELS = Registry("vocoders.models")
    >>> MODELS["diffwave"]                      # imports vocoders/models/diffwave.py
    """

    def __init__(self, package):
        self.package = package
        self._entries = {}

    def register(self, entry):
        """Decorator: ``entry`` is what its module stands for."""
        self._entries[entry.__module__.rpartition(".")[2]] = entry
        return entry

    def names(self):
        path = import_module(self.package).__path__
        return sorted(module.name for module in pkgutil.iter_modules(path))

    def __getitem__(self, name):
        if name not in self.names():
            raise InputError(f"{self.package} has no {name!r}; it has: {', '.join(self.names())}")
        import_module(f"{self.package}.{name}")
        return self._entries[name]
