"""DiffWave's network on the CPU by source/diffwave.cpp: all steps of a sampling schedule, each as a stream."""

import ctypes
import math
import weakref

import torch
from torch.nn.functional import pad

from vocoders.fast.native.panel import operand_type, pack, winograd

LOG2_E = 1 / math.log(2)
BUDGET = 512 << 20  # bytes of projected conditioner kept between steps
BLOCK = 3840  # positions that run through the network together


class NativeDiffWave:
    """The weights of a ``DiffWaveNetwork``, packed for ``library`` (library.open_library), computing in ``precision``.

    bfloat16 rounds what is multiplied; sums, residual and skip stay float32.  ``reach`` is how many samples an output
    looks to each side, and lags behind the input; it is whole positions of ``fold`` samples.  ``budget`` bounds the
    memory of projected conditioners: what has no room is projected again for each step, to the same bits.

    Raises Unavailable for bfloat16 when the library's level has none.
    """

    @torch.no_grad()
    def __init__(self, network, library, precision, *, budget=BUDGET, block=BLOCK):
        self.network, self.library, self.budget, self.block = network, _declare(library), budget, block
        self.dtype = operand_type(library, precision)
        self.channels = network.input_projection.out_channels
        self.width = self.channels + -self.channels % library.vector_lanes()
        self.dilations = [layer.dilated_conv.dilation[0] for layer in network.layers]
        self.reach = sum(self.dilations) * network.fold
        self.n_mels = network.layers[0].mel_projection.in_channels
        self.spare = []
        weakref.finalize(self, _close, self.library, self.spare)
        self._kept = []  # tensors that C++ points at
        self.weights = self._network()

    @property
    def bytes_per_sample(self):
        """Of what ``budget`` bounds."""
        return len(self.dilations) * 2 * self.width * self.dtype.itemsize / self.network.condition_every

    @torch.no_grad()
    def open(self, steps):
        """``Evaluations`` of one utterance; ``steps[n]`` is what the network is told in step n (vocoder.condition)."""
        return Evaluations(self, self._offsets(torch.as_tensor(steps, dtype=torch.float64)))

    def borrow(self):
        """The C++ side of an ``Evaluations``: one that is no longer used, for the sake of its memory, or a new one."""
        try:
            return self.spare.pop()
        except IndexError:
            pass
        handle = self.library.diffwave_open(self.weights, self.budget, self.block, self.dtype == torch.bfloat16)
        if not handle:
            raise MemoryError("no memory for DiffWave's activations")
        return handle

    def _offsets(self, steps):
        """[N, layers, C]: the first layer's step vector, then what moves each layer's output on to the next one's."""
        embedding = self.network.step_embedding(steps)
        vectors = torch.stack([layer.step_projection(embedding) for layer in self.network.layers], 1).double()
        offsets = vectors.clone()
        for n, layer in enumerate(self.network.layers[:-1]):
            leaving = 0 if layer.residual_includes_step else vectors[:, n]
            bias = layer.output_projection.bias[: self.channels].double()
            offsets[:, n + 1] += (bias - leaving) / math.sqrt(2)
        return self._padded(offsets)

    def _network(self):
        net, scale = self.network, 1 / math.sqrt(len(self.dilations))
        layers = (_LayerWeights * len(self.dilations))(*map(self._layer, range(len(self.dilations))))
        return _NetworkWeights(
            channels=self.width,
            fold=net.fold,
            hold=net.condition_every // net.fold,
            n_mels=self.n_mels,
            layers=len(layers),
            upsamplers=len(net.upsamplers),
            layer=layers,
            input=self._panels(net.input_projection.weight[..., 0], torch.float32),
            input_bias=self._vector(net.input_projection.bias),
            skip_sum_bias=self._vector(sum(layer.output_projection.bias.double().chunk(2)[1] for layer in net.layers)),
            skip=self._panels(self._padded(scale * net.skip_projection.weight[..., 0].double()), torch.float32),
            skip_bias=self._vector(net.skip_projection.bias),
            output=self._panels(self._padded(net.output_projection.weight[..., 0]), torch.float32),
            output_bias=self._vector(net.output_projection.bias),
        )

    def _layer(self, n):
        layer = self.network.layers[n]
        taps = torch.cat([self._padded(term) for term in winograd(layer.dilated_conv.weight)], 1)  # [2C, 4C]
        residual, skip = layer.output_projection.weight[..., 0].double().chunk(2)
        return _LayerWeights(
            dilation=self.dilations[n],
            upsampler=n % len(self.network.upsamplers),
            conv=self._panels(self._gated(layer, taps)),
            mel=self._panels(pad(self._gated(layer, layer.mel_projection.weight[..., 0]), (0, self.n_mels % 2))),
            mel_bias=self._vector(self._gated(layer, layer.mel_projection.bias + layer.dilated_conv.bias)),
            output=self._panels(self._padded(self._beside(residual / math.sqrt(2), skip))),
        )

    def _gated(self, layer, weight):
        """Rows for sigmoid beside rows for tanh, in the units of simd.h's scaled_gate."""
        first, second = weight.double().chunk(2)
        sigmoid, tanh = (first, second) if layer.sigmoid_first else (second, first)
        return self._beside(-LOG2_E * sigmoid, -2 * LOG2_E * tanh)

    def _beside(self, first, second):
        """Two matrices or vectors of C outputs as one, a vector of outputs of each in turn."""
        lanes = self.library.vector_lanes()
        first, second = (self._padded(x, 0).unflatten(0, (-1, lanes)) for x in (first, second))
        return torch.stack([first, second], 1).flatten(0, 2)

    def _padded(self, x, dim=-1):
        """x with a dimension of C channels padded to whole vectors."""
        return pad(x.transpose(dim, -1), (0, self.width - self.channels)).transpose(dim, -1)

    def _panels(self, weight, dtype=None):
        return self._keep(pack(weight, self.library.vector_lanes(), dtype or self.dtype))

    def _vector(self, x):
        return self._keep(pad(x, (0, -len(x) % (2 * self.library.vector_lanes()))).float().contiguous())

    def _keep(self, tensor):
        self._kept.append(tensor)
        return tensor.data_ptr()


class Evaluations:
    """The network's evaluations at each step of a schedule, over one utterance whose samples come in pieces."""

    def __init__(self, native, offsets):
        self._native, self._offsets = native, offsets.float().contiguous()  # kept for C++, which points at both
        self._library, self._fold = native.library, native.network.fold
        self._received, self._determined = [0] * len(offsets), [0] * len(offsets)
        self._conditioned = 0
        self._handle = native.borrow()
        weakref.finalize(self, native.spare.append, self._handle)
        if self._library.diffwave_restart(self._handle, self._offsets.data_ptr(), len(offsets)) < 0:
            raise MemoryError("no memory for the states of DiffWave's sampling steps")

    def condition(self, mels):
        """Appends upsampled mels [1, n_mels, m], one for each of the network's upsamplers."""
        mels = torch.cat(mels).float().contiguous()
        count = mels.shape[-1]
        if self._library.diffwave_condition(self._handle, mels.data_ptr(), count) < 0:
            raise MemoryError("no memory for DiffWave's conditioner")
        self._conditioned += count * self._native.network.condition_every

    def push(self, k, noisy, last):
        """The output of step k, as far as it is determined, for new samples [n] of its input: float32 [m].

        ``last`` says that none follow.  Raises ValueError, and takes nothing, unless the conditioner for these samples
        has come and they are whole positions.
        """
        noisy = noisy.detach().float().contiguous()
        received = self._received[k] + len(noisy)
        if len(noisy) % self._fold:
            raise ValueError(f"expected samples in groups of {self._fold}, found {len(noisy)}")
        if received > self._conditioned:
            raise ValueError(f"{received} samples, but conditioner only for {self._conditioned}; it must come first")
        end = received if last else max(0, received - self._native.reach)
        output = torch.empty(end - self._determined[k])
        self._received[k], self._determined[k] = received, end
        count, threads = len(noisy) // self._fold, torch.get_num_threads()
        given = self._library.diffwave_push(self._handle, k, noisy.data_ptr(), count, last, output.data_ptr(), threads)
        if given < 0:
            raise MemoryError("no memory for DiffWave's activations")
        assert given * self._fold == len(output), "the streams of Python and C++ have come apart"
        return output


def _close(library, handles):
    while handles:
        library.diffwave_close(handles.pop())


class _LayerWeights(ctypes.Structure):  # of source/diffwave.cpp
    _fields_ = [
        ("dilation", ctypes.c_long),
        ("upsampler", ctypes.c_long),
        *((name, ctypes.c_void_p) for name in ("conv", "mel", "mel_bias", "output")),
    ]


class _NetworkWeights(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_long) for name in ("channels", "fold", "hold", "n_mels", "layers", "upsamplers")),
        ("layer", ctypes.POINTER(_LayerWeights)),
        *(
            (name, ctypes.c_void_p)
            for name in ("input", "input_bias", "skip_sum_bias", "skip", "skip_bias", "output", "output_bias")
        ),
    ]


def _declare(library):
    """``library`` with the arguments of its functions declared."""
    pointer, long, integer = ctypes.c_void_p, ctypes.c_long, ctypes.c_int
    library.diffwave_open.restype = pointer
    library.diffwave_open.argtypes = [ctypes.POINTER(_NetworkWeights), long, long, integer]
    library.diffwave_close.argtypes = [pointer]
    library.diffwave_restart.argtypes = [pointer, pointer, long]
    library.diffwave_restart.restype = library.diffwave_condition.restype = library.diffwave_push.restype = long
    library.diffwave_condition.argtypes = [pointer, pointer, long]
    library.diffwave_push.argtypes = [pointer, integer, pointer, long, integer, pointer, integer]
    return library
