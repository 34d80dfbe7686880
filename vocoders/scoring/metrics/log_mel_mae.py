"""Mean absolute error of the log-mel spectrogram (PriorGrad's LS-MAE)."""

from functools import cached_property

import numpy as np
import torch

from vocoders.errors import InputError
from vocoders.features.mel import LogMel, MelSpec
from vocoders.scoring.metrics import METRICS, Score

RATE = 22050
NVIDIA = MelSpec(sample_rate=RATE, n_fft=1024, win_size=1024, hop_size=256, n_mels=80, f_max=8000, floor=1e-5)
RANGE = np.log(10) * 50 / 20  # 50 dB of magnitude


@METRICS.register
class LogMelMae:
    needs = {}
    scores = {
        "log_mel_mae": Score(
            "LS-MAE",
            "lower",
            "ln",
            "mean |difference| of ln max(mel, 1e-5): 80 Slaney mels of the magnitude, 0-8 kHz, n_fft 1024,"
            " hop 256; both resampled to 22.05 kHz when the rate is another one",
        ),
        "log_mel_mae_50db": Score(
            "LS-MAE, 50 dB",
            "lower",
            "ln",
            "the same over the bins where the reference is within 50 dB of its maximum",
        ),
    }

    def __call__(self, reference, decoded):
        ref, dec = (signal.once(self._log_mel) for signal in (reference, decoded))
        error = (ref - dec).abs()
        return {
            "log_mel_mae": error.mean().item(),
            "log_mel_mae_50db": error[ref > ref.max() - RANGE].mean().item(),
        }

    def _log_mel(self, signal):
        wave = torch.from_numpy(signal.at(RATE).astype(np.float32))
        if len(wave) <= NVIDIA.n_fft:
            raise InputError(f"a log-mel spectrogram needs {NVIDIA.n_fft} samples at 22.05 kHz, there are {len(wave)}")
        whole = torch.nn.functional.pad(wave, (0, -len(wave) % NVIDIA.hop_size))
        return self._front_end(whole[None])

    @cached_property
    def _front_end(self):
        return LogMel(NVIDIA)
