"""Turn mels on standard input into speech on standard output, as they come.

SYSTEM is an experiment directory or a checkpoint file.  Input are frames of little-endian float32, as many numbers as
the vocoder has mel bands; output are samples of 16 bits, little-endian, one channel.  What is decided is written at
once; a line on standard error tells the look-ahead, when the first audio came, and the real-time factor.

  acoustic_model | vocoders stream exp/diffwave --config conf/decode.yaml | aplay -f S16_LE -r 22050
  vocoders stream exp/diffwave --decode.steps 6 --input wav --output wav < recording.wav > copy.wav

The audio is that of vocoders decode for the same mels, --seed and name of the utterance, within rounding.
"""

from typing import Literal


def main(
    system: str,
    *,
    config: str | None = None,
    schedule: str | None = None,
    checkpoint: str = "best",
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "float32",
    backend: Literal["auto", "native", "eager", "compiled"] = "auto",
    input: Literal["mel", "wav", "pcm"] = "mel",
    output: Literal["pcm", "wav"] = "pcm",
    chunk_frames: int = 16,
    seed: int = 0,
    utterance: str = "stream",
    overrides: dict | None = None,
):
    """Streams.

    Args:
        system: experiment directory or checkpoint file.
        config: options of synthesis (YAML).
        schedule: a schedule that vocoders search-schedule found (YAML), instead of config's.
        checkpoint: which one of an experiment directory: best, last, step-N, or a file.
        device: cpu, cuda, or auto for cuda where there is one.
        precision: what the network computes in; auto is bfloat16 where that is faster.
        backend: native (our own kernels for CPUs), eager (plain PyTorch), compiled (torch.compile), or auto.
        input: mel; or speech to copy, as 16-bit wav, or pcm without a header.
        output: pcm, or wav, whose header does not tell the length.
        chunk_frames: frames that are read at once; less is sooner, more is faster.
        seed: everything random depends on it and on the name of the utterance.
        utterance: its name.
        overrides: dotted keys laid over the options of synthesis.
    """
    import os
    import sys

    from vocoders.errors import InputError

    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(f"standard input is a terminal; give it the {input}: vocoders stream ... < speech.{input}")
    if sys.stdout is None or sys.stdout.isatty():
        raise InputError("standard output is a terminal; lead it to a player or a file: vocoders stream ... > speech")

    from vocoders.processes import PATIENT

    for name, value in PATIENT.items():  # before torch is loaded, which reads it then
        os.environ.setdefault(name, value)
    from vocoders.inference.stream import stream
    from vocoders.inference.system import open_system, read_options

    options, where = read_options((config, schedule), overrides, verb="vocoders stream")
    form = {"device": device, "precision": precision, "backend": backend}
    formats = {"input": input, "output": output, "chunk_frames": chunk_frames}
    try:
        opened = open_system(system, checkpoint=checkpoint, options=options, where=where, **form)
        report = stream(opened, sys.stdin.buffer, sys.stdout.buffer, seed=seed, utterance=utterance, **formats)
    except BrokenPipeError:  # who listened has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes when it ends
        return None
    except KeyboardInterrupt:
        print("vocoders stream: interrupted", file=sys.stderr)
        return 130
    print(f"vocoders stream: {report}", file=sys.stderr)
    return None
