"""Waves of a wav.scp to a feature directory, in parts that separate jobs can make.

A part is made aside and renamed, so one that exists is whole; it carries a fingerprint of its inputs.
The same command again keeps the parts whose fingerprint still fits, and makes the others from the beginning.
Each utterance is transformed alone, so neither the number of parts nor an interruption changes a bit.
"""

import hashlib
import json
import logging
import time
from pathlib import Path

import torch

from vocoders.errors import InputError
from vocoders.features.mel import LogMel
from vocoders.interrupt import held_back
from vocoders.io.audio import read_wave, resample, to_int16
from vocoders.io.features import FeatureWriter, open_part, write_index
from vocoders.io.tables import read_table
from vocoders.log import progress

log = logging.getLogger(__name__)
SHOWN = 10  # bad utterances named in an error


class Extractor:
    """source -> (wave int16 [T], mel float32 [L, C]): reads, checks, resamples if told, crops to hops."""

    def __init__(self, spec, *, resampling=False, min_frames=1, device="cpu"):
        self.spec, self.resampling, self.device = spec, resampling, device
        self.transform = LogMel(spec).to(device)
        # the window must fit, and reflection needs one sample more than it mirrors
        self.min_samples = max(min_frames * spec.hop_size, spec.win_size, spec.n_fft // 2 + spec.hop_size)
        self.clipped = 0

    def __call__(self, source, where):
        wave, rate = read_wave(source, where=where)
        if rate != self.spec.sample_rate:
            if not self.resampling:
                raise InputError(
                    f"{where}: sampling rate is {rate} Hz, the mel config says {self.spec.sample_rate} Hz; "
                    "resample with --resample true, or choose another mel config"
                )
            wave = resample(wave, rate, self.spec.sample_rate)
        if len(wave) < self.min_samples:
            raise InputError(
                f"{where}: {len(wave)} samples are too short, at least {self.min_samples} "
                f"({self.min_samples / self.spec.sample_rate:.3f} s) are needed; remove it from the table"
            )
        samples, clipped = to_int16(wave[: len(wave) // self.spec.hop_size * self.spec.hop_size])
        self.clipped += clipped
        return samples, self.mel(samples)

    @torch.inference_mode()
    def mel(self, samples):
        # of what is stored, not of what was read; in double precision, as float32 errs by 1e-3 in quiet bands
        wave = torch.from_numpy(samples).to(self.device).double() / 32768
        return self.transform(wave[None])[0].T.float().contiguous().cpu().numpy()


def extract_part(data, directory, extractor, part, parts):
    """Makes ``feats.<part>.h5``, or keeps it.  Raises InputError naming the utterances that are not right."""
    scp, table = wav_table(data)
    table = portion(table, part, parts)
    path = Path(directory) / f"feats.{part}.h5"
    fingerprint = fingerprint_of(table, extractor)
    if _is_current(path, fingerprint, table):
        log.info("%s: up to date", path)
        return
    # an index would describe other parts than the ones that will be here
    (path.parent / "feats.scp").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    failures = []
    attributes = {"fingerprint": fingerprint}
    new = FeatureWriter(path, hop_size=extractor.spec.hop_size, attributes=attributes)
    with held_back() as let_interrupts_in, new as writer:
        for utterance, source in progress(table.items(), total=len(table), unit="utt", desc=path.name):
            try:
                writer.write(utterance, *extractor(source, f"{scp}: {utterance}"))
            except InputError as error:
                failures.append(str(error))
            let_interrupts_in()
        if failures:
            raise InputError(_summary(failures, len(table)))
    if extractor.clipped:
        log.warning("%s: %d samples were clipped to 16 bits", path, extractor.clipped)
    log.info("%s: %d utterances", path, len(table))


def merge_parts(data, directory, extractor, parts):
    """Checks that parts 1..N are the ones this data and these settings make, and writes the index last."""
    directory, (_, table) = Path(directory), wav_table(data)
    paths = [directory / f"feats.{part}.h5" for part in range(1, parts + 1)]
    for part, path in enumerate(paths, 1):
        portion_of_it = portion(table, part, parts)
        if not _is_current(path, fingerprint_of(portion_of_it, extractor), portion_of_it):
            state = "not the one that this data and mel config make" if path.exists() else "missing"
            raise InputError(f"{path}: is {state}; run vocoders features with --part {part}/{parts} again")
    (directory / "feats.scp").unlink(missing_ok=True)
    for path in _left_over(directory, paths):
        log.info("%s: removed, it belongs to another run", path)
        path.unlink()
    extractor.spec.save(directory / "mel.yaml")
    write_index(directory, paths)


def wav_table(data):
    """(path, table) of a data directory's wav.scp, or of a wav.scp itself."""
    path = Path(data)
    path = path / "wav.scp" if path.is_dir() else path
    table = read_table(path)
    if not table:
        raise InputError(f"{path}: has no utterances")
    return path, table


def portion(table, part, parts):
    """Entries of part 1..parts: neighbours stay together, sizes differ by one at most."""
    if not 1 <= part <= parts:
        raise InputError(f"--part: expected J/N with 1 <= J <= N, found {part}/{parts}")
    names = list(table)
    chosen = names[(part - 1) * len(names) // parts : part * len(names) // parts]
    return {name: table[name] for name in chosen}


def fingerprint_of(table, extractor):
    """Digest of what a part is made from: ids, sources and their sizes, and the settings."""
    inputs = [[name, source, _size(source)] for name, source in table.items()]
    settings = [extractor.spec.as_dict(), extractor.resampling, extractor.min_samples]
    return hashlib.sha256(json.dumps([settings, inputs]).encode()).hexdigest()


def _is_current(path, fingerprint, table):
    if not path.exists() or any(_newer(source, path) for source in table.values()):
        return False
    try:
        with open_part(path) as file:
            return file.attrs.get("fingerprint") == fingerprint
    except InputError:  # damaged: made again, as if it were not there
        return False


def _size(source):
    path = Path(source)
    return path.stat().st_size if path.is_file() else None  # pipes are known by their command only


def _newer(source, path):
    """Whether a source changed after the part was made; times in the future (a wrong clock) say nothing."""
    return Path(source).is_file() and path.stat().st_mtime < Path(source).stat().st_mtime <= time.time()


def _left_over(directory, paths):
    """Parts of a run with another N, and files that a killed run left aside."""
    ours = {path.name for path in paths}
    patterns = ("feats.*.h5", ".*.partial*")
    found = [path for pattern in patterns for path in directory.glob(pattern)]
    return sorted(path for path in found if path.name not in ours)


def _summary(failures, total):
    if len(failures) == 1:
        return failures[0]
    more = f"\n  and {len(failures) - SHOWN} more" if len(failures) > SHOWN else ""
    return f"{len(failures)} of {total} utterances cannot be used:\n  " + "\n  ".join(failures[:SHOWN]) + more
