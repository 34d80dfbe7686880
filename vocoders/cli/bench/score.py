"""What each metric costs, and all of them together, on one thread.

vocoders bench score data/eval
"""


def main(
    source: str,
    *,
    decoded: str | None = None,
    metrics: str = "all",
    utterances: int = 8,
    rounds: int = 5,
    seed: int = 0,
    json: str | None = None,
):
    """Prints figures.

    Args:
        source: a data directory or a wav.scp.
        decoded: the same utterances decoded, a directory or a wav.scp; without it they are the references with noise
            20 dB below them.
        metrics: all, or as for vocoders score.
        utterances: that many are taken, the first ones.
        rounds: how often each is timed, in turns; medians are printed.
        seed: which noise.
        json: a file for the figures, unrounded.
    """
    from vocoders.scoring import bench

    lines = bench.main(source, decoded, metrics=metrics, utterances=utterances, rounds=rounds, seed=seed, json=json)
    print("\n".join(lines))
