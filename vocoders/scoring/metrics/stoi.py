"""STOI and its extended form: how intelligible, by correlation of short-time envelopes."""

import warnings

import numpy as np

from vocoders.errors import InputError
from vocoders.scoring.metrics import METRICS, Score


@METRICS.register
class Stoi:
    needs = {"pystoi": "pystoi"}
    scores = {
        "stoi": Score("STOI", "higher", "", "Taal et al. 2011 (PyPI pystoi), from the native rate"),
        "estoi": Score(
            "ESTOI", "higher", "", "Jensen and Taal 2016, extended STOI (PyPI pystoi), from the native rate"
        ),
    }

    def __call__(self, reference, decoded):
        from pystoi.stoi import FS
        from pystoi.utils import resample_oct

        pair = np.stack([signal.wave.astype(np.float64) for signal in (reference, decoded)], 1)  # [T, 2]
        # resampled here, for both forms at once; pystoi would take each wave through a filter of its own making twice
        pair = pair if reference.rate == FS else resample_oct(pair, FS, reference.rate)
        return {name: _stoi(*np.ascontiguousarray(pair.T), FS, extended=name == "estoi") for name in self.scores}


def _stoi(reference, decoded, rate, *, extended):
    from pystoi import stoi

    state = np.random.get_state()  # ESTOI adds a trace of noise from numpy's global generator
    np.random.seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            return float(stoi(reference, decoded, rate, extended=extended))
    except RuntimeWarning:  # pystoi would return 1e-5 and go on
        raise InputError(
            "STOI needs 0.4 s of speech within 40 dB of the reference's loudest frame; there is less"
        ) from None
    finally:
        np.random.set_state(state)
