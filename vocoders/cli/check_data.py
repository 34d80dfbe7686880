"""Check data directories and report what is in them.

Reads every utterance.  Unusable audio (missing, empty, truncated, stereo, NaN, another rate), inconsistent
tables, and an utterance or recording that is in two sets end it with status 1; clipping, silence, DC,
duplicates and repeated transcripts are counted and named.  Everything is listed in the report.

  vocoders check-data data/train data/dev data/eval
  vocoders check-data --sample_rate 22050 --nj 8 --report data/report.json data/train data/dev data/eval
"""

from vocoders.data.directory import DataDirectory, some
from vocoders.data.report import data_report, examine, table
from vocoders.errors import InputError
from vocoders.io.files import write_json


def main(
    *directories: str,
    sample_rate: int | None = None,
    resample: bool = False,
    nj: int = 4,
    report: str = "data/report.json",
):
    """Checks each directory by itself, then what they share.

    Args:
        sample_rate: Sampling rate in Hz that all audio must have.
        resample: Accept other rates, because the features will be resampled.
        nj: Parallel processes.
        report: JSON file that lists everything found.
    """
    loaded = [DataDirectory.load(path) for path in dict.fromkeys(path.rstrip("/") for path in directories)]
    rate = None if resample else sample_rate
    found = data_report([examine(one, nj=nj, rate=rate) for one in loaded])
    write_json(report, found)
    print(table(found))
    if not found["valid"]:
        faults = some(found["faults"], between="; ")
        raise InputError(f"{len(found['faults'])} fault(s), all of them listed in {report}: {faults}")
