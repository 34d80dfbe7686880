"""Rows of a padded batch that end before the window does."""


def within(lengths, a, b):
    """Frames of each row in [a, b), or None if all rows go through all of it."""
    if lengths is None or int(lengths.min()) >= b:
        return None
    return (lengths - a).clamp(0, b - a)


def by_row(function, frames, lengths, *signals):
    """``function(*signals)`` of each row up to its end as if nothing else were there; zeros beyond.

    Every signal and the result is [B, ..., frames * rate], each with a rate of its own; ``lengths`` [B] in frames, or
    None if all rows go to the end.
    """
    ends = [frames] * len(signals[0]) if lengths is None else lengths.tolist()
    if ends == [frames]:
        return function(*signals)
    result = None
    for n, end in enumerate(ends):
        some = max(end, 1)  # the function is not asked for nothing, but its first frame may go
        row = function(*(signal[n : n + 1, ..., : signal.shape[-1] // frames * some] for signal in signals))
        rate = row.shape[-1] // some
        if result is None:  # channels last
            result = row.new_zeros(len(ends), frames * rate, *row.shape[1:-1]).movedim(1, -1)
        result[n, ..., : end * rate] = row[0, ..., : end * rate]
    return result
