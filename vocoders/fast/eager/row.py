"""Rows of a batch, one by one."""

import torch
from torch.nn import functional


def by_row(function, frames, lengths, *signals):
    """``function(*signals)`` of each row up to its end as if nothing else were there; zeros beyond.

    Every signal and the result is [B, ..., frames * rate], each with a rate of its own; ``lengths`` [B] in frames, or
    None if all rows go to the end.
    """
    ends = [frames] * len(signals[0]) if lengths is None else lengths.tolist()
    if ends == [frames]:
        return function(*signals)
    rows = []
    for n, end in enumerate(ends):
        row = function(*(_until(signal[n : n + 1], max(end, 1), frames) for signal in signals))
        row = _until(row, min(end, 1), 1) if end == 0 else row
        rows.append(functional.pad(row, (0, (frames - end) * (row.shape[-1] // max(end, 1)))))
    return torch.cat(rows)


def _until(signal, end, frames):
    return signal[..., : signal.shape[-1] // frames * end]
