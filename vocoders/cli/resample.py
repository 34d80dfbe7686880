"""Bring data directories to the sampling rate of a mel configuration.

For each DATA/<set> writes OUTPUT/<set>, the same with other waves, which lie in OUTPUT/wav/<rate>, 16 bits.  Run
again, it makes only what is missing, and what is of another source: another file, size or time.  All sets are written
at the end, so that none is old beside a new one.

  vocoders resample --config conf/mel_nvidia_22k.yaml --output data data/local/train data/local/dev data/local/eval

In jobs, as recipes do it (the same once more without --part writes the tables):

  vocoders resample --config conf/mel_nvidia_22k.yaml --output data --part 1/2 data/local/train data/local/dev
  vocoders resample --config conf/mel_nvidia_22k.yaml --output data --part 2/2 data/local/train data/local/dev
  vocoders resample --config conf/mel_nvidia_22k.yaml --output data data/local/train data/local/dev
"""

import re
from pathlib import Path

from vocoders.errors import InputError


def main(*directories: str, config: str, output: str, waves: str | None = None, part: str | None = None):
    """Resamples all sets together.

    Args:
        config: mel settings (YAML), whose sampling rate it will be.
        output: folder of the new data directories, which have the names of the given ones.
        waves: folder of the new waves; below it, each rate has its own.  Without, OUTPUT/wav.
        part: J/N: make only the waves of part J of N, and no tables.
    """
    from vocoders.data.directory import DataDirectory, some
    from vocoders.data.resampling import make, recordings_of, write_tables
    from vocoders.features.mel import MelSpec

    number, parts = _part(part or "1/1")
    rate = MelSpec.load(config).sample_rate
    folder = Path(waves or Path(output) / "wav") / str(rate)
    sets = [DataDirectory.load(path) for path in directories]
    names = [one.path.name for one in sets]
    if own := [str(one.path) for one in sets if one.path.resolve() == (Path(output) / one.path.name).resolve()]:
        raise InputError(f"--output {output}: {some(own)} would be overwritten; name another folder")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two of the directories are called {some(twice)}, which {output} cannot hold; rename one")
    recordings = [recording for one in sets for recording in recordings_of(one, folder).values()]
    print(make(recordings[number - 1 :: parts], rate))
    if part is None:
        write_tables(sets, folder, output)


def _part(text):
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f"--part: expected J/N with J from 1 to N, such as 1/8, found {text!r}")
    return int(match[1]), int(match[2])
