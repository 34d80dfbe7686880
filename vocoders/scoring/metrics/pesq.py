"""PESQ, wide band (ITU-T P.862.2)."""

import numpy as np

from vocoders.errors import InputError
from vocoders.scoring.metrics import METRICS, Score

RATE = 16000


@METRICS.register
class Pesq:
    needs = {"pesq": "pesq"}
    scores = {
        "pesq": Score(
            "PESQ",
            "higher",
            "MOS-LQO",
            "ITU-T P.862.2 wide band (PyPI pesq), both at 16 kHz, clipped to [-1, 1]",
        )
    }

    def __call__(self, reference, decoded):
        import pesq

        pair = [np.clip(signal.at(RATE), -1, 1) for signal in (reference, decoded)]
        if not all(wave.any() for wave in pair):  # pesq would divide by the level
            raise InputError("PESQ finds no speech: one of the two is digital silence")
        try:
            return {"pesq": float(pesq.pesq(RATE, *pair, "wb"))}
        except pesq.NoUtterancesError:
            raise InputError("PESQ finds no speech in the reference") from None
        except pesq.BufferTooShortError:
            raise InputError("PESQ needs a quarter of a second of signal; there is less") from None
