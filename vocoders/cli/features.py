"""Turn the waves of a data directory into a feature directory (HDF5: 16-bit wave and mel).

Reads DATA/wav.scp (files, or Kaldi pipes such as "sox a.flac -t wav - |") and writes OUTPUT/feats.J.h5,
utt2num_frames, mel.yaml and, last, feats.scp.  Waves are cropped to whole hops.  Run again, it keeps what is
finished and still fits the data and the settings.

  vocoders features --config conf/mel_nvidia_22k.yaml data/eval dump/mel_nvidia_22k/eval

In jobs, as the recipes do it:

  vocoders features --config conf/mel_nvidia_22k.yaml --part 1/2 data/train dump/mel_nvidia_22k/train
  vocoders features --config conf/mel_nvidia_22k.yaml --part 2/2 data/train dump/mel_nvidia_22k/train
  vocoders features --config conf/mel_nvidia_22k.yaml --merge 2 data/train dump/mel_nvidia_22k/train
"""

import re

from vocoders.errors import InputError


def main(
    data: str,
    output: str,
    *,
    config: str,
    part: str | None = None,
    merge: int | None = None,
    resample: bool = False,
    min_frames: int = 1,
    device: str = "cpu",
):
    """Extracts features.

    Args:
        data: data directory with a wav.scp.
        output: feature directory.
        config: mel settings (YAML).
        part: J/N: make only part J of N; without, everything is made as one part and indexed.
        merge: N: check that all N parts are there and write the index.
        resample: allow other sampling rates and resample them; otherwise they are an error.
        min_frames: shortest utterance, in frames; shorter ones are an error.
        device: where the transform runs.
    """
    import torch

    from vocoders.device import choose
    from vocoders.features.extract import Extractor, extract_part, merge_parts
    from vocoders.features.mel import MelSpec

    if part is not None and merge is not None:
        raise InputError("--part and --merge exclude each other: parts first, then one --merge N")
    torch.set_num_threads(1)  # parts are the parallelism, and the bits must not depend on the machine's cores
    extractor = Extractor(MelSpec.load(config), resampling=resample, min_frames=min_frames, device=choose(device))
    if merge is None:
        extract_part(data, output, extractor, *_part(part or "1/1"))
    if part is None:
        merge_parts(data, output, extractor, merge or 1)


def _part(text):
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match:
        raise InputError(f"--part: expected J/N, such as 1/8, found {text!r}")
    return int(match[1]), int(match[2])
