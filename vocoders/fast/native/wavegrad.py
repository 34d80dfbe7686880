"""WaveGrad's network by the kernels in source/wavegrad.cpp, for one utterance at a time."""

import ctypes
import math
import threading
from ctypes import POINTER, Structure, c_float, c_int, c_long, c_void_p

import torch
from torch.nn import functional

from vocoders.fast.native.memory import allocate
from vocoders.fast.native.panel import operand_type, pack, winograd

MEL_REACH = 1  # frames beside a frame that ``condition`` needs
STAGES = 5
SPARE_ROWS = 3  # a product's rows are rounded up to a multiple of 4


class Linear(Structure):
    _fields_ = [("inputs", c_int), ("outputs", c_int), ("panels", c_void_p), ("bias", c_void_p)]


class Convolution(Structure):
    _fields_ = [("inputs", c_int), ("outputs", c_int), ("dilation", c_int), ("panels", c_void_p), ("bias", c_void_p)]


class Film(Structure):
    _fields_ = [("input", Convolution), ("output", Convolution)]


class DownStage(Structure):
    _fields_ = [("channels", c_int), ("groups", c_int), ("residual", Linear), ("convolutions", POINTER(Convolution))]


class UpStage(Structure):
    _fields_ = [
        ("channels", c_int),
        ("blocks", c_int),
        ("film", Film),
        ("taps", Linear),
        ("residual", Linear),
        ("dilation", c_int),
        ("bias", c_void_p),
        ("second", Convolution),
        ("convolutions", POINTER(Convolution)),
    ]


class Network(Structure):
    _fields_ = [
        ("nearest", c_int),
        ("channels", c_int),
        ("factors", c_int * STAGES),
        ("input", c_void_p),
        ("input_bias", c_void_p),
        ("down", DownStage * (STAGES - 1)),
        ("up", UpStage * STAGES),
        ("output", c_void_p),
        ("output_bias", c_float),
    ]


class NativeWaveGrad:
    """A WaveGradNetwork whose evaluations are native; windows of whole mel frames come in and go out.

    Args:
        network: the trained network, which is left as it is; its weights are packed once, so later changes do not show.
        library: of ``open_library``.
        precision: of the operands of products, float32 or bfloat16; sums and what is kept are float32.  With bfloat16
            an evaluation can still be had in float32, so the weights are kept in both.

    ``reach`` is how many mel frames on each side (left, right) an output frame depends on.  With these around it, it
    has the same bits in any window, and for any number of threads.

    Raises Unavailable for bfloat16 when the library's level has none.
    """

    def __init__(self, network, library, precision):
        self.library = _declare(library)
        self.dtype = operand_type(library, precision)
        self.packer = Packer(library.vector_lanes())
        self.hop_size = math.prod(block.factor for block in network.up)
        self.n_mels = network.mel_input.in_channels
        self._films = [(film.encoding_scale, film.frequency.double().cpu()) for film in network.films]
        self._workspace, self._lock = allocate(0), threading.Lock()
        with torch.no_grad():
            self._networks = {dtype: self._pack(network, dtype) for dtype in {self.dtype, torch.float32}}
            self._mel_input, self._mel_taps, self._mel_residual = self._pack_mel(network)
        self.reach = _reach(network)

    @torch.no_grad()
    def condition(self, mel):
        """What the mel alone decides: mel [1, n_mels, n] -> [1, K, n], to be cut into frames and joined at will.

        Of a window, the MEL_REACH frames next to an end that is none of the utterance are to be cut off.
        """
        rows = functional.pad(mel[0].float(), (MEL_REACH, MEL_REACH)).T  # zeros, as the convolution pads
        x = self._project(self._mel_input, torch.cat([rows[:-2], rows[1:-1], rows[2:]], 1))
        taps = self._project(self._mel_taps, x, activated=True)
        return torch.cat([taps, self._project(self._mel_residual, x)], 1).T[None]

    def evaluate(self, noisy, conditioner, level, start, *, exact=False):
        """The network's output for a window: noisy [T] float32, conditioner [1, K, T / hop_size] -> [T] float32.

        Beyond both ends of the window is silence, as at the ends of an utterance; ``reach`` frames next to an end that
        is none are to be cut off.

        Args:
            level: of the noise, a float.
            start: index in the utterance of the window's first sample, a multiple of the hop.
            exact: in float32, whatever the precision.

        Raises ValueError when these are not whole frames of one length: the kernels would read what is not there.
        """
        if noisy.dtype != torch.float32 or noisy.shape != (conditioner.shape[-1] * self.hop_size,):
            found = f"{noisy.dtype} {list(noisy.shape)} for a conditioner {list(conditioner.shape)}"
            raise ValueError(f"noisy must be float32 of {self.hop_size} samples for each frame, found {found}")
        channels = self._mel_taps.outputs + self.packer.padded(self._mel_residual.outputs)
        if conditioner.dtype != torch.float32 or conditioner.shape[:2] != (1, channels):
            found = f"{conditioner.dtype} {list(conditioner.shape)}"
            raise ValueError(f"conditioner must be float32 [1, {channels}, frames], found {found}")
        if start < 0 or start % self.hop_size:
            raise ValueError(f"start must be a multiple of the hop {self.hop_size} from 0 on, found {start}")
        frames, threads = len(noisy) // self.hop_size, torch.get_num_threads()
        noisy, conditioner = noisy.contiguous(), conditioner[0].T.contiguous()
        encoding = self._encode(level)
        predicted = torch.empty_like(noisy)
        dtype = torch.float32 if exact else self.dtype
        network = ctypes.byref(self._networks[dtype])
        arguments = (noisy.data_ptr(), conditioner.data_ptr(), encoding.data_ptr(), start // self.hop_size, frames)

        def run(workspace):
            return self.library.wavegrad_evaluate(
                dtype == torch.bfloat16, network, *arguments, predicted.data_ptr(), workspace, threads
            )

        needed = run(None)
        with self._lock:
            if needed > len(self._workspace):
                self._workspace = allocate(needed)
            run(self._workspace.data_ptr())
        return predicted

    def _encode(self, level):
        """The noise level as the films see it, the padded vectors one after the other."""
        codes = []
        for scale, frequency in self._films:
            angle = scale * level * frequency
            codes.append(self.packer.pad(torch.cat([angle.sin(), angle.cos()]).float()))
        return torch.cat(codes)

    def _project(self, linear, x, activated=False):
        x, rows = self.packer.pad(x).contiguous(), len(x)
        scratch = x.new_empty(rows + SPARE_ROWS, x.shape[1])
        out = x.new_empty(rows + SPARE_ROWS, self.packer.padded(linear.outputs))
        self.library.wavegrad_project(
            ctypes.byref(linear), activated, rows, x.data_ptr(), scratch.data_ptr(), out.data_ptr()
        )
        return out[:rows]

    def _pack(self, network, dtype):
        packer, blocks = self.packer, network.up
        native = Network(nearest=network.up[0].resample.mode == "nearest", channels=network.noisy_input.out_channels)
        native.factors[:] = [block.factor for block in reversed(blocks)]
        native.input = packer.keep(packer.pad(network.noisy_input.weight[:, 0].T))
        native.input_bias = packer.keep(packer.pad(network.noisy_input.bias))
        native.down[:] = [self._pack_down(block, dtype) for block in network.down]
        native.up[:] = [self._pack_up(*pair, dtype) for pair in zip(blocks, reversed(network.films))]
        native.up[0].taps, native.up[0].residual = Linear(), Linear()
        native.output = packer.keep(packer.pad(network.output.weight[0].T))
        native.output_bias = network.output.bias.item()
        return native

    def _pack_down(self, block, dtype):
        convs = [self.packer.convolution(conv, dtype) for group in block.blocks for conv in group]
        residual = self.packer.linear(block.residual.weight[..., 0], block.residual.bias, dtype)
        return DownStage(block.residual.out_channels, len(block.blocks), residual, self.packer.array(convs))

    def _pack_up(self, block, film, dtype):
        packer, channels = self.packer, block.residual.out_channels
        output = packer.pair(film.output)  # scale and shift, each padded
        convs = [packer.convolution(conv, dtype) for pair in block.blocks for conv in pair]
        return UpStage(
            channels=channels,
            blocks=len(block.blocks),
            film=Film(packer.convolution(film.input, dtype), packer.convolution(output, dtype)),
            taps=packer.taps(block.first, dtype),
            residual=packer.linear(block.residual.weight[..., 0], block.residual.bias, dtype),
            dilation=block.first.dilation[0],
            bias=packer.keep(packer.pad(block.first.bias)),
            second=packer.convolution(block.second, dtype),
            convolutions=packer.array(convs),
        )

    def _pack_mel(self, network):
        packer, conv, block = self.packer, network.mel_input, network.up[0]
        joined = conv.weight.permute(0, 2, 1).flatten(1)  # a frame and its neighbours as the inputs of a product
        return (
            packer.linear(joined, conv.bias, torch.float32),
            packer.taps(block.first, torch.float32),
            packer.linear(block.residual.weight[..., 0], block.residual.bias, torch.float32),
        )


class Packer:
    """Weights and vectors as the kernels read them, for vectors of ``lanes`` floats; holds on to their memory."""

    def __init__(self, lanes):
        self.lanes = lanes
        self._kept = []

    def keep(self, tensor):
        """The address of a tensor's memory."""
        self._kept.append(tensor.contiguous())
        return self._kept[-1].data_ptr()

    def array(self, structures):
        self._kept.append((type(structures[0]) * len(structures))(*structures))
        return self._kept[-1]

    def padded(self, size):
        return -(-size // self.lanes) * self.lanes

    def pad(self, x):
        """Zeros after the last axis's end, up to whole vectors."""
        return functional.pad(x.detach().cpu().float(), (0, -x.shape[-1] % self.lanes))

    def pad_bias(self, bias):
        return functional.pad(bias.detach().cpu().float(), (0, -len(bias) % (2 * self.lanes)))

    def linear(self, weight, bias, dtype):
        """A product: weight [N, K], bias [N]."""
        panels = self.keep(pack(weight.cpu().float(), self.lanes, dtype))
        return Linear(weight.shape[1], weight.shape[0], panels, self.keep(self.pad_bias(bias)))

    def taps(self, conv, dtype):
        """The three taps of a convolution as one product without bias: their outputs side by side, each padded."""
        weight = functional.pad(conv.weight.permute(2, 0, 1), (0, 0, 0, -conv.out_channels % self.lanes)).flatten(0, 1)
        return self.linear(weight, weight.new_zeros(len(weight)), dtype)

    def pair(self, conv):
        """A convolution to two groups of outputs, each padded."""
        padding = -(conv.out_channels // 2) % self.lanes
        padded = torch.nn.Conv1d(conv.in_channels, conv.out_channels + 2 * padding, 3, dilation=conv.dilation)
        halves = [functional.pad(half, (0, 0, 0, 0, 0, padding)) for half in conv.weight.cpu().chunk(2)]
        padded.weight.data = torch.cat(halves)
        padded.bias.data = torch.cat([functional.pad(half, (0, padding)) for half in conv.bias.cpu().chunk(2)])
        return padded

    def convolution(self, conv, dtype):
        """A convolution of width 3 by Winograd's F(2, 3)."""
        panels = -(-conv.out_channels // (2 * self.lanes))
        terms = [term.float() for term in winograd(conv.weight.cpu())]
        packed = torch.stack([pack(term, self.lanes, dtype).view(panels, -1) for term in terms], 1)
        bias = self.keep(self.pad_bias(conv.bias))
        return Convolution(conv.in_channels, conv.out_channels, conv.dilation[0], self.keep(packed), bias)


def _declare(library):
    library.wavegrad_evaluate.restype = c_long
    library.wavegrad_evaluate.argtypes = [c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_long, c_long, c_void_p]
    library.wavegrad_evaluate.argtypes += [c_void_p, c_int]
    library.wavegrad_project.restype = None
    library.wavegrad_project.argtypes = [c_void_p, c_int, c_long, c_void_p, c_void_p, c_void_p]
    return library


def _reach(network):
    """(left, right) in mel frames: follows the positions that a frame's output depends on back to the input."""
    hop_size, frame = math.prod(block.factor for block in network.up), 1000  # any frame far from the beginning
    first, last = _grow((frame * hop_size, (frame + 1) * hop_size - 1), 1)
    sources = []  # in samples
    for stage, block in enumerate(reversed(network.up)):
        margin = block.second.dilation[0] + sum(conv.dilation[0] for pair in block.blocks for conv in pair)
        first, last = _grow((first, last), margin)
        sources.append(_descend(network.down[:stage], _grow((first, last), 2)))  # the film's two convolutions
        first, last = _grow((first, last), block.first.dilation[0])
        first, last = first // block.factor - 1, last // block.factor + 1
    left = min([first * hop_size, *(source[0] for source in sources)])
    right = max([(last + 1) * hop_size - 1, *(source[1] for source in sources)])
    return frame - left // hop_size, right // hop_size - frame


def _descend(blocks, ends):
    """The samples that positions of the signal going down depend on, after these blocks."""
    for block in reversed(blocks):
        first, last = _grow(ends, sum(conv.dilation[0] for group in block.blocks for conv in group))
        ends = first * block.factor, (last + 1) * block.factor - 1
    return _grow(ends, 2)


def _grow(ends, margin):
    return ends[0] - margin, ends[1] + margin
