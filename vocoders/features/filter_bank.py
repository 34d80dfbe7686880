"""Triangular mel filters in float64."""

import math

import torch

# Slaney's scale: linear with 200/3 Hz per mel up to 1 kHz, then logarithmic with 27 mels per factor of 6.4
LINEAR_HZ = 200 / 3
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / LINEAR_HZ
LOG_STEP = math.log(6.4) / 27


def filter_bank(spec):
    """[n_mels, n_fft / 2 + 1]: triangles over n_mels + 2 points equally spaced on the mel scale."""
    edges = band_edges(spec)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequency = torch.linspace(0, spec.sample_rate / 2, spec.n_fft // 2 + 1, dtype=torch.float64)
    rising, falling = (frequency - lower) / (centre - lower), (upper - frequency) / (upper - centre)
    filters = torch.minimum(rising, falling).clamp(min=0)
    return filters * 2 / (upper - lower) if spec.mel_norm == "slaney" else filters


def band_edges(spec):
    """Hz, [n_mels + 2]: band i reaches from entry i over its centre i + 1 to i + 2."""
    to_mel, to_hz = SCALES[spec.mel_scale]
    low, high = to_mel(spec.f_min), to_mel(spec.f_max)
    return to_hz(torch.linspace(low, high, spec.n_mels + 2, dtype=torch.float64))


def slaney_mel(hz):
    return hz / LINEAR_HZ if hz < BREAK_HZ else BREAK_MEL + math.log(hz / BREAK_HZ) / LOG_STEP


def slaney_hz(mel):
    return torch.where(mel < BREAK_MEL, mel * LINEAR_HZ, BREAK_HZ * torch.exp((mel - BREAK_MEL) * LOG_STEP))


def htk_mel(hz):
    return 2595 * math.log10(1 + hz / 700)


def htk_hz(mel):
    return 700 * (10 ** (mel / 2595) - 1)


SCALES = {"slaney": (slaney_mel, slaney_hz), "htk": (htk_mel, htk_hz)}
