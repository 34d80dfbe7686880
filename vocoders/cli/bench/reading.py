"""Random training segments out of a feature directory: time of each, and whether memory grows.

vocoders bench reading dump/mel_nvidia_22k/train
"""


def main(source: str, *, reads: int = 20000, segment_size: int = 16000, seed: int = 0):
    """Prints figures.

    Args:
        source: a feature directory.
        reads: number of segments.
        segment_size: samples per segment.
        seed: which segments.
    """
    from vocoders.io import bench

    print("\n".join(bench.main(source, reads, segment_size, seed)))
