"""The same recording twice although its samples differ: louder, trimmed, resampled, or coded and decoded.

``words`` is a cheap fingerprint: after Haitsma and Kalker (2002), one word of 16 bits per 8 ms, the signs of energy
differences along time and frequency.  Gain cancels, and long windows forgive a shift.  Two utterances that share more
words than chance explains are candidates; their waves are then read again and must correlate at some lag.

Not found: a recording at another speed or pitch, and one of which less than half was kept.
"""

from collections.abc import Iterable

import numpy as np

from vocoders.io.audio import resample

RATE = 8000  # Hz; all waves are compared at this rate
HOP, WINDOW = 64, 256  # samples of it
SMOOTH_FRAMES = 16  # energies are sums over so many frames, differences half as far apart
BITS = 16
EDGES = np.rint(np.geomspace(150, 3500, BITS + 2) * WINDOW / RATE).astype(int)  # of bands that any recording has
HEARD_DB = 40.0  # frames further below the loudest say nothing
SHARED_WORDS = 0.15  # of those of the shorter one; copies share half of them, other speech a tenth at most
CANDIDATES = 3  # at most so many per utterance are compared
CORRELATION = 0.8  # of the flattened waves where they overlap; other takes of a word reach .6, a copy .97
OVERLAP = 0.5  # of the shorter one, at least
FINE = 4  # lags are as fine as a sample of RATE divided by this: a trimmed edge lies between samples of RATE


def words(wave: np.ndarray, rate: int) -> np.ndarray:
    """The sorted distinct words, uint16 [W], of a wave [T]; none of digital silence."""
    from scipy import fft

    wave = resample(wave, rate, RATE)
    if not wave.any():
        return np.zeros(0, np.uint16)
    padded = np.pad(wave, (WINDOW // 2, WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=1)[:, : EDGES[-1]]  # [L, F]
    bands = np.add.reduceat(np.square(np.abs(spectrum)), EDGES[:-1], axis=1)  # [L, BITS + 1]
    sums = np.cumsum(np.pad(bands, ((SMOOTH_FRAMES, 0), (0, 0))), axis=0, dtype=np.float64)
    energy = np.maximum(sums[SMOOTH_FRAMES:] - sums[:-SMOOTH_FRAMES], 1e-12)
    slope = np.diff(np.log(energy), axis=1)  # [L, BITS]
    apart = SMOOTH_FRAMES // 2
    heard = (total := energy.sum(1)) > total.max() * 10 ** (-HEARD_DB / 10)
    bits = (slope[apart:] > slope[:-apart])[heard[apart:]]
    return np.unique(bits @ (1 << np.arange(BITS))).astype(np.uint16)


def candidates(one: Iterable[np.ndarray], other: Iterable[np.ndarray]) -> list[tuple[int, int]]:
    """(index in `one`, index in `other`) of fingerprints that share many words; the likeliest per entry of `other`."""
    one, found = list(one), []
    size = np.array([len(each) for each in one])
    if not size.sum():
        return []
    owner = np.repeat(np.arange(len(one)), size)
    listed = np.concatenate(one)
    order = np.argsort(listed, kind="stable")
    listed, owner = listed[order], owner[order]  # an inverted index
    for number, each in enumerate(other):
        first, last = np.searchsorted(listed, each), np.searchsorted(listed, each, side="right")
        owners = np.concatenate([owner[a:b] for a, b in zip(first, last)]) if len(each) else owner[:0]
        shared = np.bincount(owners, minlength=len(one)) / np.maximum(1, np.minimum(size, len(each)))
        likely = np.argsort(-shared, kind="stable")[:CANDIDATES]
        found += [(int(index), number) for index in likely if shared[index] > SHARED_WORDS]
    return found


def correlation(one: np.ndarray, other: np.ndarray, rates: tuple[int, int]) -> float:
    """The largest correlation, 0 to 1, of two waves [T] over all lags at which they overlap by OVERLAP."""
    from scipy.signal import correlate

    one, other = (_flat(wave, rate) for wave, rate in zip((one, other), rates))
    products = correlate(one, other, mode="full", method="fft")
    lags = np.arange(-len(other) + 1, len(one))  # other begins so many samples after one
    begin, end = np.maximum(lags, 0), np.minimum(lags + len(other), len(one))
    energies = [np.concatenate([[0], np.cumsum(np.square(wave))]) for wave in (one, other)]
    power = (energies[0][end] - energies[0][begin]) * (energies[1][end - lags] - energies[1][begin - lags])
    enough = (end - begin >= OVERLAP * min(len(one), len(other))) & (power > 0)
    # a lag at which only quiet edges overlap says nothing, however alike they are
    loud = power > 1e-2 * power.max(initial=0)
    usable = enough & loud
    return float(np.max(np.abs(products[usable]) / np.sqrt(power[usable]), initial=0.0))


def _flat(wave: np.ndarray, rate: int) -> np.ndarray:
    """With a flatter spectrum, at FINE * RATE: as they are, other takes of a vowel correlate almost like copies."""
    return resample(np.diff(resample(np.asarray(wave, np.float64), rate, RATE), n=2), RATE, FINE * RATE)
