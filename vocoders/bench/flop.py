"""Floating-point operations of a model as it is published: what a form of it does faster, or does without, counts too.

Multiplications and additions of convolutions and matrix products, by PyTorch's own counter; not interpolation, norms
and activations.  Lengths and steps enter linearly, so that little has to be computed to know them all.
"""

from torch.utils.flop_counter import FlopCounterMode

from vocoders.bench.system import made_batch, made_mel, takes_steps, with_steps

FRAMES = 8  # of the shorter of two lengths that are computed


def synthesis_flop(vocoder, options, frames):
    """Operations of one ``synthesize`` of a mel with so many frames, by the training form."""

    def counted(options):
        return _of_length(vocoder, frames, lambda length: _counted_synthesis(vocoder, options, length))

    if not takes_steps(vocoder):
        return counted(options)
    one, two = (counted(with_steps(options, steps)) for steps in (1, 2))
    return _line(1, one, 2, two, vocoder.evaluations(**options))


def update_flop(model, frames):
    """Operations of the loss of one excerpt with so many frames and of its gradient."""
    return _of_length(model, frames, lambda length: _counted_update(model, length))


def _counted_synthesis(vocoder, options, frames):
    mel = made_mel(vocoder, frames=frames)
    return _counted(lambda: vocoder.synthesize(mel, **options))


def _counted_update(model, frames):
    batch = made_batch(model, frames=frames)
    count = _counted(lambda: model.loss(batch)["loss"].backward())
    model.zero_grad(set_to_none=True)
    return count


def _counted(work):
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def _of_length(model, frames, count):
    short = max(FRAMES, model.min_frames)
    return _line(short, count(short), 2 * short, count(2 * short), frames)


def _line(x1, y1, x2, y2, x):
    return y1 + (y2 - y1) * (x - x1) / (x2 - x1)
