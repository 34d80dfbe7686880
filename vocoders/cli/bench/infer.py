"""Synthesis: real-time factor, memory and start of models in several forms, which take turns.

SYSTEM is the configuration of a model, which then has random weights (--mel_config says for which mels), an experiment
directory or a checkpoint file.  ,mel=FILE and ,decode=FILE after one of several are its own:

  vocoders bench infer conf/diffwave.yaml --mel_config conf/mel_nvidia_22k.yaml \\
      --decode_config conf/decode_diffwave_base_fast6.yaml --precision float32,bfloat16 --compare
  vocoders bench infer --compare --mel_config conf/mel_nvidia_22k.yaml \\
      conf/diffwave.yaml,decode=conf/decode_diffwave_base_fast6.yaml \\
      conf/wavegrad.yaml,mel=conf/mel_nvidia_22k_hop300.yaml,decode=conf/decode_wavegrad_6.yaml conf/waveglow.yaml

The table of WaveGrad's README, for this machine:

  vocoders bench infer conf/wavegrad.yaml --mel_config conf/mel_nvidia_22k_hop300.yaml --iterations 1000,100,50,25,12,6
"""


def main(
    *systems: str,
    mel_config: str | None = None,
    decode_config: str | None = None,
    checkpoint: str = "best",
    features: str | None = None,
    backend: str = "auto",
    precision: str = "auto",
    compare: bool = False,
    iterations: str = "",
    whole_iterations: int = 12,
    seconds: float = 5.0,
    batch: int = 1,
    rounds: int = 5,
    threads: int | None = None,
    device: str = "auto",
    seed: int = 0,
    json: str | None = None,
):
    """Prints tables.

    Args:
        mel_config: mel settings of configurations (YAML).
        decode_config: options of synthesis (YAML).
        checkpoint: of experiment directories: best, last, step-N.
        features: take mels from this feature directory; noise otherwise, which takes as long.
        backend: auto, eager, compiled, native, or training for the form that is trained; several with commas.
        precision: auto (bfloat16 where that is faster), float32, bfloat16; several with commas.
        compare: measure the training form in float32 too, with the default and with a tuned memory allocator.
        iterations: numbers of steps to make a table of, with commas.
        whole_iterations: up to so many steps are run; of more, a multiple is given and marked.
        seconds: length of what is synthesized.
        batch: how many at once.
        rounds: how often each synthesizes, in turns; the table is of the median round.
        threads: of each contender; as many as PyTorch takes by itself if not given.
        device: cpu, cuda, or auto for cuda where there is one.
        seed: of random weights, mels and noise.
        json: a file for the figures, unrounded.
    """
    import torch

    from vocoders.bench import infer, infer_tables
    from vocoders.bench.form import chosen_forms
    from vocoders.bench.rounds import numbers
    from vocoders.bench.system import SystemChoice
    from vocoders.bench.table import publish

    given = {"mel_config": mel_config, "decode_config": decode_config, "checkpoint": checkpoint}
    workload = infer.Workload(
        seconds, batch, device, torch.get_num_threads() if threads is None else threads, seed, features
    )
    report = infer.main(
        [SystemChoice.parse(system, **given) for system in systems],
        chosen_forms(backend, precision, compare=compare),
        workload,
        rounds=rounds,
        iterations=numbers("iterations", iterations),
        whole_iterations=whole_iterations,
    )
    publish(report, infer_tables.lines(report), json)
