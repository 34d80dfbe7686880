"""WaveGlow's inverse, flow by flow (models/waveglow.py says what it computes)."""

import torch
from torch import nn
from torch.nn import functional

from vocoders.fast.compiled import Compiled
from vocoders.fast.eager.convolution import kernel, own, project
from vocoders.fast.eager.gated import GatedLayer, GatedStack
from vocoders.fast.rows import by_row
from vocoders.models.waveglow import UPSAMPLING_OVERLAP


class EagerWaveGlow(nn.Module):
    """A trained ``WaveGlowNetwork`` and its ``MelUpsampling``, both left as they are; weights in ``dtype``.

    Scales, shifts and mixing are in float32 whatever ``dtype`` is.  Windows are whole frames, ``hop_size`` samples
    each; their ends count as ends of the speech.

    Attributes:
        mel_left: frames before a frame that ``condition`` looks at; it looks at none after it.
        flows: how many there are.
        reach: frames on each side of a frame that ``run`` looks at.
    """

    batches = True

    def __init__(self, network, upsample, hop_size, dtype=torch.float32, compiled=False):
        super().__init__()
        self.hop_size, self.dtype = hop_size, dtype
        self.in_rows = upsample.conv.weight.device.type == "cpu" and not compiled
        self.upsample = _MelUpsampling(upsample)
        groups, how = network.groups, {"dtype": dtype, "tiled": self.in_rows}
        self.inverses = nn.ModuleList(
            _InverseFlow(mixing, coupling.network, upsample, groups=groups, positions=hop_size // groups, **how)
            for mixing, coupling in zip(reversed(network.mixings), reversed(network.couplings))
        )
        self.flows, self.mel_left = len(self.inverses), UPSAMPLING_OVERLAP - 1
        self.reach = -(-sum(self.inverses[0].stack.dilations) * groups // hop_size)
        self._compiled = Compiled(_invert) if compiled else None

    @torch.no_grad()
    def condition(self, mel, lengths=None):
        """What depends on the mel alone: [B, C, n] -> [B, K, n * rate]; ``lengths`` [B] in frames as of ``run``."""
        if self.in_rows:
            return by_row(self._condition, mel.shape[-1], lengths, mel)
        return self._condition(mel)  # no frame depends on later ones

    @torch.no_grad()
    def run(self, k, signal, condition, lengths=None, start=0):
        """Inverse flow ``k``, counted from the noise: [B, n * hop_size] -> [B, n * hop_size], float32.

        Noise that joins at a later flow is in its place in ``signal`` and stays there.

        Args:
            signal: [B, n * hop_size], float32.
            condition: of ``condition``, [B, K, n * rate].
            lengths: [B], frames after which rows of the window end; what lies beyond changes nothing before.
            start: the first frame's number in the speech, which this form need not know.
        """
        frames, inverse = signal.shape[-1] // self.hop_size, self.inverses[k]
        if self._compiled:
            return self._compiled(frames, lengths, inverse, signal, condition)
        if self.in_rows:
            return by_row(lambda *signals: inverse(None, *signals), frames, lengths, signal, condition)
        return inverse(lengths, signal, condition)

    def _condition(self, mel):
        return self.upsample(mel.transpose(1, 2).float()).to(self.dtype).transpose(1, 2)


def _invert(inverse, *arguments):
    """For torch.compile, which thus compiles flows of the same width once."""
    return inverse(*arguments)


class _InverseFlow(nn.Module):
    """signal [B, T], condition [B, K, T / ...] -> [B, T]; the last channels of a position are those of the flow."""

    def __init__(self, mixing, network, upsample, *, groups, positions, dtype, tiled):
        super().__init__()
        self.groups, self.positions = groups, positions  # of a group, of a frame
        unmixing = mixing.weight.detach().double().inverse()
        self.width = len(unmixing)
        self.register_buffer("unmixing", unmixing.float()[..., None, None])
        layers = [_trained(layer, upsample.phases) for layer in network.layers]
        residuals = [layer.output.bias.detach()[: layer.conv.in_channels] for layer in network.layers[:-1]]
        self.register_buffer("residual_bias", torch.stack(residuals).to(dtype) if residuals else torch.zeros(0))
        self.stack = GatedStack(layers, keep=1.0, dtype=dtype, tiled=tiled)
        self.dtype = dtype
        for name, projection in (("input", network.input), ("output", network.output)):
            self.register_buffer(name, kernel(projection.weight, torch.float32))
            self.register_buffer(f"{name}_bias", own(projection.bias, torch.float32))

    def forward(self, end, signal, condition):
        positions = signal.unflatten(1, (-1, self.groups))  # [B, N, groups]
        waiting, kept, changed = positions.split([self.groups - self.width, self.width // 2, self.width // 2], 2)
        x = project(kept, self.input, self.input_bias).to(self.dtype)
        end = None if end is None else end * self.positions
        total = self.stack(x, condition.transpose(1, 2).contiguous(), self.residual_bias, end)
        shift, log_scale = project(total, self.output, self.output_bias).chunk(2, 2)
        speech = torch.cat([kept, (-log_scale).exp() * (changed - shift)], 2)
        return torch.cat([waiting, project(speech, self.unmixing)], 2).flatten(1)


def _trained(layer, phases):
    """A ``GatedLayer`` of the model as the stack wants it: the sigmoid's half first, conditions as they come."""
    channels = layer.conv.in_channels
    condition = layer.condition.weight.unflatten(1, (-1, phases)).transpose(1, 2).flatten(1, 2)
    bias = layer.conv.bias + layer.condition.bias
    return GatedLayer(
        dilation=layer.conv.dilation[0],
        conv=_swap_halves(layer.conv.weight),
        condition=_swap_halves(condition),
        bias=_swap_halves(bias),
        output=layer.output.weight,
        skip_bias=layer.output.bias[-channels:],
    )


def _swap_halves(weight):
    return weight.roll(len(weight) // 2, 0)


class _MelUpsampling(nn.Module):
    """mel [B, L, C] -> [B, positions, phases C]: a transposed convolution as one product with the last few frames.

    Its samples come in the order in which they are wanted: channels of one sample, then of the next.
    """

    def __init__(self, upsample):
        super().__init__()
        self.channels, self.stride = upsample.channels, upsample.conv.stride[0]
        weight = upsample.conv.weight.detach().float()  # [C, C, OVERLAP stride]
        weight = weight.unflatten(2, (UPSAMPLING_OVERLAP, -1)).permute(2, 0, 3, 1)  # [OVERLAP, C, stride, C]
        self.register_buffer("weight", weight.flatten(2).flatten(0, 1).contiguous())
        self.register_buffer("bias", own(upsample.conv.bias, torch.float32).repeat(self.stride))

    def forward(self, mel):
        length = mel.shape[1]
        late = functional.pad(mel, (0, 0, UPSAMPLING_OVERLAP - 1, 0))
        frames = [late[:, UPSAMPLING_OVERLAP - 1 - n :][:, :length] for n in range(UPSAMPLING_OVERLAP)]
        samples = torch.cat(frames, 2) @ self.weight + self.bias  # [B, L, stride C]
        return samples.reshape(len(mel), -1, self.channels)
