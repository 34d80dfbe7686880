"""Training: seconds of audio per second in float32 and in bfloat16, which take turns, on batches of noise.

CONFIG is a configuration of training.  ,mel=FILE after one of several are its own mel settings, and keys of the
configuration are options:

  vocoders bench train conf/diffwave.yaml --mel_config conf/mel_nvidia_22k.yaml --train.batch_size 4
"""


def main(
    *configs: str,
    mel_config: str | None = None,
    steps: int = 5,
    threads: int | None = None,
    device: str = "auto",
    seed: int = 0,
    json: str | None = None,
    overrides: dict | None = None,
):
    """Prints tables.

    Args:
        mel_config: mel settings (YAML).
        steps: how many each precision takes, after a first one.
        threads: of each training; as many as PyTorch takes by itself if not given.
        device: cpu, cuda, or auto for cuda where there is one.
        seed: of random weights and noise.
        json: a file for the figures, unrounded.
        overrides: dotted keys laid over the configurations.
    """
    import torch

    from vocoders.bench import train
    from vocoders.bench.system import SystemChoice
    from vocoders.bench.table import publish

    given = {"mel_config": mel_config, "overrides": overrides or {}}
    systems = [SystemChoice.parse(config, **given) for config in configs]
    threads = torch.get_num_threads() if threads is None else threads
    report = train.main(systems, steps=steps, device=device, threads=threads, seed=seed)
    publish(report, train.lines(report), json)
