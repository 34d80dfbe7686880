"""Mel-cepstral distortion."""

import numpy as np

from vocoders.scoring.metrics import METRICS, Score
from vocoders.scoring.metrics.f0 import F_MAX, F_MIN, FRAME_PERIOD

RATE, ORDER, ALPHA = 16000, 24, 0.41
RANGE_DB = 50


@METRICS.register
class Mcd:
    needs = {"pyworld": "pyworld", "pysptk": "pysptk"}
    scores = {
        "mcd": Score(
            "MCD",
            "lower",
            "dB",
            "both at 16 kHz; WORLD cheaptrick (harvest and stonemask F0, 70-500 Hz, 5 ms) to mel-cepstrum of"
            " order 24, alpha 0.41; 10/ln 10 sqrt(2 sum of squared differences of coefficients 1..24), frame"
            " by frame without warping, over frames whose reference power is within 50 dB of the maximum",
        )
    }

    def __call__(self, reference, decoded):
        import pysptk

        envelopes = [envelope(signal.at(RATE)) for signal in (reference, decoded)]  # [frames, bins]
        level = 10 * np.log10(envelopes[0].mean(1))
        heard = level >= level.max() - RANGE_DB
        cepstra = [pysptk.sp2mc(power[heard], ORDER, ALPHA)[:, 1:] for power in envelopes]
        distance = np.sqrt(2 * ((cepstra[0] - cepstra[1]) ** 2).sum(1))
        return {"mcd": float(10 / np.log(10) * distance.mean())}


def envelope(wave):
    """WORLD's power spectrum without the pitch, [frames, bins]."""
    import pyworld

    wave = wave.astype(np.float64)
    coarse, time = pyworld.harvest(wave, RATE, f0_floor=F_MIN, f0_ceil=F_MAX, frame_period=FRAME_PERIOD)
    return pyworld.cheaptrick(wave, pyworld.stonemask(wave, coarse, time, RATE), time, RATE)
