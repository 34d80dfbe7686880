"""Files that are whole or absent: everything is written aside and renamed."""

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from vocoders.errors import InputError


@contextmanager
def naming(path):
    """Has an error in writing, such as a full disk, name the file; by itself it does not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


@contextmanager
def atomic_path(path):
    """Yields a temporary path beside ``path`` that takes its name when the block succeeds, and goes when it fails.

    >>> with atomic_path("exp/scores.json") as partial:
    ...     partial.write_text("{}")
    """
    path = Path(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".partial{path.suffix}", dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        with naming(path):
            yield partial
            partial.chmod(0o666 & ~_umask())  # mkstemp makes private files
            _sync(partial)
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def remove_partials(directory):
    """Removes what killed processes left of ``atomic_path`` in a directory that nobody else is writing to."""
    for partial in Path(directory).glob(".*.partial*"):
        partial.unlink(missing_ok=True)


def write_text(path, text):
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path, value):
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path):
    """The value in a JSON file.  Raises InputError when the file is damaged."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); delete it and run the stage that makes it again") from None


def append_jsonl(path, record):
    """Adds one line; a reader sees it whole or, if we are killed meanwhile, torn at the end of the file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), open(path, "a+b") as lines:
        lines.seek(0, os.SEEK_END)
        if lines.tell() and _last_byte(lines) != b"\n":
            _drop_torn_line(lines)
        lines.write((json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_jsonl(path):
    """The records of a file that ``append_jsonl`` wrote; a torn last line does not count.

    Raises InputError when any other line is damaged.
    """
    path = Path(path)
    if not path.exists():
        return []
    *lines, _torn = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise InputError(
                f"{path}:{number}: not valid JSON ({error}); delete the file and run the stage again"
            ) from None
    return records


def sha256(path):
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _sync(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _last_byte(file):
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _drop_torn_line(file):
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
