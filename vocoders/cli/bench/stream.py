"""Streaming: time to the first audio, look-ahead, whether playback would run dry, and what is heard at borders.

SYSTEM is what it is for vocoders bench infer:

  vocoders bench stream conf/diffwave.yaml --mel_config conf/mel_nvidia_22k.yaml \\
      --decode_config conf/decode_diffwave_base_fast6.yaml --load 1
"""


def main(
    *systems: str,
    mel_config: str | None = None,
    decode_config: str | None = None,
    checkpoint: str = "best",
    features: str | None = None,
    backend: str = "auto",
    precision: str = "auto",
    chunk_frames: int = 32,
    load: int = 0,
    seconds: float = 10.0,
    rounds: int = 3,
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
        chunk_frames: mel frames that come at a time.
        load: other processes that keep a core busy meanwhile.
        seconds: length of what is synthesized.
        rounds: how often each streams, in turns.
        threads: of each contender; as many as PyTorch takes by itself if not given.
        device: cpu, cuda, or auto for cuda where there is one.
        seed: of random weights, mels and noise.
        json: a file for the figures, unrounded.
    """
    import torch

    from vocoders.bench import stream
    from vocoders.bench.form import chosen_forms
    from vocoders.bench.infer import Workload
    from vocoders.bench.system import SystemChoice
    from vocoders.bench.table import publish

    given = {"mel_config": mel_config, "decode_config": decode_config, "checkpoint": checkpoint}
    threads = torch.get_num_threads() if threads is None else threads
    report = stream.main(
        [SystemChoice.parse(system, **given) for system in systems],
        chosen_forms(backend, precision, compare=False),
        Workload(seconds, device=device, threads=threads, seed=seed, features=features),
        chunk_frames=chunk_frames,
        load=load,
        rounds=rounds,
    )
    publish(report, stream.lines(report), json)
