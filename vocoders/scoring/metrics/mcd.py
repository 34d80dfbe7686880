"""Mel-cepstral distortion."""

from functools import cache
from typing import NamedTuple

import numpy as np

from vocoders.scoring.metrics import METRICS, Score
from vocoders.scoring.metrics.f0 import RATE, pitch

ORDER, ALPHA = 24, 0.41
RANGE_DB = 50


@METRICS.register
class Mcd:
    needs = {"pyworld": "pyworld", "pysptk": "pysptk"}
    scores = {
        "mcd": Score(
            "MCD",
            "lower",
            "dB",
            "both at 16 kHz; WORLD cheaptrick (dio and stonemask F0, 70-500 Hz, 5 ms) to mel-cepstrum of"
            " order 24, alpha 0.41; 10/ln 10 sqrt(2 sum of squared differences of coefficients 1..24), frame"
            " by frame without warping, over frames whose reference power is within 50 dB of the maximum",
        )
    }

    def __call__(self, reference, decoded):
        ref, dec = (signal.once(smooth_spectrum) for signal in (reference, decoded))
        heard = ref.level >= ref.level.max() - RANGE_DB
        distance = np.sqrt(2 * ((ref.cepstrum[heard] - dec.cepstrum[heard]) ** 2).sum(1))
        return {"mcd": float(10 / np.log(10) * distance.mean())}


class SmoothSpectrum(NamedTuple):
    level: np.ndarray  # [frames], dB
    cepstrum: np.ndarray  # [frames, ORDER], coefficients 1..ORDER


def smooth_spectrum(signal):
    """From WORLD's power spectrum without the pitch."""
    import pyworld

    wave = signal.at(RATE).astype(np.float64)
    power = pyworld.cheaptrick(wave, *signal.once(pitch), RATE)  # [frames, bins]
    return SmoothSpectrum(10 * np.log10(power.mean(1)), np.log(power) @ _warping(power.shape[1]))


@cache
def _warping(bins):
    """[bins, ORDER]: log spectrum to mel-cepstrum as pysptk does it; that is linear, and pysptk goes frame by frame."""
    import pysptk

    return pysptk.sp2mc(np.exp(np.eye(bins)), ORDER, ALPHA)[:, 1:]
