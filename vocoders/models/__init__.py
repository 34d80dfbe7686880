"""One file per model; its name is the ``name:`` of a model's YAML."""

from vocoders.registry import Registry

MODELS = Registry(__name__)
