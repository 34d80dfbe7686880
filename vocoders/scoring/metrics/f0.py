"""Pitch, voicing and periodicity, from one WORLD analysis of each signal."""

from typing import NamedTuple

import numpy as np

from vocoders.scoring.metrics import METRICS, Score

F_MIN, F_MAX = 70.0, 500.0  # Hz
FRAME_PERIOD = 5.0  # milliseconds
PERIODICITY_BAND = 4000  # Hz


class Voicing(NamedTuple):
    f0: np.ndarray  # [frames], Hz, 0 where unvoiced
    periodicity: np.ndarray  # [frames], 0 (noise, or unvoiced) to 1


@METRICS.register
class F0:
    needs = {"pyworld": "pyworld"}
    scores = {
        "log_f0_rmse": Score(
            "ln F0 RMSE",
            "lower",
            "",
            "WORLD dio and stonemask, 70-500 Hz, 5 ms; over the frames voiced in both",
        ),
        "vuv_error": Score(
            "V/UV error", "lower", "%", "share of all 5 ms frames voiced (dio) in one and not the other"
        ),
        "periodicity_rmse": Score(
            "periodicity RMSE",
            "lower",
            "",
            "root mean square difference over all 5 ms frames, as in CARGAN (Morrison et al. 2022), of 1 -"
            " mean WORLD D4C aperiodicity below 4 kHz (CARGAN takes CREPE's periodicity);"
            " 0 in unvoiced frames",
        ),
    }

    def __call__(self, reference, decoded):
        ref, dec = (signal.once(voicing) for signal in (reference, decoded))
        both = (ref.f0 > 0) & (dec.f0 > 0)
        # A decoded noise has no pitch to be wrong about: undefined, and its voicing errors tell.
        ratio = np.log(dec.f0[both] / ref.f0[both]) if both.any() else None
        return {
            "log_f0_rmse": None if ratio is None else _rms(ratio),
            "vuv_error": float(100 * ((ref.f0 > 0) != (dec.f0 > 0)).mean()),
            "periodicity_rmse": _rms(dec.periodicity - ref.periodicity),
        }


def voicing(signal):
    import pyworld

    wave, rate = signal.wave.astype(np.float64), signal.rate
    coarse, time = pyworld.dio(wave, rate, f0_floor=F_MIN, f0_ceil=F_MAX, frame_period=FRAME_PERIOD)
    f0 = pyworld.stonemask(wave, coarse, time, rate)
    # threshold 0: dio alone decides what is voiced, not also the balance below and above 4 kHz
    aperiodicity = pyworld.d4c(wave, f0, time, rate, threshold=0.0)  # [frames, bins], amplitude ratio
    band = slice(1 + PERIODICITY_BAND * (aperiodicity.shape[1] - 1) * 2 // rate)
    return Voicing(f0, 1 - aperiodicity[:, band].mean(1))


def _rms(values):
    return float(np.sqrt(np.mean(values**2)))
