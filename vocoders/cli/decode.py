"""Turn features into waves, with a trained vocoder or a baseline.

SYSTEM is an experiment directory, a checkpoint file, or a baseline that needs no training: recording,
griffin_lim, world.  Writes OUTPUT/wav/<utterance>.wav (16 bit), decode.jsonl (seconds, real-time factor and
clipped samples of each), system.json and, last, wav.scp.  Every utterance has its own seed, so an interrupted
run goes on where it was; other settings in the same directory start it anew.

  vocoders decode griffin_lim dump/mel_nvidia_22k/eval exp/griffin_lim/eval
  vocoders decode --config conf/decode.yaml exp/diffwave dump/mel_nvidia_22k/eval exp/diffwave/decode_best/eval

Features of Kaldi, ESPnet or ParallelWaveGAN are decoded from their feats.scp; --mel_config says how they were made:

  vocoders decode exp/diffwave espnet/eval/feats.scp exp/diffwave/decode_espnet/eval --mel_config espnet.yaml \\
      --stats espnet/cmvn.ark --convert_mel true

The configuration holds options of the system's synthesis: for diffusion models sampler, steps, schedule, temperature,
clip, eta and start_deviation, for WaveGlow sigma, for any vocoder denoise (egs/README.md).  --decode.KEY VALUE changes
one of them.

Utterances of any length are decoded in the same memory.  Every process of --nj N has its share of the cores; whatever
N is, the waves are the same within rounding.
"""

from typing import Literal


def main(
    system: str,
    features: str,
    output: str,
    *,
    config: str | None = None,
    schedule: str | None = None,
    checkpoint: str = "best",
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "float32",
    backend: Literal["auto", "native", "eager", "compiled"] = "auto",
    chunk_seconds: float | None = None,
    nj: int = 1,
    batch: int | None = None,
    seed: int = 0,
    convert_mel: bool = False,
    seen: bool = False,
    mel_config: str | None = None,
    stats: str | None = None,
    overrides: dict | None = None,
):
    """Decodes.

    Args:
        system: experiment directory, checkpoint file or baseline.
        features: feature directory, or feats.scp or .ark of Kaldi or ESPnet.
        output: directory for the waves.
        config: options of synthesis (YAML).
        schedule: a schedule that vocoders search-schedule found (YAML), instead of config's.
        checkpoint: which one of an experiment directory: best, last, step-N, or a file.
        device: cpu, cuda, or auto for cuda where there is one.
        precision: what the network computes in; auto is bfloat16 where that is faster.
        backend: native (our own kernels for CPUs), eager (plain PyTorch), compiled (torch.compile), or auto.
        chunk_seconds: how much of an utterance is worked on at once, which bounds the memory; null: the backend knows.
        nj: number of processes, on a CPU.
        batch: utterances of similar length that are decoded together; null is 16 on a GPU, else 1.
        seed: everything random in an utterance depends on it and on the utterance's id.
        convert_mel: convert mels that differ from the checkpoint's only in how they are compressed.
        seen: decode even what the checkpoint was trained on, which is refused otherwise.
        mel_config: how Kaldi features were made (YAML: ours, or of ESPnet or ParallelWaveGAN).
        stats: what Kaldi features were normalised with (stats.h5, feats_stats.npz, cmvn.ark), to undo it.
        overrides: dotted keys laid over the options of synthesis.
    """
    from vocoders.inference.decode import Decoder, summary
    from vocoders.inference.system import open_system, read_options

    options, where = read_options((config, schedule), overrides, verb="vocoders decode")
    form = {"device": device, "precision": precision, "backend": backend, "chunk_seconds": chunk_seconds}
    opened = open_system(system, checkpoint=checkpoint, options=options, where=where, **form)
    given = {"seed": seed, "convert_mel": convert_mel, "seen": seen, "mel_config": mel_config, "stats": stats}
    records = Decoder(opened, features, output, nj=nj, batch=batch, **given).run()
    print(f"{output}: {summary(records)}")
