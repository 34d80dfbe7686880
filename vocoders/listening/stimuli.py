"""Waves that tell nothing but how they sound: one rate and loudness, one length of each utterance, no equal files."""

import logging

import numpy as np
from scipy import signal

from vocoders.errors import InputError
from vocoders.io.audio import read_wave, resample, to_int16, wav_bytes

SHORTEST = 0.4  # seconds: ITU-R BS.1770 measures in blocks of that length
LENGTHS_DIFFER = 0.25  # seconds; vocoders lose less than a frame
PEAK = 10 ** (-1 / 20)
FADE = 0.01  # seconds
log = logging.getLogger(__name__)


def read_utterance(sources, utterance, *, sample_rate=None):
    """(waves by system, sampling rate) of one utterance, trimmed to the shortest of its waves.

    ``sources`` maps systems to their wav.scp tables.  Raises InputError when rates differ and no ``sample_rate`` is
    given to bring them to, when lengths differ by more than 0.25 s, or when a wave is shorter than 0.4 s.
    """
    if sample_rate is not None and sample_rate < 1:
        raise InputError(f"--sample_rate: expected Hz above 0, found {sample_rate}")
    waves, rates = {}, {}
    for system, table in sources.items():
        wave, rate = read_wave(table[utterance], where=f"{system}: {utterance}")
        rates[system] = sample_rate or rate
        waves[system] = resample(wave.astype(np.float64), rate, rates[system])
    if len(set(rates.values())) > 1:
        found = ", ".join(f"{system} {rate} Hz" for system, rate in rates.items())
        raise InputError(f"{utterance}: sampling rates differ ({found}); bring all to one with --sample_rate")
    rate = next(iter(rates.values()))
    shortest, longest = (choose(waves, key=lambda system: len(waves[system])) for choose in (min, max))
    seconds = {system: len(waves[system]) / rate for system in (shortest, longest)}
    if seconds[longest] - seconds[shortest] > LENGTHS_DIFFER:
        raise InputError(
            f"{utterance}: {longest} lasts {seconds[longest]:.2f} s, {shortest} {seconds[shortest]:.2f} s; "
            f"is it the same utterance?"
        )
    if seconds[shortest] < SHORTEST:
        raise InputError(
            f"{utterance}: {shortest} lasts {seconds[shortest]:.2f} s; loudness needs {SHORTEST} s, leave it out"
        )
    return {system: wave[: len(waves[shortest])] for system, wave in waves.items()}, rate


def low_passed(wave, rate, kilohertz):
    """The wave [T] without what is above ``kilohertz`` kHz: a MUSHRA anchor.

    A linear-phase filter without delay, flat up to there and 60 dB down from 0.5 kHz above: stricter than ITU-R
    BS.1534-3 asks for (25 dB at 4 kHz and 50 dB at 4.5 kHz for the anchor of 3.5 kHz).
    """
    if kilohertz <= 0:
        raise InputError(f"--anchors: expected kHz above 0, found {kilohertz:g}")
    edge, stop = 1000 * kilohertz, 1000 * kilohertz + 500
    if stop >= rate / 2:
        raise InputError(
            f"--anchors: a low-pass of {kilohertz:g} kHz needs a sampling rate above {2 * stop:g} Hz, found {rate}"
        )
    taps, beta = signal.kaiserord(60, (stop - edge) / (rate / 2))
    taps += 1 - taps % 2  # odd: the delay is whole samples
    return signal.fftconvolve(wave, signal.firwin(taps, (edge + stop) / 2, window=("kaiser", beta), fs=rate), "same")


def noisy(wave, random):
    """The wave with white noise as strong as itself: what nobody who listens prefers."""
    return wave + random.standard_normal(len(wave)) * np.sqrt(np.mean(wave**2))


def match_levels(waves, rate, target):
    """(waves, their loudness in LUFS): all scaled to one integrated loudness, ITU-R BS.1770-4.

    ``waves`` maps (utterance, system) to waves [T].  Where ``target`` would lift a peak above -1 dBFS, all get less.
    Raises InputError for a wave without anything above -70 LUFS.
    """
    import pyloudnorm

    meter = pyloudnorm.Meter(rate)
    gains, peaks = {}, {}
    for place, wave in waves.items():
        loudness = meter.integrated_loudness(wave)
        if not np.isfinite(loudness):
            raise InputError(f"{': '.join(reversed(place))}: is silent, its loudness cannot be matched")
        gains[place] = 10 ** ((target - loudness) / 20)
        peaks[place] = gains[place] * np.abs(wave).max()
    highest = max(peaks, key=peaks.get)
    less = min(1.0, PEAK / peaks[highest])
    reached = target + 20 * np.log10(less)
    if less < 1:
        log.warning("all are at %.1f LUFS, not %.1f: %s has too high peaks", reached, target, ": ".join(highest[::-1]))
    return {place: less * gains[place] * wave for place, wave in waves.items()}, float(reached)


def encoded(wave, rate, random):
    """The bytes of a 16-bit WAV: triangular dither from ``random``, so that equal waves are not equal files, and the
    end, where waves were trimmed, faded out."""
    wave = wave.copy()
    fade = int(FADE * rate)
    wave[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    dither = random.uniform(-0.5, 0.5, (2, len(wave))).sum(0) / 32768
    samples, _clipped = to_int16(wave + dither, where="sample")
    return wav_bytes(samples, rate)
