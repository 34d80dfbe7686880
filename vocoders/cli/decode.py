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
"""


def main(
    system: str,
    features: str,
    output: str,
    *,
    config: str | None = None,
    schedule: str | None = None,
    checkpoint: str = "best",
    device: str = "auto",
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
        seed: everything random in an utterance depends on it and on the utterance's id.
        convert_mel: convert mels that differ from the checkpoint's only in how they are compressed.
        seen: decode even what the checkpoint was trained on, which is refused otherwise.
        mel_config: how Kaldi features were made (YAML: ours, or of ESPnet or ParallelWaveGAN).
        stats: what Kaldi features were normalised with (stats.h5, feats_stats.npz, cmvn.ark), to undo it.
        overrides: dotted keys laid over the options of synthesis.
    """
    from vocoders.config import load, override, refuse_unknown
    from vocoders.inference.decode import Decoder, summary
    from vocoders.inference.system import lay_options, open_system

    changes = override({}, overrides or {})
    refuse_unknown(changes, ["decode"], "vocoders decode")
    files = [(file, load(file, lay=lay_options)) for file in (config, schedule) if file]
    given = [*files, *([("--decode", changes["decode"])] if changes else [])]
    options = {}
    for _source, found in given:
        options = lay_options(options, found)
    where = " and ".join(source for source, _found in given) or "decode"
    opened = open_system(system, checkpoint=checkpoint, options=options, device=device, where=where)
    given = {"seed": seed, "convert_mel": convert_mel, "seen": seen, "mel_config": mel_config, "stats": stats}
    records = Decoder(opened, features, output, **given).run()
    print(f"{output}: {summary(records)}")
