"""Measure the speed of a part of the system on this machine.

Extraction beside librosa and torchaudio, random training segments from a feature directory, and each metric:

  vocoders bench features data/eval --config conf/mel_nvidia_22k.yaml
  vocoders bench reading dump/mel_nvidia_22k/train
  vocoders bench score data/eval
"""

from typing import Literal

from vocoders.errors import InputError


def main(
    mode: Literal["features", "reading", "score"],
    source: str,
    *,
    config: str | None = None,
    rounds: int = 5,
    reads: int = 20000,
    segment_size: int = 16000,
    seed: int = 0,
    decoded: str | None = None,
    metrics: str = "all",
    utterances: int = 8,
    json: str | None = None,
):
    """Prints figures.

    Args:
        mode: what to measure.
        source: features, score: a data directory or a wav.scp; reading: a feature directory.
        config: features: mel settings (YAML).
        rounds: features, score: how often each is timed, in turns; medians are printed.
        reads: reading: number of segments.
        segment_size: reading: samples per segment.
        seed: reading: which segments; score: which noise.
        decoded: score: the same utterances decoded, a directory or a wav.scp; without it they are the references with
            noise 20 dB below them.
        metrics: score: all, or as for vocoders score.
        utterances: score: that many are taken, the first ones.
        json: score: a file for the figures, unrounded.
    """
    if mode == "features":
        from vocoders.features import bench

        if config is None:
            raise InputError("bench features: --config with the mel settings is needed")
        lines = bench.main(source, config, rounds)
    elif mode == "score":
        from vocoders.scoring import bench

        lines = bench.main(source, decoded, metrics=metrics, utterances=utterances, rounds=rounds, seed=seed, json=json)
    else:
        from vocoders.io import bench

        lines = bench.main(source, reads, segment_size, seed)
    print("\n".join(lines))
