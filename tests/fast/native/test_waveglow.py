"""The native form of WaveGlow agrees with PyTorch's and gives a sample the same bits wherever windows are cut."""

import copy

import pytest
import torch

from vocoders.fast.native.cpu import Unavailable
from vocoders.fast.native.library import open_library
from vocoders.fast.native.waveglow import NativeUpsampling, NativeWaveGlow
from vocoders.models.waveglow import MelUpsampling, WaveGlowNetwork, flow_widths

LOWEST = {"float32": 120, "bfloat16": 50}  # dB of the whole inverse
NETWORKS = {  # name -> options that differ from the published ones
    "narrow": dict(channels=64, flows=5),
    "wide": dict(channels=512, flows=2, layers=2, early_every=1),
    "small": dict(channels=80, flows=3, layers=6, early_every=1, bands=80, hold=8),
    "one_layer": dict(channels=16, flows=2, layers=1),
    "odd": dict(channels=33, flows=3, layers=3, groups=6, early_every=2, bands=9, hold=2),
    "many_groups": dict(channels=24, flows=2, layers=3, groups=40, bands=8),
}


def make_network(
    channels=256, flows=12, layers=8, groups=8, early_every: int | None = 4, early_size=2, bands=640, hold=1
):
    """With couplings that do something, as after training."""
    torch.manual_seed(0)
    widths = flow_widths(groups, flows, early_every, early_size)
    network = WaveGlowNetwork(widths=widths, condition_channels=bands, channels=channels, layers=layers)
    for coupling in network.couplings:
        torch.nn.init.normal_(coupling.network.output.weight, std=0.1 / channels**0.5)
        torch.nn.init.normal_(coupling.network.output.bias, std=0.1)
    network.hold = hold
    return network.eval()


def make_input(network, positions, seed=0):
    """Noise of all groups [T], and the condition [C', positions / hold]."""
    generator = torch.Generator().manual_seed(seed)
    channels = network.couplings[0].network.layers[0].condition.weight.shape[1]
    noise = 0.6 * torch.randn(positions * network.groups, generator=generator)
    return noise, 0.5 * torch.randn(channels, positions // network.hold, generator=generator)


@torch.no_grad()
def run_torch(network, noise, condition, dtype=torch.float64):
    """PyTorch's form; in float64 it is the truth."""
    return copy.deepcopy(network).to(dtype).inverse(noise[None].to(dtype), condition[None].to(dtype))[0]


def run_native(net, noise, condition):
    rows, x = net.prepare_condition(condition), noise
    for step in range(net.flows):
        x = net.run(step, x, rows)
    return x


def snr(truth, found):
    """In dB."""
    power, error = truth.double().square().sum(), (truth - found).double().square().sum()
    return float(10 * torch.log10(power / error))


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("positions", [8, 344])
def test_the_inverse_agrees_with_pytorch(options, positions, library, precision):
    network = make_network(**options)
    noise, condition = make_input(network, positions)
    truth = run_torch(network, noise, condition)
    assert snr(noise, truth) < 10  # it does something
    assert snr(truth, run_native(NativeWaveGlow(network, library, precision), noise, condition)) > LOWEST[precision]


@torch.no_grad()
def test_a_step_agrees_with_pytorch_and_leaves_what_has_not_joined(library):
    network = make_network(channels=32, flows=5, layers=4).double()
    noise, condition = make_input(network, 100)
    found = NativeWaveGlow(network, library).run(0, noise, condition.t().contiguous()).view(-1, 8)
    x = noise.view(-1, 8).t().double()
    step = network.mixings[4].inverse(network.couplings[4].inverse(x[None, 2:], condition[None].double()))[0]
    assert torch.equal(found[:, :2], noise.view(-1, 8)[:, :2])
    assert snr(step.t(), found[:, 2:]) > 120


def test_every_level_agrees_with_pytorch(any_library):
    network = make_network(channels=40, flows=3, layers=3, bands=20)
    noise, condition = make_input(network, 50)
    found = run_native(NativeWaveGlow(network, any_library), noise, condition)
    assert snr(run_torch(network, noise, condition), found) > 120


@pytest.mark.parametrize("hold", [1, 8])
def test_a_window_has_the_bits_of_the_whole(hold, library, precision):
    network = make_network(channels=48, flows=2, layers=6, bands=24, hold=hold)
    net = NativeWaveGlow(network, library, precision)
    noise, condition = make_input(network, 800)
    rows = net.prepare_condition(condition)
    whole = net.run(0, noise, rows)
    assert net.reach == 63
    for begin, end in ((0, 168), (8, 200), (328, 528), (504, 800), (40, 800)):
        window = net.run(0, noise[begin * 8 : end * 8], rows[begin // hold : end // hold], begin)
        left = 0 if begin == 0 else net.reach
        right = 0 if end == 800 else net.reach
        inner = slice(8 * (begin + left), 8 * (end - right))
        assert torch.equal(window[8 * left : len(window) - 8 * right], whole[inner])
        if left:  # one position more would differ: the reach is not too large
            assert not torch.equal(window[: 8 * left], whole[8 * begin : inner.start])


def test_any_number_of_threads_gives_the_same_bits(library, precision):
    network = make_network(channels=48, flows=2, layers=4, bands=24)
    net = NativeWaveGlow(network, library, precision)
    noise, condition = make_input(network, 700)
    alone = run_native(net, noise, condition)
    try:
        for threads in (2, 3):
            torch.set_num_threads(threads)
            assert torch.equal(run_native(net, noise, condition), alone)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("options", [(80, 256, 8, 1), (80, 256, 8, 64), (9, 30, 6, 2)])
@pytest.mark.parametrize("frames", [1, 2, 17])
def test_the_upsampling_agrees_with_pytorch(options, frames, library, precision):
    torch.manual_seed(0)
    upsample, mel = MelUpsampling(*options), torch.randn(options[0], frames)
    with torch.no_grad():
        truth = copy.deepcopy(upsample).double()(mel[None].double())[0].t()
    found = NativeUpsampling(upsample, library, precision).run(mel)
    assert snr(truth, found[:, : truth.shape[1]]) > LOWEST[precision]
    assert not found[:, truth.shape[1] :].any()


def test_the_upsampling_of_a_window_has_the_bits_of_the_whole(library, precision):
    torch.manual_seed(0)
    upsampling, mel = NativeUpsampling(MelUpsampling(20, 64, 8, 1), library, precision), torch.randn(20, 40)
    window = upsampling.run(mel[:, 7:31])
    expected = upsampling.run(mel)[7 * 8 : 31 * 8]
    assert torch.equal(window[8 * upsampling.reach :], expected[8 * upsampling.reach :])
    assert not torch.equal(window[: 8 * upsampling.reach], expected[: 8 * upsampling.reach])


def test_bfloat16_needs_its_instructions(library):
    with pytest.raises(Unavailable, match="have no bfloat16; choose float32"):
        NativeWaveGlow(make_network(channels=8, flows=1, layers=1), open_library("avx2"), "bfloat16")


def test_what_would_be_read_out_of_bounds_is_refused(library):
    net = NativeWaveGlow(make_network(channels=8, flows=1, layers=1), library)
    for samples, rows, start in [(15, 1, 0), (0, 1, 0), (0, 0, 0), (16, 0, 0), (16, 3, 0), (16, 2, -1)]:
        with pytest.raises(ValueError, match=f"a signal of {samples} samples, {rows} rows of condition, start {start}"):
            net.run(0, torch.zeros(samples), torch.zeros(rows, 640), start)
    for signal, condition in [(torch.zeros(16).double(), torch.zeros(2, 640)), (torch.zeros(16), torch.zeros(2, 638))]:
        with pytest.raises(ValueError, match="a signal in torch.float64|a condition of 638 channels"):
            net.run(0, signal, condition)
