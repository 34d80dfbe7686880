"""Feature directories as Kaldi archives, for Kaldi, ESPnet and ParallelWaveGAN.

OUT/export.json      whose export it is: what is in OUT may be written over
OUT/feats.ark        the mels, float32 [L, C] each
OUT/utt2num_frames   <id> <L>
OUT/mel.yaml         the settings that the mels now have
OUT/feats.scp        <id> OUT/feats.ark:<byte>; written last: then it is complete
"""

from dataclasses import replace
from pathlib import Path

import torch

from vocoders.errors import InputError
from vocoders.features.mel import MelSpec, convert
from vocoders.io.features import FeatureReader
from vocoders.io.files import remove_partials, write_json
from vocoders.io.kaldi import write_archive
from vocoders.io.tables import write_table
from vocoders.log import progress

WRITTEN = ("feats.scp", "feats.ark", "utt2num_frames", "mel.yaml")


def export_features(directory, output, *, log=None, compress=False):
    """Writes the mels of a feature directory to ``output``; returns {id: L}.

    ``log`` is another logarithm for them ("ln", "log10", "db"), in which nothing is lost; ``compress`` makes one byte
    of each value.  Raises InputError when a feature directory, or anybody else's, would be written over.
    """
    output, reader, spec = Path(output), FeatureReader(directory), MelSpec.load(directory)
    wanted = _with_log(spec, log, directory) if log else spec
    _refuse_others(output)
    write_json(output / "export.json", {"features": str(directory), "log": wanted.log, "compress": compress})
    for name in WRITTEN:  # incomplete from here on; no old mels under new settings, either
        (output / name).unlink(missing_ok=True)
    remove_partials(output)
    wanted.save(output / "mel.yaml")
    mels = ((utt, _mel(reader, utt, spec, wanted)) for utt in progress(reader.utterances, unit="utt", desc="export"))
    places = write_archive(output / "feats.ark", mels, compress=compress)
    write_table(output / "utt2num_frames", reader.frames)
    write_table(output / "feats.scp", places)
    return reader.frames


def _mel(reader, utterance, spec, wanted):
    """float32 [L, C]"""
    mel = torch.from_numpy(reader.mel(utterance))
    mel = convert(mel, spec, wanted) if wanted != spec else mel
    return mel.T.contiguous().numpy()


def _with_log(spec, log, directory):
    wanted = replace(spec, log=log, reference=0, unit_range=None)
    if not spec.convertible_to(wanted):
        raise InputError(
            f"{directory}: its mels end at the limits of unit_range {list(spec.unit_range)}, so they have no exact "
            f"{log}; export them as they are, without --log"
        )
    return wanted


def _refuse_others(output):
    if any(output.glob("feats.*.h5")):
        raise InputError(f"{output}: is a feature directory; name another for the export")
    there = [name for name in WRITTEN if (output / name).exists()]
    if there and not (output / "export.json").exists():
        raise InputError(f"{output}: has a {there[0]} that this export did not write; name another directory")
