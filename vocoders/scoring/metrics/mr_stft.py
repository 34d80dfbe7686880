"""Multi-resolution STFT distance of log magnitudes."""

import numpy as np
import torch

from vocoders.errors import InputError
from vocoders.scoring.metrics import METRICS, Score

# n_fft, hop and window of Yamamoto et al. 2020
RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
FLOOR = 10**-3.5
SHORTEST = max(n_fft for n_fft, _, _ in RESOLUTIONS) // 2  # what is reflected at each end


@METRICS.register
class MrStft:
    needs = {}
    scores = {
        "mr_stft": Score(
            "MR-STFT",
            "lower",
            "ln",
            "mean |ln max(|X|, e) - ln max(|Y|, e)|, e = 10^-3.5, over (n_fft, hop, window) = (1024, 120,"
            " 600), (2048, 240, 1200), (512, 50, 240), Hann, at the native rate",
        )
    }

    def __call__(self, reference, decoded):
        if len(reference.wave) <= SHORTEST:
            raise InputError(f"the longest STFT needs more than {SHORTEST} samples, there are {len(reference.wave)}")
        return {"mr_stft": float(np.mean([_distance(reference, decoded, *each) for each in RESOLUTIONS]))}


def _distance(reference, decoded, n_fft, hop, window):
    ref, dec = (_log_power(torch.from_numpy(s.wave), n_fft, hop, window) for s in (reference, decoded))
    return (ref - dec).abs_().mean().item() / 2


def _log_power(wave, n_fft, hop, window):
    """In place where possible: at these hops, memory costs more than arithmetic."""
    hann = torch.hann_window(window)
    spectrum = torch.stft(wave, n_fft, hop, window, hann, return_complex=True)  # reflects n_fft / 2
    return spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag).clamp_(min=FLOOR**2).log_()
