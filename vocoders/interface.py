"""What a model promises, and the batches it is given.  Read this file first.

Shapes: B batch, T samples, L frames, C mel channels; T = L * hop_size.
The trainer, the decoder, the benchmark and the tests know nothing of a model but what stands here.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class SpeechBatch(NamedTuple):
    """Equal-length excerpts; frame i describes samples [i * hop_size, (i + 1) * hop_size)."""

    wave: Tensor  # [B, T], float32 in [-1, 1]
    mel: Tensor  # [B, C, L]


class Model(nn.Module):
    """Anything the trainer can train.  ``generator`` is the only source of randomness."""

    min_frames = 1
    """Excerpts for ``initialize`` and ``loss`` have at least so many frames."""

    def initialize(self, batches):
        """Sets constants that depend on the data, such as the mel's mean, before step 0.

        ``batches`` is a list of ``SpeechBatch`` of training data.  What is set must live in buffers, so that
        checkpoints carry it.  Most models need nothing.
        """

    def loss(self, batch, *, generator=None):
        """Named scalars of one batch; the trainer minimises the one named "loss"."""
        raise NotImplementedError

    def forward(self, batch, *, generator=None):
        # DistributedDataParallel averages gradients only for calls that pass through forward.
        return self.loss(batch, generator=generator)

    def describe(self):
        """The model's name and size in a few words, for tables."""
        raise NotImplementedError


class Vocoder(Model):
    """A model that turns mel spectrograms into waveforms."""

    def __init__(self, mel_spec):
        super().__init__()
        self.mel_spec = mel_spec
        self.whiten = None  # what synthesize undoes last (features/whitening.py): constant faults are constant before

    @property
    def hop_size(self):
        return self.mel_spec.hop_size

    @property
    def sample_rate(self):
        return self.mel_spec.sample_rate

    def synthesize(self, mel, *, generator=None):
        """[B, C, L] -> [B, L * hop_size], float32.  Subclasses add keyword options of their own."""
        raise NotImplementedError

    def evaluations(self, **options):
        """How many times ``synthesize`` with these options computes the network."""
        return 1

    def without_noise(self, options):
        """These options of ``synthesize``, changed so that nothing random enters what it returns."""
        raise NotImplementedError

    def neutral_mel(self, frames):
        """[1, C, frames] of zeros, after the normalisation where there is one."""
        return torch.zeros(1, self.mel_spec.n_mels, frames, device=next(self.parameters()).device)

    def remarks(self, **options):
        """Sentences about options of ``synthesize`` that are allowed but may not be what was meant."""
        return []
