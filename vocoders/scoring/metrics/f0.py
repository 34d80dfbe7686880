"""Pitch, voicing and periodicity, from WORLD's analysis of each signal at 16 kHz."""

from typing import NamedTuple

import numpy as np

from vocoders.scoring.metrics import METRICS, Score

RATE = 16000
F_MIN, F_MAX = 70.0, 500.0  # Hz
FRAME_PERIOD = 5.0  # milliseconds
PERIODICITY_EVERY = 4  # frames: D4C costs more than all other analyses together
PERIODICITY_BAND = 4000  # Hz


class Pitch(NamedTuple):
    f0: np.ndarray  # [frames], Hz, 0 where unvoiced
    time: np.ndarray  # [frames], seconds


@METRICS.register
class F0:
    needs = {"pyworld": "pyworld"}
    scores = {
        "log_f0_rmse": Score(
            "ln F0 RMSE",
            "lower",
            "",
            "WORLD dio and stonemask at 16 kHz, 70-500 Hz, 5 ms; over the frames voiced in both",
        ),
        "vuv_error": Score(
            "V/UV error", "lower", "%", "share of all 5 ms frames voiced (dio at 16 kHz) in one and not the other"
        ),
        "periodicity_rmse": Score(
            "periodicity RMSE",
            "lower",
            "",
            "root mean square difference over frames of 20 ms, as in CARGAN (Morrison et al. 2022), of 1 -"
            " mean WORLD D4C aperiodicity below 4 kHz at 16 kHz (CARGAN takes CREPE's periodicity);"
            " 0 in unvoiced frames",
        ),
    }

    def __call__(self, reference, decoded):
        ref, dec = (signal.once(pitch).f0 for signal in (reference, decoded))
        both = (ref > 0) & (dec > 0)
        # A decoded noise has no pitch to be wrong about: undefined, and its voicing errors tell.
        ratio = np.log(dec[both] / ref[both]) if both.any() else None
        return {
            "log_f0_rmse": None if ratio is None else _rms(ratio),
            "vuv_error": float(100 * ((ref > 0) != (dec > 0)).mean()),
            "periodicity_rmse": _rms(decoded.once(periodicity) - reference.once(periodicity)),
        }


def pitch(signal):
    """By dio, which calls fewer noisy frames voiced than harvest, and is ten times as fast."""
    import pyworld

    wave = signal.at(RATE).astype(np.float64)
    coarse, time = pyworld.dio(wave, RATE, f0_floor=F_MIN, f0_ceil=F_MAX, frame_period=FRAME_PERIOD)
    return Pitch(pyworld.stonemask(wave, coarse, time, RATE), time)


def periodicity(signal):
    """0 (noise, or unvoiced) to 1, of every fourth frame."""
    import pyworld

    frames = [np.ascontiguousarray(each[::PERIODICITY_EVERY]) for each in signal.once(pitch)]
    # threshold 0: dio alone decides what is voiced, not also the balance below and above 4 kHz
    aperiodicity = pyworld.d4c(signal.at(RATE).astype(np.float64), *frames, RATE, threshold=0.0)  # amplitude ratio
    band = slice(1 + PERIODICITY_BAND * (aperiodicity.shape[1] - 1) * 2 // RATE)
    return 1 - aperiodicity[:, band].mean(1)


def _rms(values):
    return float(np.sqrt(np.mean(values**2)))
