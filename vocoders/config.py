"""YAML in, checked keyword arguments out.  A constructor's signature is its schema.

A configuration may start from another one (``base: other.yaml``, relative to it) and then holds only its
difference.  ``build`` hands a section to the class it is for; jsonargparse checks the types against the signature.
"""

import difflib
import inspect
import re
from pathlib import Path

import yaml

from vocoders.errors import InputError

SECTION = "options"  # what jsonargparse calls any section: its names may have no blanks, those of files may


def load(path, overrides=None, *, lay=None):
    """The mapping in a YAML file over that of its ``base:`` file, with ``overrides`` on top.

    ``overrides`` maps dotted keys to values: ``{"train.max_steps": 4}``.  ``lay(below, above)`` lays one mapping over
    another, ``merge`` by default.
    Raises InputError when a file is missing, is not YAML, or is not a mapping.
    """
    path = Path(path)
    config = _read(path)
    base = config.pop("base", None)
    if base is not None:
        config = (lay or merge)(load(path.parent / base, lay=lay), config)
    return override(config, overrides or {})


def override(config, overrides):
    """``config`` with ``overrides`` on top, which map dotted keys to values."""
    for key, value in overrides.items():
        change = _plain(value)
        for part in reversed(key.split(".")):
            change = {part: change}
        config = merge(config, change)
    return config


def merge(config, changes):
    """``config`` with ``changes`` laid over it; mappings merge, everything else replaces."""
    merged = dict(config)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def flat(tree, prefix=""):
    """{"train": {"clip": 1}} as {"train.clip": 1}."""
    result = {}
    for key, value in tree.items():
        nested = isinstance(value, dict) and value
        result.update(flat(value, f"{prefix}{key}.") if nested else {prefix + key: value})
    return result


def dump(config):
    """YAML text of a mapping of plain values, in its own order."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def build(factory, options, *args, where):
    """``factory(*args, **options)``, with nested dataclasses built from nested mappings.

    ``where`` names the section in error messages.  Raises InputError when a key is unknown (with the nearest
    known one), a value has the wrong type, or ``factory`` refuses it.
    """
    return factory(*args, **typed(factory, options, skip=len(args), where=where))


def typed(factory, options, *, skip=0, where):
    """``options`` as the types in the signature of ``factory``, whose first ``skip`` parameters are not options."""
    from jsonargparse import ArgumentError, ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    if inspect.ismethod(factory):
        factory, skip = factory.__func__, skip + 1  # itself
    skip = {skip} if skip else None
    if inspect.isclass(factory):
        parser.add_class_arguments(factory, SECTION, skip=skip, instantiate=False)
    else:
        parser.add_function_arguments(factory, SECTION, skip=skip)
    known = [name[len(SECTION) + 1 :] for name in _leaves(parser.get_defaults().as_dict())]
    _refuse_unknown_keys(options, known, where)
    if not known:  # jsonargparse makes no section for a function without options
        return {}
    try:
        section = parser.instantiate(parser.parse_object({SECTION: _plain(options)}))[SECTION]
    except (ArgumentError, TypeError) as error:
        raise InputError(_one_sentence(error, where)) from None
    return vars(section)


def refuse_unknown(options, known, where):
    """Raises InputError when ``options`` has a key that is not in ``known``, and names the nearest."""
    for key in options:
        if key not in known:
            raise InputError(f"{where} has no option {key!r}; {hint(key, known)}")


def hint(name, known, otherwise=None):
    """The end of a message: what ``name`` may have been meant to be, else ``otherwise`` or all that is known."""
    near = difflib.get_close_matches(str(name), known, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return otherwise or f"it takes: {', '.join(sorted(known)) or 'no options'}"


def _refuse_unknown_keys(options, known, where):
    if not isinstance(options, dict):
        raise InputError(f"{where}: expected a mapping of options, found {options!r}")
    heads = {key.split(".")[0] for key in known}
    refuse_unknown(options, heads, where)
    for key, value in options.items():
        inner = [name.partition(".")[2] for name in known if name.startswith(f"{key}.")]
        if inner and value is not None:
            _refuse_unknown_keys(value, inner, f"{where}.{key}")


def _leaves(tree, prefix=""):
    for key, value in tree.items():
        yield from _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [prefix + key]


def _plain(value):
    """Numbers that YAML 1.1 reads as text, such as 1e-6, as the numbers they are."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str) and re.fullmatch(r"[-+]?[\d.]+[eE][-+]?\d+", value):
        return float(value)
    return value


def _one_sentence(error, where):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines)
    named = re.sub(rf'^Parser key "{SECTION}([^"]*)":\s*', lambda match: f"{where}{match[1]}: ", text)
    return named if text else f"{where}: {error!r}"


def _read(path):
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except FileNotFoundError:
        raise InputError(f"{path}: no such configuration file") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(config or {}, dict):
        raise InputError(f"{path}: expected a mapping of keys to values, found {type(config).__name__}")
    return _plain(config or {})


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets a later key silently replace an earlier one; a configuration must not."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)
