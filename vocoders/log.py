"""One logging set-up, one progress bar."""

import logging
import sys


def setup(level=logging.INFO):
    """Logs to standard error, where the job runner's log files collect it."""
    logging.basicConfig(
        level=level,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%F %T",
        stream=sys.stderr,
        force=True,
    )


def progress(iterable=None, **options):
    """A tqdm bar over ``iterable`` (or a manual one), silent when standard error is not a terminal."""
    from tqdm import tqdm

    return tqdm(iterable, disable=not sys.stderr.isatty(), dynamic_ncols=True, **options)
