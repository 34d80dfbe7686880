"""Write the mels of a feature directory as Kaldi archives, for ESPnet and others.

Writes OUTPUT/export.json, mel.yaml, feats.ark, utt2num_frames and, last, feats.scp, whose paths begin as OUTPUT does:
absolute if it is.  Waves stay behind.  Run again, it writes everything anew, but only where an export.json is its own.

  vocoders export-features dump/mel_nvidia_22k/eval export/eval
  vocoders export-features --log log10 dump/mel_nvidia_22k/eval export_log10/eval

With --log the mels change their logarithm, exactly: log10 is that of ESPnet and ParallelWaveGAN.  Their floor stays, so
what was below it (1e-5 in mel_nvidia_22k, theirs is 1e-10) does not come back; conf/mel_espnet_22k.yaml keeps it.
"""

from typing import Literal


def main(
    features: str,
    output: str,
    *,
    log: Literal["ln", "log10", "db"] | None = None,
    compress: bool = False,
):
    """Exports features.

    Args:
        features: feature directory.
        output: directory for the archive.
        log: the logarithm of the exported mels; without, they stay as they are.
        compress: one byte a value, as Kaldi compresses speech features; loses precision.
    """
    from vocoders.features.export import export_features

    frames = export_features(features, output, log=log, compress=compress)
    print(f"{output}: {len(frames)} utterances, {sum(frames.values())} frames")
