"""WaveGrad's network for inference (models/wavegrad.py says what it computes).

The first convolution of a stage on the way up reads an interpolated signal.  Interpolating and convolving are one
linear map, so it is computed at the low rate, all samples of a position as channels, and the interpolated signal never
exists.  Its weights are exact, the same for every position, so windows give what the whole gives; torch's float32
interpolation computes them from positions that it rounds, so that in float32 the training form is the less exact one.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from vocoders.fast.compiled import Compiled
from vocoders.fast.eager.convolution import beyond, convolve, cut, kernel, own, project
from vocoders.fast.rows import by_row
from vocoders.models.wavegrad import SLOPE

WINDOW = 16 << 20  # bytes of the largest tensor when computed on a CPU


class EagerWaveGrad(nn.Module):
    """A trained ``WaveGradNetwork`` with weights in ``dtype``, float32 or bfloat16; the network is left as it is.

    Windows are whole frames, ``hop_size`` samples each; their ends count as ends of the speech.

    Attributes:
        mel_reach: frames on each side of a frame that ``condition`` looks at.
        reach: frames on each side of a frame that ``evaluate`` looks at.
    """

    batches = True

    def __init__(self, network, hop_size, dtype=torch.float32, compiled=False):
        super().__init__()
        self.hop_size, self.dtype = hop_size, dtype
        self.in_rows = network.output.weight.device.type == "cpu" and not compiled
        self.mel_input = _Convolution(network.mel_input, dtype)
        self.up = nn.ModuleList(_UpBlock(block, dtype) for block in network.up)
        self.noisy_input = _Convolution(network.noisy_input, torch.float32)  # a hundredth of the work
        self.down = nn.ModuleList(_DownBlock(block, dtype) for block in network.down)
        self.films = nn.ModuleList(_Film(film, dtype) for film in network.films)
        self.output = _Convolution(network.output, dtype)
        self.encodings = [(film.encoding_scale, film.frequency.double()) for film in network.films]
        self.mel_reach = self.mel_input.dilation + self.up[0].first.reach
        self.reach = self._reach()
        self._compiled = Compiled(self._forward) if compiled else None

    @torch.no_grad()
    def open(self, conditions):
        """What depends on the steps alone; levels float64 [N] -> an argument of ``evaluate``."""
        codes = []
        for scale, frequency in self.encodings:
            angle = scale * conditions.to(frequency)[:, None] * frequency
            codes += [angle.sin(), angle.cos()]
        return torch.cat(codes, 1).to(self.dtype)

    @torch.no_grad()
    def condition(self, mel, lengths=None):
        """What depends on the mel alone: [B, C, n] -> [B, K, n]; ``lengths`` [B] in frames as of ``evaluate``.

        The first stage's convolution of it at that stage's rate, and its residual.
        """
        if self.in_rows:
            return by_row(self._condition, mel.shape[-1], lengths, mel)
        return self._condition(mel, lengths)

    @torch.no_grad()
    def evaluate(self, noisy, conditioner, steps, k, lengths=None, start=0):
        """The output of evaluation number ``k``, [B, n * hop_size] float32.

        Args:
            noisy: [B, n * hop_size], float32.
            conditioner: of ``condition``, [B, K, n].
            steps: of ``open``.
            lengths: [B], frames after which rows of the window end; what lies beyond changes nothing before.
            start: the first frame's number in the speech, which this form need not know.
        """
        frames, step = noisy.shape[-1] // self.hop_size, steps[k]
        if self._compiled:
            return self._compiled(frames, lengths, step, noisy, conditioner)
        if self.in_rows:
            return by_row(lambda *signals: self._in_windows(step, *signals), frames, lengths, noisy, conditioner)
        return self._forward(step, lengths, noisy, conditioner)

    def _in_windows(self, step, noisy, conditioner):
        """The allocator maps what is larger than 32 MB anew each time, which takes longer than to compute it."""
        frames, hop, waves = conditioner.shape[2], self.hop_size, []
        size = max(WINDOW // (self.up[-1].channels * self.dtype.itemsize * hop), 4 * self.reach)
        for first in range(0, frames, size):
            last = min(first + size, frames)
            start, stop = max(first - self.reach, 0), min(last + self.reach, frames)
            wave = self._forward(step, None, noisy[:, start * hop : stop * hop], conditioner[:, :, start:stop])
            waves.append(wave[:, (first - start) * hop : (last - start) * hop])
        return waves[0] if len(waves) == 1 else torch.cat(waves, 1)

    def _condition(self, mel, end=None):
        x = mel.transpose(1, 2).to(self.dtype).clone()
        x = self.mel_input(cut(x, end))
        first, residual = self.up[0].low_rate(x, end)
        return torch.cat([first.unflatten(1, (mel.shape[2], -1)).flatten(2), residual], 2).transpose(1, 2)

    def _forward(self, step, end, noisy, conditioner):
        ends = _Ends(end, noisy.shape[1] // self.hop_size)
        codes = step.split([2 * len(frequency) for _scale, frequency in self.encodings])
        x = self.noisy_input(ends.cut(noisy[..., None].clone())).to(self.dtype)
        modulations = [self.films[0](x, codes[0], ends)]
        for block, film, code in zip(self.down, self.films[1:], codes[1:]):
            x = block(x, ends)
            modulations.append(film(x, code, ends))
        block, conditioner = self.up[0], conditioner.transpose(1, 2).contiguous()
        first, residual = conditioner.split([conditioner.shape[2] - block.channels, block.channels], 2)
        first = first.unflatten(2, (block.factor, -1)).flatten(1, 2)
        x = block(first, residual, *modulations.pop(), ends)
        for block in self.up[1:]:
            x = block(*block.low_rate(x, ends.of(x)), *modulations.pop(), ends)
        return self.output(ends.cut(x)).flatten(1).float()

    def _reach(self):
        """Frames on each side, from the samples that the first sample of a frame and the last can see of others."""
        sides = []
        for sample, outermost in ((0, min), (self.hop_size - 1, max)):
            seen = self._seen(sample, outermost)
            sides.append(-(seen // self.hop_size) if sample == 0 else seen // self.hop_size)
        return max(sides)

    def _seen(self, sample, outermost):
        """The outermost sample of the noisy speech that an output sample depends on."""
        side = -1 if outermost is min else 1
        positions, position = [], sample + side * self.output.dilation
        for block in reversed(self.up):  # positions at which each stage reads its modulation, or the stage before
            position += side * sum(each.dilation for pair in block.blocks for each in pair)
            position += side * block.second.dilation
            positions.append(position)
            position = outermost(block.first.reads(position + side * block.first.dilation))
        reads = []
        for depth, (position, film) in enumerate(zip(positions, self.films)):
            position += side * (film.input.dilation + film.output.dilation)
            for block in reversed(self.down[:depth]):
                position += side * sum(each.dilation for convolutions in block.blocks for each in convolutions)
                position = outermost(block.reads(position))
            reads.append(position + side * self.noisy_input.padding)
        return outermost(reads)


class _Ends:
    """Where the rows of a batch end, at any rate; [B] in frames, or None if all go through the window."""

    def __init__(self, end, frames):
        self.end, self.frames = end, frames

    def of(self, x):
        return None if self.end is None else self.end * (x.shape[1] // self.frames)

    def cut(self, x):
        return cut(x, self.of(x))


class _Convolution(nn.Module):
    """A trained convolution that keeps the length: [B, N, C] -> [B, N, O]."""

    def __init__(self, conv, dtype):
        super().__init__()
        self.dilation, self.padding = conv.dilation[0], conv.padding[0]
        self.register_buffer("weight", kernel(conv.weight, dtype))
        self.register_buffer("bias", own(conv.bias, dtype))

    def forward(self, x):
        if self.weight.shape[-1] == 1:
            return project(x, self.weight, self.bias)
        return convolve(x, self.weight, self.bias, dilation=self.dilation, padding=self.padding)


class _UpBlock(nn.Module):
    """A trained ``UpBlock``, in two parts: ``low_rate`` is what comes before the modulation."""

    def __init__(self, block, dtype):
        super().__init__()
        self.factor, self.channels = block.factor, block.first.out_channels
        self.linear = block.resample.mode == "linear"
        self.residual = _Convolution(block.residual, dtype)
        self.first = _InterpolatedConvolution(block.first, block.factor, self.linear, dtype)
        self.second = _Convolution(block.second, dtype)
        self.blocks = nn.ModuleList(nn.ModuleList(_Convolution(c, dtype) for c in pair) for pair in block.blocks)

    def low_rate(self, x, end):
        """x [B, N, C] -> first convolution [B, N factor, C'], residual [B, N, C']."""
        residual = self.residual(x)
        return self.first(functional.leaky_relu(x, SLOPE), end), residual

    def forward(self, first, residual, scale, shift, ends):
        x = self.second(_modulate(first, scale, shift, ends))
        _add_interpolated(x, _hold(residual, ends.of(residual)), self.factor, self.linear)
        for first, second in self.blocks:
            y = first(_modulate(x, scale, shift, ends))
            x.add_(second(_modulate(y, scale, shift, ends)))
        return x


def _modulate(x, scale, shift, ends):
    return ends.cut(functional.leaky_relu_(torch.addcmul(shift, scale, x), SLOPE))


class _InterpolatedConvolution(nn.Module):
    """A convolution of width 3 of an interpolated signal: [B, N, C] -> [B, N factor, O], computed at the low rate."""

    def __init__(self, conv, factor, linear, dtype):
        super().__init__()
        self.factor, self.linear, self.dilation = factor, linear, conv.dilation[0]
        self.reach = max(-self.reads(-self.dilation)[0], self.reads(factor - 1 + self.dilation)[-1])
        weight = conv.weight.detach().double()  # [O, C, 3]
        taps = weight.new_zeros(factor, *weight.shape[:2], 2 * self.reach + 1)
        for phase in range(factor):
            for tap in range(3):
                for position, share in _interpolation(phase + (tap - 1) * self.dilation, factor, linear):
                    taps[phase, ..., position + self.reach] += share * weight[..., tap]
        self.register_buffer("weight", kernel(taps.flatten(0, 1), dtype))
        self.register_buffer("bias", own(conv.bias, dtype).repeat(factor))
        self.register_buffer("outer", weight[..., [0, 2]].permute(2, 1, 0).to(dtype).contiguous())  # [2, C, O]

    def reads(self, sample):
        """The positions from which a sample is interpolated, one or two."""
        return [position for position, _share in _interpolation(sample, self.factor, self.linear)]

    def forward(self, x, end=None):
        """``end`` [B]: where rows end, in positions."""
        before = x[:, :1].expand(-1, self.reach, -1)
        held = _hold(x, end)
        padded = torch.cat([before, held, held[:, -1:].expand(-1, self.reach, -1)], 1)
        y = convolve(padded, self.weight, self.bias).unflatten(2, (self.factor, -1)).flatten(1, 2)
        return self._without_beyond(y, x, end)

    def _without_beyond(self, y, x, end):
        """Held beyond the ends, x is interpolated as it should be, but there the convolution reads zeros."""
        reach = min(self.dilation, y.shape[1])
        y[:, :reach] -= x[:, :1] @ self.outer[0]
        if end is None:
            y[:, -reach:] -= x[:, -1:] @ self.outer[1]
            return y
        last = _last(x, end) @ self.outer[1]
        return torch.where(beyond(end * self.factor - self.dilation, y), y - last, y)


class _DownBlock(nn.Module):
    """A trained ``DownBlock``: [B, N, C] -> [B, N / factor, C']."""

    def __init__(self, block, dtype):
        super().__init__()
        self.factor, self.linear = block.factor, block.resample.mode == "linear"
        self.residual = _Convolution(block.residual, dtype)
        self.blocks = nn.ModuleList(nn.ModuleList(_Convolution(c, dtype) for c in convs) for convs in block.blocks)

    def reads(self, position):
        """The positions before the block's factor that one after it is interpolated from."""
        if not self.linear:
            return [position * self.factor]
        return [position * self.factor + (self.factor - 1) // 2, position * self.factor + self.factor // 2]

    def forward(self, x, ends):
        first, last = self.reads(0)[0], self.reads(0)[-1]
        phases = x.unflatten(1, (-1, self.factor))
        x = phases[:, :, first]
        if last != first:
            x = (x + phases[:, :, last]) / 2
        residual = self.residual(x)
        for convolutions in self.blocks:
            for convolution in convolutions:
                x = convolution(ends.cut(functional.leaky_relu(x, SLOPE)))
            x = residual = x.add_(residual)
        return x


class _Film(nn.Module):
    """A trained ``Film``: x [B, N, C], the level's encoding [C] -> scale, shift [B, N, C']."""

    def __init__(self, film, dtype):
        super().__init__()
        self.input, self.output = _Convolution(film.input, dtype), _Convolution(film.output, dtype)

    def forward(self, x, encoding, ends):
        x = functional.leaky_relu_(self.input(ends.cut(x.clone() if ends.end is not None else x)), SLOPE)
        return self.output(ends.cut(x.add_(encoding))).chunk(2, 2)


def _interpolation(sample, factor, linear):
    """[(position, share)] of a sample of the signal with ``factor`` samples to a position.

    >>> _interpolation(0, 2, linear=True)
    [(-1, 0.25), (0, 0.75)]
    """
    if not linear or (2 * sample + 1 - factor) % (2 * factor) == 0:
        return [(sample // factor, 1.0)]
    place = (sample + 0.5) / factor - 0.5
    below = math.floor(place)
    return [(below, below + 1 - place), (below + 1, place - below)]


def _add_interpolated(x, low, factor, linear):
    """x [B, N factor, C] += low [B, N, C] interpolated, held at both ends."""
    phases = x.unflatten(1, (-1, factor))
    if not linear or factor == 1:
        phases.add_(low[:, :, None])
        return
    share = (torch.arange(factor, device=x.device, dtype=torch.float64) + 0.5) / factor + 0.5  # of low, from before it
    half = factor // 2
    before = torch.cat([low[:, :1], low[:, :-1]], 1)[:, :, None]
    after = torch.cat([low[:, 1:], low[:, -1:]], 1)[:, :, None]
    low, share = low[:, :, None], share.to(x)[:, None]
    phases[:, :, :half].add_(before.lerp(low, share[:half]))
    phases[:, :, half:].add_(low.lerp(after, share[half:] - 1))


def _hold(x, end):
    """x with its last sample before ``end`` [B] from there on; as it is without an end."""
    return x if end is None else torch.where(beyond(end, x), _last(x, end), x)


def _last(x, end):
    index = (end - 1).clamp(min=0)[:, None, None].expand(-1, 1, x.shape[2])
    return x.gather(1, index)
