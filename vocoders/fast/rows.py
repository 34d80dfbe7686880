"""Rows of a padded batch that end before the window does."""

import torch
from torch.nn import functional


def within(lengths, a, b):
    """Frames of each row in [a, b), or None if all rows go through all of it."""
    if lengths is None or int(lengths.min()) >= b:
        return None
    return (lengths - a).clamp(0, b - a)


def by_row(function, lengths, hop_size, *waves, mel=None):
    """``function(*waves)``, or of mel and waves, of each row as if it were alone; zeros beyond its end."""
    rows = []
    for n, length in enumerate(lengths.tolist()):
        samples = length * hop_size
        if not length:
            rows.append(torch.zeros_like(waves[0][n : n + 1]))
            continue
        own = [wave[n : n + 1, :samples] for wave in waves]
        row = function(*own) if mel is None else function(mel[n : n + 1, :, :length], *own)
        rows.append(functional.pad(row, (0, waves[0].shape[1] - samples)))
    return torch.cat(rows)
