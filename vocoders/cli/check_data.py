"""Check data directories and report what is in them.

Reads every table and every utterance and lists all that is wrong.  Lines that are no entries, ids that stand twice or
have blanks, tables that disagree or are not sorted, unusable audio (missing, empty, truncated, stereo, NaN, another
rate), and an utterance or recording that is in two sets end it with status 1.  Clipping, silence, exact zeros, DC,
several rates, duplicates, near duplicates across sets (another level, a trimmed edge), repeated transcripts and ids
that Kaldi would not take are counted and named.

  vocoders check-data data/train data/dev data/eval
  vocoders check-data --sample_rate 22050 --nj 8 --report data/report.json data/train data/dev data/eval
  vocoders check-data --fix true data/train
"""

import os
from pathlib import Path

from vocoders.data.directory import inspect, some
from vocoders.data.fix import fix as fix_tables
from vocoders.data.report import data_report, examine, table
from vocoders.errors import InputError
from vocoders.io.files import write_json

SHOWN = 20  # faults that are printed; the report has all


def main(
    *directories: str,
    sample_rate: int | None = None,
    resample: bool = False,
    fix: bool = False,
    nj: int = 4,
    report: str | None = None,
):
    """Checks each directory by itself, then what they share.

    Args:
        sample_rate: Sampling rate in Hz that all audio must have.
        resample: Accept other rates, because the features will be resampled.
        fix: First mend what has one right answer: sort tables, take out empty and repeated lines and byte order marks,
            make spk2utt from utt2spk.  What was there is kept in DIRECTORY/.backup/.
        nj: Parallel processes.
        report: JSON file that lists everything found; report.json beside the first directory, if not told.
    """
    paths = {os.path.realpath(path): str(Path(path)) for path in directories}  # each once
    paths = list(paths.values())
    tables = [inspect(path) for path in paths]  # all of them are there, or nothing is touched
    if fix:
        for path in paths:
            for sentence in fix_tables(path):
                print(f"mended {sentence}")
        tables = [inspect(path) for path in paths]
    rate = None if resample else sample_rate
    found = data_report([examine(one, faults=faults, nj=nj, rate=rate) for one, faults in tables])
    report = report or Path(paths[0]).parent / "report.json"
    write_json(report, found)
    print(table(found))
    if not found["valid"]:
        for fault in found["faults"][:SHOWN]:
            print(f"fault: {fault}")
        faults = some(found["faults"], between="; ")
        mendable = not fix and any(faults for _one, faults in tables)
        hint = "; --fix true mends tables where there is one right answer" if mendable else ""
        raise InputError(f"{len(found['faults'])} fault(s), all of them listed in {report}: {faults}{hint}")
