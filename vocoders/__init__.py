"""Train, run and compare neural vocoders.

>>> import vocoders
>>> vocoder = vocoders.load("exp/train_diffwave")    # an experiment directory or a checkpoint file
>>> wave = vocoder.synthesize(mel)                   # [B, C, L] -> [B, L * hop_size]
"""

__version__ = "0.1.0"


def load(path, *, which="best", device="cpu"):
    """The trained vocoder of an experiment directory or checkpoint file, ready to synthesize.

    Raises InputError when there is no such checkpoint, or it is damaged.
    """
    from vocoders.checkpoint import load_vocoder  # torch is imported only by those who use it

    return load_vocoder(path, which=which, device=device)
