"""WaveGlow's inverse flow by source/waveglow.cpp, a step at a time on windows of any length."""

import ctypes
import math
import threading

import torch
from torch.nn.functional import pad

from vocoders.fast.native.memory import allocate
from vocoders.fast.native.panel import operand_type, pack, winograd

FILTER_SCALE, GATE_SCALE = -2 / math.log(2), -1 / math.log(2)  # as scaled_gate of source/simd.h wants
MOST_ROWS, MOST_OUTPUTS = 12, 32  # that any level computes together


class NativeUpsampling:
    """A ``MelUpsampling`` that gives what ``NativeWaveGlow.run`` reads, and compiles nothing for each new length.

    It computes in float32; ``precision`` is that of the result.
    """

    def __init__(self, upsample, library, precision):
        conv, phases = upsample.conv, upsample.phases
        self.dtype = operand_type(library, precision)
        self.bands, _, width = conv.weight.shape
        overlap = width // conv.stride[0]
        self.reach = overlap - 1
        """Frames before one that decide what it becomes."""
        self.positions = conv.stride[0] // phases  # rows that a frame becomes
        self.channels = _even(upsample.channels)
        with torch.no_grad():
            taps = conv.weight.unflatten(2, (overlap, -1, phases)).permute(3, 1, 4, 2, 0)  # [position, band, phase, ...
            weight = self._padded(taps.flip(3).flatten(3).flatten(1, 2))  # the oldest frame first
            self._weight = pack(weight, library.vector_lanes(), torch.float32)
            bias = self._padded(conv.bias[:, None].expand(self.positions, -1, phases).flatten(1)[..., None])
            self._bias = pad(bias[:, 0], (0, -len(bias) % MOST_OUTPUTS)).float()
        self._upsampling = _Upsampling(
            bands=self.bands,
            overlap=overlap,
            outputs=len(weight),
            weight=self._weight.data_ptr(),
            bias=self._bias.data_ptr(),
        )
        self._upsample = library[f"waveglow_upsample_{precision}"]
        pointer, number = ctypes.c_void_p, ctypes.c_long
        self._upsample.argtypes, self._upsample.restype = [pointer, pointer, number, pointer, number], None

    def run(self, mel):
        """[C, L] float32 -> [L * positions, channels]; zeros stand for frames before the first."""
        frames = mel.shape[1]
        rows = pad(mel.t(), (0, 0, self.reach, MOST_ROWS)).contiguous()
        result = torch.empty(frames * self.positions, self.channels, dtype=self.dtype)
        pointers = ctypes.byref(self._upsampling), rows.data_ptr(), frames, result.data_ptr()
        self._upsample(*pointers, torch.get_num_threads())
        return result

    def _padded(self, weight):
        """[positions, channels, K] -> [positions * channels, K], channels even by a zero."""
        return pad(weight, (0, 0, 0, self.channels - weight.shape[1])).flatten(0, 1)


class NativeWaveGlow:
    """The inverse of a ``WaveGlowNetwork``: step 0 undoes its last flow.

    Args:
        network: stays as it is; its weights are copied, folded and composed.
        library: what ``open_library`` returns.
        precision: of the products' operands, float32 or bfloat16; sums, signal and residual are float32 in both.
    """

    def __init__(self, network, library, precision="float32"):
        self.dtype = operand_type(library, precision)
        self.groups = network.groups
        self.condition_channels = network.couplings[0].network.layers[0].condition.weight.shape[1]
        self.reach = sum(layer.conv.dilation[0] for layer in network.couplings[0].network.layers)
        """Positions on each side that decide a step's result, all steps alike."""
        with torch.no_grad():
            self._steps = [
                _Step(coupling.network, mixing.weight, library.vector_lanes(), self.dtype)
                for coupling, mixing in zip(reversed(network.couplings), reversed(network.mixings))
            ]
        self._scratch, self._lock = allocate(0), threading.Lock()
        self._size = _function(library, f"waveglow_scratch_size_{precision}", ctypes.c_long)
        self._run = _function(library, f"waveglow_step_{precision}", None)

    @property
    def flows(self):
        """The number of steps."""
        return len(self._steps)

    def prepare_condition(self, condition):
        """[C', n] float32 -> [n, channels], what ``run`` reads; rows may be cut out and joined."""
        rows = condition.t().to(self.dtype)
        return pad(rows, (0, rows.shape[1] % 2)).contiguous()

    def run(self, step, signal, condition, start=0):
        """The window [T] before a step of the inverse -> after it, float32.

        Both ends are taken for true ends, where convolutions read zeros: a result is that of the whole signal, bit for
        bit, only ``reach`` positions and more from an end of the window that is not one of the signal.

        Args:
            step: 0 ... flows - 1.
            signal: float32, all groups as they lie in time; channels that have yet to join stay as they are.
            condition: rows of ``prepare_condition`` for the window, each for as many positions as any other.
            start: of the window in the signal, in positions.
        """
        positions, rest = divmod(len(signal), self.groups)
        if rest or not 0 < len(condition) <= positions or positions % len(condition) or start < 0:
            raise ValueError(f"a signal of {len(signal)} samples, {len(condition)} rows of condition, start {start}")
        signal, condition = signal.contiguous(), condition.contiguous()
        if signal.dtype != torch.float32 or condition.dtype != self.dtype:
            raise ValueError(f"a signal in {signal.dtype}, a condition in {condition.dtype}")
        result = torch.empty_like(signal)
        flow = self._steps[step].flow
        if condition.shape[1] != flow.condition_channels:
            raise ValueError(f"a condition of {condition.shape[1]} channels")
        window = _Window(
            start=start,
            positions=positions,
            groups=self.groups,
            hold=positions // len(condition),
            signal=signal.data_ptr(),
            result=result.data_ptr(),
            condition=condition.data_ptr(),
            threads=torch.get_num_threads(),
        )
        needed = self._size(ctypes.byref(flow), ctypes.byref(window))
        with self._lock:
            if len(self._scratch) < needed:
                self._scratch = allocate(needed)
            window.scratch = self._scratch.data_ptr()
            self._run(ctypes.byref(flow), ctypes.byref(window))
        return result


class _Upsampling(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("bands", "overlap", "outputs")] + [
        (name, ctypes.c_void_p) for name in ("weight", "bias")
    ]


class _Layer(ctypes.Structure):
    _fields_ = [("dilation", ctypes.c_long)] + [
        (name, ctypes.c_void_p) for name in ("conv", "taps", "condition", "bias", "residual", "residual_bias", "output")
    ]


class _Flow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("kept", "channels", "condition_channels", "layers")] + [
        (name, ctypes.c_void_p) for name in ("layer", "input", "output_bias", "unmixing")
    ]


class _Window(ctypes.Structure):
    _fields_ = (
        [(name, ctypes.c_long) for name in ("start", "positions", "groups", "hold")]
        + [(name, ctypes.c_void_p) for name in ("signal", "result", "condition", "scratch")]
        + [("threads", ctypes.c_long)]
    )


def _function(library, name, result):
    function = library[name]
    function.argtypes, function.restype = [ctypes.c_void_p] * 2, result
    return function


class _Step:
    """The weights of one step, as source/waveglow.cpp reads them: ``flow`` points into ``memory``."""

    def __init__(self, network, mixing, lanes, dtype):
        self.lanes, self.dtype = lanes, dtype
        arrays = {(n, name): array for n in range(len(network.layers)) for name, array in self._layer(network, n)}
        arrays |= {("flow", name): array for name, array in self._ends(network, mixing)}
        self.memory, address = _gather(arrays)
        count = len(network.layers)
        self.layers = (_Layer * count)(
            *(
                _Layer(layer.conv.dilation[0], **{name: place for (m, name), place in address.items() if m == n})
                for n, layer in enumerate(network.layers)
            )
        )
        self.flow = _Flow(
            kept=network.input.weight.shape[1],
            channels=network.input.weight.shape[0],
            condition_channels=_even(network.layers[0].condition.weight.shape[1]),
            layers=count,
            layer=ctypes.addressof(self.layers),
            **{name: place for (m, name), place in address.items() if m == "flow"},
        )

    def _layer(self, network, n):
        layer, channels = network.layers[n], network.input.weight.shape[0]
        conv, condition, output = layer.conv.weight, layer.condition.weight[..., 0], layer.output.weight[..., 0]
        if n == 0:
            yield "taps", self._pack(self._gate_panels(_composed_taps(conv, _input(network))), torch.float32)
        else:
            terms = [self._pack(self._gate_panels(term)) for term in _terms(conv)]
            panels = -(-channels // self.lanes)
            yield "conv", torch.stack([term.view(panels, -1) for term in terms], 1)
        yield "condition", self._pack(self._gate_panels(condition))
        yield "bias", self._gate_panels((layer.conv.bias + layer.condition.bias)[:, None]).float()
        if not layer.last:
            yield "residual", self._pack(output[:channels])
            yield "residual_bias", self._padded(layer.output.bias[:channels])
        skip = network.output.weight[..., 0].double() @ output[-channels:].double()
        yield "output", self._pack(pad(skip.float(), (0, channels % 2)), torch.float32)

    def _ends(self, network, mixing):
        channels = network.input.weight.shape[0]
        yield "input", self._pack(_input(network), torch.float32)
        skips = sum(layer.output.bias[-channels:].double() for layer in network.layers)
        yield "output_bias", (network.output.weight[..., 0].double() @ skips + network.output.bias.double()).float()
        yield "unmixing", mixing.double().inverse().float()

    def _gate_panels(self, weight):
        """[2 C, K], filter channels and then gate channels -> in panels of ``lanes`` of each, scaled for the gate."""
        filter_, gate = (pad(half, (0, 0, 0, -len(half) % self.lanes)) for half in weight.chunk(2))
        panels = [
            (scale * half).unflatten(0, (-1, self.lanes))
            for scale, half in ((FILTER_SCALE, filter_), (GATE_SCALE, gate))
        ]
        return torch.stack(panels, 1).flatten(0, 2)

    def _pack(self, weight, dtype=None):
        """In panels; float32 operands that are alone in being so keep an odd depth, all others have an even one."""
        weight = weight if dtype else pad(weight, (0, weight.shape[1] % 2))
        return pack(weight, self.lanes, dtype or self.dtype)

    def _padded(self, bias):
        return pad(bias, (0, -len(bias) % (2 * self.lanes))).float()


def _input(network):
    """[C, kept + 1]: the input convolution of the kept channels and a constant 1."""
    return torch.cat([network.input.weight[..., 0], network.input.bias[:, None]], 1)


def _composed_taps(conv, input):
    """[2 C, 3 (kept + 1)]: the first layer's convolution after the input's, tap by tap."""
    return torch.cat([(conv[..., tap].double() @ input.double()).float() for tap in range(3)], 1)


def _terms(conv):
    """[2 C, C, 3] -> what the four products of F(2,3) multiply by, in the order of ``Term`` in source/waveglow.cpp."""
    total, difference, first, last = winograd(conv)
    return [term.float() for term in (first, -last, total, difference)]


def _even(number):
    return number + number % 2


def _gather(arrays):
    """Copies arrays into one piece of memory -> it, and the address of each, a multiple of 64."""
    places, size = {}, 0
    for key, array in arrays.items():
        places[key] = size
        size += -(-array.nbytes // 64) * 64
    memory = allocate(size)
    for key, array in arrays.items():
        memory[places[key] : places[key] + array.nbytes] = array.contiguous().view(-1).view(torch.uint8)
    return memory, {key: memory.data_ptr() + place for key, place in places.items()}
