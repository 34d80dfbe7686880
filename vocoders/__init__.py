"""Train, run and compare neural vocoders.

>>> import vocoders
>>> voice = vocoders.load("exp/train_diffwave")    # an experiment directory or a checkpoint file
>>> wave = voice(mel)                              # [B, C, L] -> [B, L * hop_size]
"""

__version__ = "0.1.0"


def load(path, *, which="best", device="cpu", precision="float32", backend="auto"):
    """The trained vocoder of an experiment directory or checkpoint file, ready to synthesize.

    It is a ``vocoders.fast.synthesizer.Synthesizer``; its training form, a module of PyTorch, is its ``vocoder``.
    Raises InputError when there is no such checkpoint, or it is damaged, or this machine cannot do what is asked for.
    """
    from vocoders.checkpoint import load_vocoder  # torch is imported only by those who use it
    from vocoders.fast.synthesizer import prepare

    vocoder = load_vocoder(path, which=which)
    return prepare(vocoder, device=device, precision=precision, backend=backend)
