"""DiffWave's upsampling of the mel (``MelUpsampler`` of models/diffwave.py) to the same bits in any window.

PyTorch's transposed convolution rounds as suits the length of what it is given, so that pieces would not add up to the
whole; and where bfloat16 comes after it, a last bit becomes a hundredth.
"""

from torch.nn import functional


def upsample(upsampler, mel):
    """[1, C, n] -> [1, C, n * product of the factors]; each stage looks at the positions beside one."""
    for stage in upsampler.stages:
        mel = functional.leaky_relu(_convolve(stage, mel), 0.4)
    return mel


def _convolve(stage, x):
    """Term by term, each elementwise.  An output is at a place within a position and reads it and the one before."""
    factor, places, positions = stage.stride[1], stage.weight[0, 0].T[:, :, None, None], x.shape[2]
    padded = functional.pad(x, (1, 1, 1, 1))
    total = stage.bias[:, None, None].expand(factor, x.shape[1], positions + 1).contiguous()
    for band in range(3):
        rows = padded[:, 2 - band : padded.shape[1] - band]
        total += rows[..., 1:] * places[:factor, band]
        total += rows[..., :-1] * places[factor:, band]
    return total.permute(1, 2, 0).flatten(1)[None, :, stage.padding[1] :][..., : positions * factor]
