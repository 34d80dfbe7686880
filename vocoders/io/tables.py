"""Kaldi's text tables: ``<id> <value>`` lines, sorted in byte order (``LC_ALL=C``), no id twice."""

import re
from pathlib import Path

from vocoders.errors import InputError
from vocoders.io.files import write_text

ID = re.compile(r"[A-Za-z0-9_.-]+")


def read_table(path):
    """The table as a dict, in file order.  Raises InputError with ``path:line`` at the first bad line."""
    table, faults = scan_table(path)
    if faults:
        raise InputError(faults[0])
    return table


def scan_table(path):
    """(table, faults): what the good lines say, and a sentence with ``path:line`` for each bad one.

    Of lines with the same id the first counts; that a table is not sorted is one fault, at its first place.
    """
    path = Path(path)
    table, faults, previous, sorted_so_far = {}, [], "", True
    try:
        lines = split_lines(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        return {}, [f"{path}: no such table; run the stage that writes it"]
    except UnicodeDecodeError as error:
        return {}, [f"{path}: not UTF-8 text ({error.reason} at byte {error.start})"]
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        try:
            key, value = _entry(line, where)
        except InputError as error:
            faults.append(str(error))
            continue
        if key in table:
            faults.append(f"{where}: id {key!r} stands twice; every utterance needs its own id")
            continue
        if key < previous and sorted_so_far:  # ids are ASCII, so this is byte order
            faults.append(f"{where}: {key!r} comes after {previous!r}; sort the file with LC_ALL=C sort")
            sorted_so_far = False
        table[key] = value
        previous = key
    return table, faults


def split_lines(text):
    """The lines of a text, which end in LF or CRLF; str.splitlines would cut a transcript at U+2028 too."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []


def write_table(path, table):
    """Writes the mapping sorted by id, aside and renamed."""
    entries = [(key, str(table[key])) for key in sorted(table)]
    for key, value in entries:
        _check(key, value, str(path))
    write_text(path, "".join(f"{key} {value}\n" for key, value in entries))


def _entry(line, where):
    if not line.strip():
        raise InputError(f"{where}: empty line; expected '<id> <value>'")
    key, value = (line.split(maxsplit=1) + [""])[:2]
    _check(key, value, where)
    return key, value.rstrip()


def _check(key, value, where):
    if not ID.fullmatch(key):
        raise InputError(f"{where}: id {key!r} has characters other than A-Z a-z 0-9 _ . -")
    if not value.strip():
        raise InputError(f"{where}: id {key!r} has no value; expected '<id> <value>'")
    if "\n" in value or "\r" in value:
        raise InputError(f"{where}: the value of {key!r} has a line break")
