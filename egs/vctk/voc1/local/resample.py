"""The sets of DATA/local at another sampling rate: recordings in DATA/wav, tables in DATA/<set>.

python3 local/resample.py --rate 22050 --part 1/4 downloads data train dev     (and so on to 4/4: writes recordings)
python3 local/resample.py --rate 22050 downloads data train dev                (then the tables, if none is missing)

Run again, it makes only what is missing or older than its source.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from corpus import find_corpus

from vocoders.data.directory import DataDirectory, Utterance, some, write_data_directory
from vocoders.errors import InputError
from vocoders.io.audio import read_wave, resample, write_wave
from vocoders.io.files import remove_partials
from vocoders.io.tables import read_table, write_table
from vocoders.log import progress


def main():
    options = _options()
    if options.rate < 1:
        raise InputError(f"--rate: expected a sampling rate in Hz, found {options.rate}")
    corpus, _ = find_corpus(options.download_dir)
    # recordings of different corpora, microphones and rates lie side by side, so that changing to and fro is cheap
    waves = options.data_dir / "wav" / f"{corpus.resolve().name}_{options.mic}_{options.rate}"
    sets = {name: DataDirectory.load(options.data_dir / "local" / name) for name in options.sets}
    if options.part:
        part, parts = map(int, options.part.split("/"))
        everything = [Recording.of(utt, one, waves) for one in sets.values() for utt in one.audio]
        make(everything[part - 1 :: parts], options.rate)
    else:
        for name, directory in sets.items():
            write_tables(options.data_dir / name, directory, waves)


@dataclass(frozen=True)
class Recording:
    source: str  # a file, or a command that ends in "|"
    target: Path
    where: str

    @classmethod
    def of(cls, utterance, directory, waves):
        target = waves / directory.speaker[utterance] / f"{utterance}.wav"
        return cls(directory.audio[utterance], target, f"{directory.path}/wav.scp: {utterance}")

    @property
    def is_made(self):
        """Whole, as files are written aside and renamed.  Of a command, nothing tells whether its input has changed."""
        if not self.target.exists():
            return False
        source = Path(self.source)  # times in the future (a wrong clock) say nothing
        return not (source.is_file() and self.target.stat().st_mtime < source.stat().st_mtime <= time.time())


def make(recordings, rate):
    """Writes what is missing, 16 bits at `rate` Hz; raises InputError naming what cannot be, when the rest is done."""
    missing = [one for one in recordings if not one.is_made]
    clipped, failures = 0, []
    for one in progress(missing, unit="utt", desc="resample"):
        try:
            wave, own_rate = read_wave(one.source, where=one.where)
            clipped += write_wave(one.target, resample(wave, own_rate, rate), rate)
        except InputError as error:
            failures.append(str(error))
    there, made = len(recordings) - len(missing), len(missing) - len(failures)
    print(f"{len(recordings)} recordings at {rate} Hz: {made} made, {there} were there; {clipped} samples clipped")
    if failures:
        raise InputError(f"{len(failures)} recording(s) cannot be used: {some(failures, between='; ')}")


def write_tables(path, directory, waves):
    """The tables of a set, which name the new recordings."""
    recordings = {utt: Recording.of(utt, directory, waves) for utt in directory.audio}
    if absent := [one.where for one in recordings.values() if not one.is_made]:
        raise InputError(f"{len(absent)} recording(s) are not resampled yet: {some(absent)}; run stage 1 again")
    for folder in {one.target.parent for one in recordings.values()}:
        remove_partials(folder)
    for name in ("spk2gender", "spk2accent"):
        (path / name).unlink(missing_ok=True)
        if (directory.path / name).exists():
            write_table(path / name, read_table(directory.path / name))
    texts = directory.text or {}
    made = [Utterance(utt, str(one.target), texts.get(utt), directory.speaker[utt]) for utt, one in recordings.items()]
    write_data_directory(path, made)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=22050, help="new sampling rate in Hz")
    parser.add_argument("--mic", default="mic1", help="microphone; part of the folder's name")
    parser.add_argument("--part", help="J/N: make only part J of N; without, write the tables")
    parser.add_argument("download_dir", type=Path)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("sets", nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"resample.py: error: {error}")
