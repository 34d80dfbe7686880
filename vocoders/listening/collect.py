"""Results of listeners in, one summary out: listening.md and listening.json beside the key."""

import logging
from pathlib import Path

from vocoders.data.directory import some
from vocoders.errors import InputError
from vocoders.io.files import write_json, write_text
from vocoders.listening.analysis import analyse
from vocoders.listening.answers import KIND, SUMMARY, read_all, read_key, sort_files
from vocoders.listening.build import KIND as KEY
from vocoders.listening.summary import markdown

log = logging.getLogger(__name__)


def collect(paths, key=None):
    """The summary in Markdown, which it also writes; ``key`` is the key's path, if it is not among ``paths``."""
    kinds = sort_files(paths)
    keys = [*dict.fromkeys([*([key] if key else []), *kinds[KEY]])]
    if len(keys) != 1:
        found = some(keys) if keys else "none"
        raise InputError(f"expected one key, found {found}; give the test's with --key OUT/key.json")
    for path in kinds[SUMMARY]:
        log.info("%s: is what collecting left; not a result", path)
    known = read_key(keys[0])
    summary = analyse(read_all(kinds[KIND], known), known)
    text = markdown(summary)
    write_json(Path(keys[0]).parent / "listening.json", summary)
    write_text(Path(keys[0]).parent / "listening.md", text)
    return text
