"""Extraction of mels beside librosa and torchaudio, and how far apart the three are.

vocoders bench features data/eval --config conf/mel_nvidia_22k.yaml
"""


def main(source: str, *, config: str, rounds: int = 5):
    """Prints figures.

    Args:
        source: a data directory or a wav.scp.
        config: mel settings (YAML).
        rounds: how often each is timed, in turns; medians are printed.
    """
    from vocoders.features import bench

    print("\n".join(bench.main(source, config, rounds)))
