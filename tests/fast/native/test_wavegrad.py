"""The native form of WaveGrad agrees with PyTorch's and gives a sample the same bits wherever windows are cut."""

import copy
import math

import pytest
import torch

from vocoders.fast.native.cpu import Unavailable
from vocoders.fast.native.forms import WaveGradForm
from vocoders.fast.native.wavegrad import MEL_REACH, NativeWaveGrad
from vocoders.models.wavegrad import WaveGradNetwork

LEVEL = 0.4  # of the noise
PUBLISHED = {"factors": (5, 5, 3, 2, 2), "dilations": ((1, 2, 1, 2),) * 2 + ((1, 2, 4, 8),) * 3}
NETWORKS = {  # name -> options that differ from WaveGrad Base's
    "published": {},
    "small": {"channels": 48, "dilations": ((1, 2, 1, 2), (1, 2, 4, 8)) + ((1, 3, 9, 27),) * 3, "encoding_scale": 1.0},
    "nearest": {"interpolation": "nearest", "encoding_scale": 1.0, "factors": (8, 4, 4, 2, 1)},
    "large": {"extra_blocks": 1, "channels": 8, "dilations": ((1, 2, 4, 8),) * 5, "factors": (4, 4, 4, 2, 2)},
    "wide_first": {"channels": 8, "dilations": ((3, 2, 1, 5),) * 5, "interpolation": "linear"},
}


def make_network(seed=1, **options):
    torch.manual_seed(seed)
    published = dict(PUBLISHED, channels=32, extra_blocks=0, interpolation="linear", encoding_scale=5000.0)
    return WaveGradNetwork(n_mels=20, film_init="orthogonal", **published | options).eval()


def make_input(network, frames, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hop_size = math.prod(block.factor for block in network.up)
    return torch.randn(1, 20, frames, generator=generator), torch.randn(frames * hop_size, generator=generator)


@torch.no_grad()
def run_torch(network, mel, noisy, dtype=torch.float64):
    """PyTorch's form; in float64 it is the truth."""
    network = copy.deepcopy(network).to(dtype)
    level = torch.tensor([LEVEL], dtype=torch.float64)
    return network(noisy[None].to(dtype), network.prepare(mel.to(dtype)), level)[0]


def run_native(net, mel, noisy):
    return net.evaluate(noisy, net.condition(mel), LEVEL, 0)


def snr(truth, found):
    """In dB."""
    power, error = truth.double().square().sum(), (truth - found).double().square().sum()
    return float(10 * torch.log10(power / error))


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("frames", [1, 2, 13])
def test_it_agrees_with_pytorch(options, frames, library, precision):
    network = make_network(**options)
    mel, noisy = make_input(network, frames)
    found = run_native(NativeWaveGrad(network, library, precision), mel, noisy)
    assert snr(run_torch(network, mel, noisy), found) > {"float32": 120, "bfloat16": 40}[precision]


def test_every_level_agrees_with_pytorch(any_library):
    network = make_network(channels=24)
    mel, noisy = make_input(network, 5)
    truth = run_torch(network, mel, noisy)
    assert snr(truth, run_native(NativeWaveGrad(network, any_library, "float32"), mel, noisy)) > 120


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_a_window_gives_the_bits_of_the_whole(options, library, precision):
    network = make_network(**options)
    net = NativeWaveGrad(network, library, precision)
    frames, hop_size = 47, net.hop_size
    mel, noisy = make_input(network, frames)
    whole = run_native(net, mel, noisy)
    left, right = net.reach
    for begin, end in [(0, 3), (9, 10), (10, 30), (13, 36), (31, 47)]:
        low, high = max(begin - left, 0), min(end + right, frames)
        from_mel, to_mel = max(low - MEL_REACH, 0), min(high + MEL_REACH, frames)
        conditioner = net.condition(mel[..., from_mel:to_mel])[..., low - from_mel : high - from_mel]
        window = net.evaluate(noisy[low * hop_size : high * hop_size], conditioner, LEVEL, low * hop_size)
        window = window[(begin - low) * hop_size : (end - low) * hop_size]
        assert torch.equal(window, whole[begin * hop_size : end * hop_size]), (begin, end)


def test_a_conditioner_in_pieces_is_that_of_the_whole(library):
    network = make_network()
    net = NativeWaveGrad(network, library, "float32")
    mel, _ = make_input(network, 20)
    whole = net.condition(mel)
    for i in (0, 5, 10, 15):
        first = max(0, i - MEL_REACH)
        piece = net.condition(mel[..., first : i + 5 + MEL_REACH])[..., i - first : i - first + 5]
        assert torch.equal(piece, whole[..., i : i + 5])


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_reach_is_what_a_frame_depends_on(options, library):
    """Measured with PyTorch's form: a change beyond changes nothing, and no frame more is asked than needed."""
    network = make_network(**options)
    left, right = NativeWaveGrad(network, library, "float32").reach
    frames, hop_size = left + right + 9, math.prod(block.factor for block in network.up)
    mel, noisy = make_input(network, frames)
    frame = left + 4
    touched = []
    before = run_torch(network, mel, noisy)
    for other in range(frames):
        changed = noisy.clone()
        changed[other * hop_size : (other + 1) * hop_size] += 1
        louder = mel.clone()
        louder[..., other] += 1
        difference = run_torch(network, louder, changed) - before
        if difference[frame * hop_size : (frame + 1) * hop_size].any():
            touched.append(other)
    assert frame - left <= touched[0] <= frame - left + 1 and frame + right - 1 <= touched[-1] <= frame + right


def test_threads_change_no_bit(library, precision):
    network = make_network(channels=64)
    net = NativeWaveGrad(network, library, precision)
    mel, noisy = make_input(network, 40)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(run_native(net, mel, noisy))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_the_network_is_left_alone(library, precision):
    network = make_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    mel, noisy = make_input(network, 3)
    net = NativeWaveGrad(network, library, precision)
    first = run_native(net, mel, noisy)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    run_native(net, *make_input(network, 9))  # more scratch, and other numbers in it
    assert torch.equal(run_native(net, mel, noisy), first)


def test_bfloat16_needs_its_instructions(library, monkeypatch):
    monkeypatch.setattr(library, "level", "avx512")
    with pytest.raises(Unavailable, match="have no bfloat16; choose float32"):
        NativeWaveGrad(make_network(), library, "bfloat16")


def test_a_window_that_does_not_fit_is_refused(library):
    network = make_network(channels=8)
    net = NativeWaveGrad(network, library, "float32")
    mel, noisy = make_input(network, 3)
    conditioner = net.condition(mel)
    for wrong, message in [
        ((noisy[1:], conditioner, LEVEL, 0), "noisy must be float32"),
        ((noisy.double(), conditioner, LEVEL, 0), "noisy must be float32"),
        ((noisy, conditioner.double(), LEVEL, 0), "conditioner must be float32"),
        ((noisy, conditioner[:, 1:], LEVEL, 0), "conditioner must be float32"),
        ((noisy, conditioner, LEVEL, 1), "start must be a multiple"),
        ((noisy, conditioner, LEVEL, -net.hop_size), "start must be a multiple"),
    ]:
        with pytest.raises(ValueError, match=message):
            net.evaluate(*wrong)


class Vocoder:
    def __init__(self, network):
        self.network = network


def test_the_first_third_of_the_evaluations_is_in_float32(library, precision):
    network = make_network(channels=24)
    mel, noisy = make_input(network, 5)
    form = WaveGradForm(Vocoder(network), library, precision)
    exact = NativeWaveGrad(network, library, "float32")
    for count, first in [(1, 1), (2, 1), (3, 1), (4, 2), (6, 2), (7, 3)]:
        levels = form.open(torch.linspace(0.1, 0.9, count))
        found = [form.evaluate(noisy[None], form.condition(mel), levels, k)[0] for k in range(count)]
        truth = [exact.evaluate(noisy, exact.condition(mel), level, 0) for level in levels]
        same = [torch.equal(*pair) for pair in zip(found, truth)]
        assert same == [k < first or precision == "float32" for k in range(count)], count
