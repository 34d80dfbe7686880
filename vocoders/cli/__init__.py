"""The command line: ``vocoders VERB ...``.

A verb is a file in this folder.  The first line of its docstring is its line in ``vocoders --help``, the rest the end
of its own help; its function ``main`` is its options: parameters without a default are positional, the others
``--name value``, or ``--name`` alone for a true one.  A verb whose ``main`` takes ``overrides`` accepts configuration
keys too: ``--train.max_steps 4``.  A verb that is a folder has modes, a file each: ``vocoders bench score ...``.
Nothing but the chosen verb is imported.
"""

import ast
import difflib
import errno
import inspect
import os
import sys
from importlib import import_module
from pathlib import Path

from vocoders.errors import InputError

TRUTHS = ("true", "false", "yes", "no", "on", "off", "1", "0")
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv=None):
    """Runs one verb and returns its exit status: 0, 1 (it failed, one sentence says why), 2 (usage), 130 (Ctrl-C)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--version"]:
        from vocoders import __version__

        print(f"vocoders {__version__}")
        return 0
    command, rest = _split_command(arguments)
    choices = _summaries(command)
    if choices:
        return _show(command, rest[0] if rest else "--help", choices)
    try:
        return _run(command, rest) or 0
    except (InputError, OSError) as error:
        if os.environ.get("VOCODERS_DEBUG"):
            raise
        print(f"vocoders {command[0]}: error: {_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"vocoders {command[0]}: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _split_command(arguments):
    """The words that name a verb, perhaps with its mode, and the words after them."""
    command, rest = [], list(arguments)
    while rest and rest[0] in _summaries(command):
        command.append(rest.pop(0))
    return command, rest


def _show(command, word, choices):
    """What there is to choose from, if that is what the ``word`` after the command asks for; returns the status."""
    if word in ("-h", "--help"):
        print(_overview(command, choices))
        return 0
    near = difflib.get_close_matches(word, choices, 1)
    called, kind = " ".join(["vocoders", *command]), "mode" if command else "verb"
    hint = f"did you mean {near[0]!r}?" if near else f"see {called} --help"
    print(f"{called}: error: no {kind} {word!r}; {hint}", file=sys.stderr)
    return 2


def _run(command, arguments):
    module = _module(command)
    from vocoders import log

    log.setup()
    takes_overrides = "overrides" in inspect.signature(module.main).parameters
    arguments, overrides = _split_overrides(arguments) if takes_overrides else (arguments, {})
    parser = _parser(command, module)
    words = _with_truth(module, [_underscored(word) for word in arguments])
    options = dict(vars(parser.parse_args(words)))
    if takes_overrides:
        options["overrides"] = overrides
    return module.main(*options.pop(_rest(module), ()), **options)


def _module(command):
    return import_module(".".join(["vocoders.cli", *command]).replace("-", "_"))


def _parser(command, module):
    from jsonargparse import ArgumentParser, DefaultHelpFormatter

    class Formatter(DefaultHelpFormatter):
        def _fill_text(self, text, width, indent):
            return "\n".join(indent + line for line in text.splitlines())  # keeps examples as they are written

    summary, _, rest = inspect.getdoc(module).partition("\n")
    called = " ".join(["vocoders", *command])
    parser = ArgumentParser(prog=called, description=summary, epilog=rest.strip(), formatter_class=Formatter)
    parser.add_function_arguments(module.main, as_positional=True, skip={"overrides"})
    if _rest(module):
        parser.add_argument(_rest(module), nargs="+", type=str, help="one or more")
    return parser


def _rest(module):
    """The name of ``main``'s ``*arguments``: the verb takes one or more, and no other positional ones."""
    kinds = {parameter.kind: name for name, parameter in inspect.signature(module.main).parameters.items()}
    return kinds.get(inspect.Parameter.VAR_POSITIONAL)


def _split_overrides(arguments):
    """Takes ``--section.key value`` out of the arguments."""
    import yaml

    rest, overrides, words = [], {}, iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if not (name.startswith("--") and "." in name):
            rest.append(word)
            continue
        value = value if equals else next(words, None)
        if value is None:
            print(f"vocoders: error: option {name} needs a value", file=sys.stderr)
            raise SystemExit(2)
        try:
            overrides[name[2:].replace("-", "_")] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):  # the latter of a date such as 2024-13-01
            raise InputError(f"option {name}: expected a YAML value such as 4 or [1, 2], found {value!r}") from None
    return rest, overrides


def _underscored(word):
    """``--stop-stage`` as ``--stop_stage``."""
    name, equals, value = word.partition("=")
    return name[:2] + name[2:].replace("-", "_") + equals + value if name.startswith("--") else word


def _with_truth(module, words):
    """A bare ``--subset`` as ``--subset=true``; what follows may be a path."""
    parameters = inspect.signature(module.main).parameters.items()
    flags = {f"--{name}" for name, parameter in parameters if isinstance(parameter.default, bool)}
    bare = [word in flags and after.lower() not in TRUTHS for word, after in zip(words, [*words[1:], ""])]
    return [f"{word}=true" if is_bare else word for word, is_bare in zip(words, bare)]


def _sentence(error):
    if not (isinstance(error, OSError) and error.strerror):
        return str(error)
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{what}; make room, then run the same command again" if error.errno in DISK_IS_FULL else what


def _summaries(command=()):
    """Verb -> first line of its docstring, read without importing it; of a verb's modes, none where it has no modes."""
    folder = Path(__file__).parent.joinpath(*command)
    files = {path.stem: path for path in folder.glob("*.py") if path.stem != "__init__"}
    files |= {path.parent.stem: path for path in folder.glob("*/__init__.py")}
    documents = {name.replace("_", "-"): ast.get_docstring(ast.parse(files[name].read_text("utf-8"))) for name in files}
    return {verb: (documents[verb] or "").partition("\n")[0] for verb in sorted(documents)}


def _overview(command, summaries):
    width = max(map(len, summaries), default=0)
    lines = "\n".join(f"  {verb:<{width}}  {summary}" for verb, summary in summaries.items())
    if command:
        (verb,) = command
        head = f"usage: vocoders {verb} MODE [options]\n\n{_summaries()[verb]}"
        return f"{head}\n\n{lines}\n\nvocoders {verb} MODE --help explains a mode."
    return (
        "usage: vocoders VERB [options]\n\nTrain, run and compare neural vocoders.\n\n"
        f"{lines}\n\nvocoders VERB --help explains a verb.  Recipes that put them together are in egs/."
    )
