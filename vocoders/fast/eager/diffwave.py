"""DiffWave's network for inference (models/diffwave.py says what it computes)."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional

from vocoders.fast.compiled import Compiled
from vocoders.fast.eager.convolution import beyond, kernel, own, project
from vocoders.fast.eager.gated import GatedLayer, GatedStack
from vocoders.fast.rows import by_row

CACHE = 2048  # bytes that ``condition`` may give for a sample: 45 MB for a second at 22.05 kHz
KEEP = math.sqrt(0.5)


class EagerDiffWave(nn.Module):
    """A trained ``DiffWaveNetwork`` with weights in ``dtype``, float32 or bfloat16; the network is left as it is.

    Windows are whole frames, ``hop_size`` samples each; their ends count as ends of the speech.

    Attributes:
        mel_reach: frames on each side of a frame that ``condition`` looks at.
        reach: frames on each side of a frame that ``evaluate`` looks at.
    """

    batches = True

    def __init__(self, network, hop_size, dtype=torch.float32, compiled=False):
        super().__init__()
        device = network.output_projection.weight.device
        self.hop_size, self.dtype, self.fold = hop_size, dtype, network.fold
        self.in_rows = device.type == "cpu" and not compiled
        self.upsamplers = nn.ModuleList(_MelUpsampler(each) for each in network.upsamplers)
        self.steps = _Steps(network)
        layers = [_trained(layer, last=layer is network.layers[-1]) for layer in network.layers]
        self.stack = GatedStack(layers, keep=KEEP, dtype=dtype, tiled=self.in_rows)
        # what is one convolution of 32 stays in float32
        projections = [network.input_projection, network.skip_projection, network.output_projection]
        for name, projection in zip(("input", "skip", "output"), projections):
            self.register_buffer(name, kernel(projection.weight, torch.float32))
            self.register_buffer(f"{name}_bias", own(projection.bias, torch.float32))
        self.skip = self.skip / math.sqrt(len(layers))
        rate = math.prod(self.upsamplers[0].factors)
        bytes_per_sample = self.stack.projections * rate / hop_size * dtype.itemsize
        self.projects = len(self.upsamplers) == 1 and bytes_per_sample <= CACHE
        self.mel_reach = self.upsamplers[0].reach
        self.reach = -(-sum(self.stack.dilations) * self.fold // hop_size)
        self._compiled = Compiled(self._forward) if compiled else None

    @torch.no_grad()
    def open(self, conditions):
        """What depends on the steps alone; steps float64 [N] -> an argument of ``evaluate``."""
        return self.steps(conditions)

    @torch.no_grad()
    def condition(self, mel, lengths=None):
        """What depends on the mel alone: [B, C, n] -> [B, K, n * rate]; ``lengths`` as of ``evaluate``."""
        if self.in_rows:
            return by_row(self._condition, mel.shape[-1], lengths, mel)
        return self._condition(mel, lengths)

    @torch.no_grad()
    def evaluate(self, noisy, conditioner, steps, k, lengths=None, start=0):
        """The output of evaluation number ``k``, [B, n * hop_size] float32.

        Args:
            noisy: [B, n * hop_size], float32.
            conditioner: of ``condition``, [B, K, n * rate].
            steps: of ``open``.
            lengths: [B], frames after which rows of the window end; what lies beyond changes nothing before.
            start: the first frame's number in the speech, which this form need not know.
        """
        frames, step = noisy.shape[-1] // self.hop_size, steps[k]
        if self._compiled:
            return self._compiled(frames, lengths, step, noisy, conditioner)
        if self.in_rows:
            return by_row(lambda *signals: self._forward(step, None, *signals), frames, lengths, noisy, conditioner)
        return self._forward(step, lengths, noisy, conditioner)

    def _condition(self, mel, lengths=None):
        mels = torch.cat([upsampler(mel.float(), lengths) for upsampler in self.upsamplers], 1)
        mels = mels.transpose(1, 2).to(self.dtype).contiguous()
        return (self.stack.project_all(mels) if self.projects else mels).transpose(1, 2)

    def _forward(self, step, end, noisy, conditioner):
        positions = noisy.unflatten(1, (-1, self.fold))  # [B, N, fold]
        x = functional.relu(project(positions, self.input, self.input_bias)) + step[0]
        if end is not None:
            end = end * (self.hop_size // self.fold)
        condition = conditioner.transpose(1, 2).contiguous()  # as it is, unless somebody joined pieces
        total = self.stack(x.to(self.dtype), condition, step[1:].to(self.dtype), end, projected=self.projects)
        x = functional.relu(project(total, self.skip, self.skip_bias))
        return project(x, self.output, self.output_bias).flatten(1)


def _trained(layer, last):
    """A ``ResidualLayer`` as the stack wants it; the residual's bias is with the steps'."""
    channels = layer.output_projection.out_channels // 2
    order = [0, 1] if layer.sigmoid_first else [1, 0]
    output, conv, condition = layer.output_projection, layer.dilated_conv, layer.mel_projection
    bias = conv.bias + condition.bias
    return GatedLayer(
        dilation=conv.dilation[0],
        conv=conv.weight.unflatten(0, (2, -1))[order].flatten(0, 1),
        condition=condition.weight.unflatten(0, (2, -1))[order].flatten(0, 1),
        bias=bias.unflatten(0, (2, -1))[order].flatten(),
        output=output.weight[channels:] if last else _scale_residual(output.weight, channels),
        skip_bias=output.bias[channels:],
    )


def _scale_residual(weight, channels):
    return torch.cat([KEEP * weight[:channels], weight[channels:]])


class _Steps(nn.Module):
    """step [N] -> [N, layers, C]: what is added to the first layer's input, then to those of the others.

    A layer adds its projection of the step to x, and the published form takes it away again with the residual.
    """

    def __init__(self, network):
        super().__init__()
        self.embedding = copy.deepcopy(network.step_embedding).requires_grad_(False)
        for projection in (self.embedding.projection1, self.embedding.projection2):
            projection.float()  # not the frequencies
        layers = network.layers
        self.register_buffer("weight", torch.stack([each.step_projection.weight.detach() for each in layers]).float())
        self.register_buffer("bias", torch.stack([each.step_projection.bias.detach() for each in layers]).float())
        residual = [each.output_projection.bias.detach()[: self.bias.shape[1]] for each in layers]
        self.register_buffer("residual_bias", torch.stack(residual).float())
        self.taken_away = not layers[0].residual_includes_step

    def forward(self, step):
        embedding = self.embedding(step.to(self.weight.device))
        added = torch.einsum("lcw,nw->nlc", self.weight, embedding) + self.bias
        kept = KEEP * (self.residual_bias - added if self.taken_away else self.residual_bias)[..., :-1, :]
        return torch.cat([added[:, :1], kept + added[:, 1:]], 1)


class _MelUpsampler(nn.Module):
    """A trained ``MelUpsampler`` in float32; ``lengths`` [B] in frames, or None."""

    def __init__(self, upsampler):
        super().__init__()
        self.factors = [stage.stride[1] for stage in upsampler.stages]
        for n, stage in enumerate(upsampler.stages):
            self.register_buffer(f"weight{n}", own(stage.weight, torch.float32))
            self.register_buffer(f"bias{n}", own(stage.bias, torch.float32))

    @property
    def reach(self):
        """Frames to each side: the taps of a stage lie between -(f // 2) and its kernel's other end."""
        first, last = 0, math.prod(self.factors) - 1
        for factor in reversed(self.factors):
            padding = (factor + 1) // 2
            first, last = -(-(first + padding - 2 * factor + 1) // factor), (last + padding) // factor
        return max(-first, last)

    def forward(self, mel, lengths=None):
        x, end = mel[:, None], lengths
        for n, factor in enumerate(self.factors):
            if end is not None:
                x = x.masked_fill(beyond(end, x[:, 0].transpose(1, 2)).transpose(1, 2)[:, None], 0)
                end = end * factor
            padding = (1, (factor + 1) // 2)
            weight, bias = getattr(self, f"weight{n}"), getattr(self, f"bias{n}")
            x = functional.conv_transpose2d(
                x, weight, bias, stride=(1, factor), padding=padding, output_padding=(0, factor % 2)
            )
            x = functional.leaky_relu(x, 0.4)
        return x[:, 0]
