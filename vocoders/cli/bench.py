"""Measure the speed of a part of the system on this machine.

Extraction beside librosa and torchaudio, and random training segments from a feature directory:

  vocoders bench features data/eval --config conf/mel_nvidia_22k.yaml
  vocoders bench reading dump/mel_nvidia_22k/train
"""

from typing import Literal

from vocoders.errors import InputError


def main(
    mode: Literal["features", "reading"],
    source: str,
    *,
    config: str | None = None,
    rounds: int = 5,
    reads: int = 20000,
    segment_size: int = 16000,
    seed: int = 0,
):
    """Prints figures.

    Args:
        mode: what to measure.
        source: features: a data directory or a wav.scp; reading: a feature directory.
        config: features: mel settings (YAML).
        rounds: features: how often each is timed, in turns; medians are printed.
        reads: reading: number of segments.
        segment_size: reading: samples per segment.
        seed: reading: which segments.
    """
    if mode == "features":
        from vocoders.features import bench

        if config is None:
            raise InputError("bench features: --config with the mel settings is needed")
        lines = bench.main(source, config, rounds)
    else:
        from vocoders.io import bench

        lines = bench.main(source, reads, segment_size, seed)
    print("\n".join(lines))
