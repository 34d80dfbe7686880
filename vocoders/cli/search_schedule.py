"""Search for the best sampling schedule of N steps for a trained diffusion vocoder.

Scores candidates on a few utterances of a dev set and writes the best one as a YAML file for `vocoders decode
--schedule`; all candidates stand in a .jsonl file beside it.  A search that was stopped goes on where it was; the same
seed gives the same file, whatever nj is.

  vocoders search-schedule --steps 6 --nj 2 exp/train_wavegrad dump/mel_nvidia_22k/dev exp/train_wavegrad/best_6.yaml
  vocoders search-schedule --method grid --budget 2000 exp/train_wavegrad dump/mel_nvidia_22k/dev grid_6.yaml
"""

from typing import Literal


def main(
    experiment: str,
    features: str,
    output: str,
    *,
    steps: int = 6,
    method: Literal["cobyqa", "grid", "both"] = "cobyqa",
    budget: int = 100,
    utterances: int = 4,
    seconds: float | None = None,
    score: str = "log_mel_mae",
    config: str | None = None,
    checkpoint: str = "best",
    seed: int = 0,
    nj: int = 1,
):
    """Searches.

    Args:
        experiment: experiment directory or checkpoint file.
        features: feature directory of the dev set.
        output: YAML file to write.
        steps: number of steps of the schedule.
        method: cobyqa: quadratic models, from steps spread evenly; grid: the published grid, or a random part of it;
            both: cobyqa, and the grid with twenty times the budget, to see what that is worth.
        budget: how many schedules are scored at most (both: by cobyqa, and 21 times as many in all).
        utterances: how many utterances, spread over the set.
        seconds: score no more than so much of the beginning of each.
        score: what is optimised: a score of ``vocoders score``, such as log_mel_mae, pesq or estoi.  log_mel_mae is
            smooth and cheap, and blind to what noise in the right spectrum sounds like.
        config: other options of synthesis (YAML), such as sampler and temperature.
        checkpoint: which one of an experiment directory: best, last, step-N, or a file.
        seed: of the noise, and of the part of the grid.
        nj: number of processes.
    """
    from vocoders.config import load
    from vocoders.inference.schedule_search import search
    from vocoders.inference.system import lay_options, without_schedule

    options = without_schedule(load(config, lay=lay_options)) if config else {}
    what = {"checkpoint": checkpoint, "utterances": utterances, "seconds": seconds, "score": score, "options": options}
    how = {"steps": steps, "method": method, "budget": budget, "seed": seed, "nj": nj}
    found = search(experiment, features, output, **what, **how)
    for best in found:
        betas = ", ".join(f"{beta:.3g}" for beta in best.betas)
        print(f"{best.method}: {score} {best.score:.4f}, best of {best.count} schedules: {betas}")
    print(output)
