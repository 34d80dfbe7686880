"""Are two waves of the same length, and do they start at the same time?

Nothing is moved unless asked for: a decoder that shifts its output has a bug that a metric should see, and
PESQ moves by 0.1 with a shift of a hundred samples.  So the lag is measured and stated.
"""

import numpy as np

from vocoders.errors import InputError

LIMIT = 0.05  # seconds: the largest lag looked for, and the largest difference in length
ALIKE = 0.5  # correlation from which two curves are the same one, shifted
LOUDNESS_WINDOW = 0.032  # seconds
LOUDNESS_ACCURACY = 0.002  # seconds: the minimum phase of WORLD alone moves the loudness by 1.6 ms


def trim(reference, decoded, rate, *, where=""):
    """Both cropped to the common length.

    Raises InputError, with ``where`` in front, when they differ by more than 50 ms.
    """
    difference = len(decoded) - len(reference)
    if abs(difference) > LIMIT * rate:
        raise InputError(
            f"{where}the decoded wave is {abs(difference) / rate:.3f} s "
            f"{'longer' if difference > 0 else 'shorter'} than the reference ({len(decoded)} and "
            f"{len(reference)} samples), more than the {LIMIT} s that rounding to whole frames explains; "
            f"is it the same utterance?"
        )
    common = min(len(reference), len(decoded))
    return reference[:common], decoded[:common]


def lag(reference, decoded, rate):
    """Samples by which ``decoded`` is late, at most 50 ms either way; None when they are unalike.

    Exact where the waves themselves correlate.  A vocoder that invents the phase leaves only the loudness
    over time to go by, good to two milliseconds; then anything below that counts as 0.
    """
    reach = min(int(LIMIT * rate), len(reference) // 4)
    offset, correlation = _best_offset(reference, decoded, reach)
    if correlation >= ALIKE:
        return offset
    offset, correlation = _best_offset(_loudness(reference, rate), _loudness(decoded, rate), reach)
    if correlation < ALIKE:
        return None
    return offset if abs(offset) > LOUDNESS_ACCURACY * rate else 0


def shift(reference, decoded, offset):
    """The parts of both that coincide when ``decoded`` is taken to be ``offset`` samples late."""
    if offset >= 0:
        return reference[: len(reference) - offset], decoded[offset:]
    return reference[-offset:], decoded[:offset]


def _best_offset(reference, decoded, reach):
    """(offset, Pearson correlation) where ``decoded`` is most like ``reference`` without its ends."""
    from scipy.signal import correlate

    middle = reference[reach : len(reference) - reach].astype(np.float64)
    middle -= middle.mean()
    decoded = decoded.astype(np.float64)
    covariance = correlate(decoded, middle, "valid", "fft")  # [2 reach + 1]
    total, energy = (_moving_sum(values, len(middle)) for values in (decoded, decoded**2))
    variance = energy - total**2 / len(middle)
    varies = variance > 1e-9 * energy  # digital silence and constants correlate with nothing
    scale = np.sqrt(np.where(varies, variance, 1) * max(middle @ middle, np.finfo(float).tiny))
    correlation = np.where(varies, covariance / scale, 0)
    best = int(np.argmax(correlation))
    return best - reach, float(correlation[best])


def _moving_sum(values, length):
    total = np.concatenate([[0.0], np.cumsum(values)])
    return total[length:] - total[:-length]


def _loudness(wave, rate):
    """The smoothed power to the 1/4: sounds weigh more evenly than in power, silence needs no floor."""
    from scipy.signal import fftconvolve

    smooth = np.hanning(2 * int(LOUDNESS_WINDOW / 2 * rate) + 1)
    return np.maximum(fftconvolve(wave.astype(np.float64) ** 2, smooth, "same"), 0) ** 0.25
