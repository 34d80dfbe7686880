"""Score decoded waves against their references.

Writes DIRECTORY/scores.jsonl, one line per utterance, and DIRECTORY/summary.json, means with 95 % intervals
and n, and prints the means.  A run that was stopped goes on where it was; what has not changed is not scored
again.

Example:
  vocoders score --nj 4 data/eval/wav.scp exp/griffin_lim/eval/wav.scp exp/griffin_lim/eval
  vocoders score --metrics stoi,mr_stft ref.scp dec.scp scores
"""

from vocoders.scoring.score import choose_metrics, score
from vocoders.scoring.summary import table


def main(
    reference_scp: str,
    decoded_scp: str,
    directory: str,
    nj: int = 1,
    metrics: str = "all",
    align: bool = False,
    resample: bool = False,
    subset: bool = False,
):
    """Scores.

    Args:
        reference_scp: Kaldi table of the reference waves.
        decoded_scp: Kaldi table of the waves to score, of the same utterances.
        directory: where scores.jsonl and summary.json are written.
        nj: number of processes.
        metrics: all, a comma-separated list of names (dnsmos, f0, log_mel_mae, mcd, mr_stft, pesq, stoi), or
            a YAML file with a list `metrics:`.
        align: shift every decoded wave by its lag (at most 50 ms) before comparing; else it is only stated.
        resample: bring a reference of another sampling rate to that of the decoded wave; else that is an error.
        subset: allow the reference table to have utterances that were not decoded.
    """
    chosen = choose_metrics(metrics)
    how = {"nj": nj, "align": align, "resample": resample, "subset": subset}
    summary = score(reference_scp, decoded_scp, directory, metrics=chosen, **how)
    print(table(summary))
