"""Copy synthesis without training: what a trained vocoder is to be compared with.

A baseline is a function ``(wave, mel, spec, generator) -> wave`` of an utterance's own wave [T] (None unless it
``hears``), its mel [C, L] and what the mel was made with; T = L * hop_size.
"""

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from vocoders.errors import InputError
from vocoders.features.filter_bank import filter_bank
from vocoders.features.mel import window, window_norm


def recording(wave, mel, spec, generator):
    """The recording itself: what remains is what the 16 bits and the scorer make of it."""
    return wave


def griffin_lim(wave, mel, spec, generator, *, iterations: int = 60, momentum: float = 0.99):
    """Griffin and Lim 1984 from the mel alone, made fast by Perraudin et al. 2013 (momentum 0: the former).

    The magnitudes are the non-negative spectra whose mel comes nearest.
    """
    magnitude, start = frames_from_zero(spectrum(mel, spec), spec)  # [bins, frames]
    form = {"n_fft": spec.n_fft, "hop_length": spec.hop_size, "win_length": spec.win_size}
    form["window"] = window(spec).float()
    phase = 2 * torch.pi * torch.rand(magnitude.shape, generator=generator)
    turn, previous = torch.polar(torch.ones_like(phase), phase), 0.0
    for _ in range(iterations):
        rebuilt = torch.stft(torch.istft(magnitude * turn, **form), **form, return_complex=True)
        ahead = rebuilt - momentum / (1 + momentum) * previous
        turn, previous = ahead / ahead.abs().clamp(min=1e-12), rebuilt
    length = mel.shape[-1] * spec.hop_size
    return torch.istft(magnitude * turn, **form)[start : start + length]


def world(wave, mel, spec, generator):
    """Analysis of the recording and synthesis with WORLD (Morise et al. 2016), F0 by harvest, stonemask."""
    pyworld = _pyworld()
    samples, rate = wave.double().numpy(), spec.sample_rate
    coarse, time = pyworld.harvest(samples, rate)
    pitch = pyworld.stonemask(samples, coarse, time, rate)
    envelope = pyworld.cheaptrick(samples, pitch, time, rate)
    aperiodicity = pyworld.d4c(samples, pitch, time, rate)
    copy = pyworld.synthesize(pitch, envelope, aperiodicity, rate)
    return _fit(torch.from_numpy(copy.astype(np.float32)), len(wave))


class Baseline(NamedTuple):
    label: str
    copy: Callable
    hears: bool  # the recording, beside the mel


BASELINES = {
    "recording": Baseline("recording", recording, True),
    "griffin_lim": Baseline("Griffin-Lim", griffin_lim, False),
    "world": Baseline("WORLD", world, True),
}


def spectrum(mel, spec, *, iterations=100):
    """The non-negative STFT magnitudes [bins, L] whose mel is nearest to ``mel`` [C, L] in least squares.

    Projected gradient with Nesterov's acceleration (Beck and Teboulle 2009, FISTA), all frames at once.
    """
    filters = filter_bank(spec).float()  # [C, bins]
    target = spec.expand(mel.float())
    gram, pull = filters.T @ filters, filters.T @ target
    step = 1 / torch.linalg.matrix_norm(filters, 2) ** 2
    point = ahead = (torch.linalg.pinv(filters) @ target).clamp(min=0)
    time = 1.0
    for _ in range(iterations):
        new = (ahead - step * (gram @ ahead - pull)).clamp(min=0)
        new_time = (1 + math.sqrt(1 + 4 * time**2)) / 2
        ahead = new + (time - 1) / new_time * (new - point)
        point, time = new, new_time
    return point ** (1 / spec.power) * (window_norm(spec) if spec.stft_normalized else 1)


def frames_from_zero(magnitude, spec):
    """Frames for an inverse STFT, whose first is centred on sample 0, and where in it the wave starts.

    Frames are repeated at both ends so that the wave is covered.
    """
    before = 0 if spec.center else 1
    start = 0 if spec.center else spec.hop_size - spec.hop_size // 2  # mid-hop
    return F.pad(magnitude[None], (before, 1), mode="replicate")[0], start


def _fit(wave, length):
    return F.pad(wave, (0, max(0, length - len(wave))))[:length]


def _pyworld():
    try:
        with warnings.catch_warnings():  # its import warns about its own use of pkg_resources
            warnings.simplefilter("ignore")
            import pyworld
    except ImportError as error:
        raise InputError(f"world needs the package pyworld ({error}); pip install 'vocoders[scores]'") from None
    return pyworld
