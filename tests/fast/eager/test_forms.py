"""Forms for inference compute what the networks compute in float64, in any window and any padded batch."""

import pytest
import torch
from torch._dynamo.utils import counters

from vocoders.fast import compiled
from vocoders.fast.eager import diffwave, gated, wavegrad

DIFFWAVE = {"name": "diffwave", "channels": 8, "layers": 5, "dilation_cycle": 3}
WAVEGRAD = {"name": "wavegrad", "channels": 16}
WAVEGLOW = {"name": "waveglow", "channels": 16, "layers": 3, "flows": 5, "early_every": 2}
STRANGE = [[3, 1, 2, 1], [1, 2, 1, 2], [2, 2, 4, 8], [5, 3, 9, 27], [4, 3, 9, 2]]
CASES = {
    "diffwave": (DIFFWAVE, 64),
    "diffwave odd hop": (DIFFWAVE, 45),
    "diffwave wide": ({**DIFFWAVE, "channels": 64}, 64),
    "diffwave folded": ({**DIFFWAVE, "fold": 8}, 64),
    "diffwave folded, held": ({**DIFFWAVE, "fold": 2, "condition_every": 8}, 64),
    "diffwave by its authors": (
        {**DIFFWAVE, "upsampler": "per_layer", "gate": "tanh_sigmoid", "step_frequencies": "descending"}
        | {"residual_includes_step": True, "weight_norm": True, "upsample_factors": [4, 2, 8]},
        64,
    ),
    "wavegrad": (WAVEGRAD, 60),
    "wavegrad nearest": ({**WAVEGRAD, "interpolation": "nearest", "encoding_scale": 1.0, "film_init": "xavier"}, 60),
    "wavegrad large": ({**WAVEGRAD, "extra_blocks": 1, "dilations": [[1, 2, 4, 8]] * 5}, 64),
    "wavegrad strange": ({**WAVEGRAD, "dilations": STRANGE, "factors": [2, 1, 3, 7, 2]}, 84),
    "wavegrad strange, nearest": (
        {**WAVEGRAD, "dilations": STRANGE, "factors": [1, 4, 3, 1, 5], "interpolation": "nearest"},
        60,
    ),
    "wavegrad scaled": ({**WAVEGRAD, "prediction": "energy_scaled"}, 60),
    "waveglow": (WAVEGLOW, 64),
    "waveglow held": ({**WAVEGLOW, "condition_every": 32}, 64),
    "waveglow grouped": ({**WAVEGLOW, "groups": 16, "condition_every": 4, "early_every": None, "flows": 3}, 64),
    "waveglow shallow": ({**WAVEGLOW, "layers": 1}, 48),
}
every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(params=[1 << 30, 24], ids=["whole", "tiled"])
def small_tiles(request, monkeypatch):
    """Once as short signals are, once cut as long ones are."""
    if request.param == 24:
        monkeypatch.setattr(gated, "TILE", 24)
        monkeypatch.setattr(wavegrad, "WINDOW", 0)
        monkeypatch.setattr(diffwave, "CACHE", 0)


@every_case
@pytest.mark.parametrize("frames", [1, 2, 31])
def test_float32_is_exact(case, frames, trained, decibels, small_tiles):
    network = trained(*CASES[case])
    mel, noisy = network.inputs(frames, size=2)
    assert decibels(network.truth(mel, noisy), network.form()(mel, noisy)) > 120


@every_case
def test_bfloat16_is_near(case, trained, decibels):
    """Within 2 dB of the training form in bfloat16, or better; how near depends on the network."""
    network = trained(*CASES[case])
    mel, noisy = network.inputs(31)
    found, truth = network.form(torch.bfloat16)(mel, noisy), network.truth(mel, noisy)
    assert found.dtype == torch.float32
    assert decibels(truth, found) > max(decibels(truth, network.autocast(mel, noisy)) - 2, 34)


@every_case
def test_the_network_is_left_as_it_is(case, trained):
    network = trained(*CASES[case])
    before = {name: value.clone() for name, value in network.vocoder.state_dict().items()}
    form, inputs = network.form(torch.bfloat16), network.inputs(3)
    expected = form(*inputs)
    assert all(value.equal(before[name]) for name, value in network.vocoder.state_dict().items())
    torch.nn.init.zeros_(next(network.vocoder.network.parameters()))
    assert form(*inputs).equal(expected)


@every_case
@pytest.mark.parametrize("in_rows", [True, False], ids=["rows", "masks"])
def test_padded_rows_are_as_if_alone(case, in_rows, trained, decibels):
    network = trained(*CASES[case])
    form = network.form()
    if not in_rows:
        as_on_a_gpu(form.network)
    lengths = torch.tensor([7, 1, 13, 2])
    mel, noisy = network.inputs(13, size=4)
    together = form(mel, noisy, lengths)
    assert together.shape == noisy.shape
    for n, length in enumerate(lengths.tolist()):
        samples = length * network.spec.hop_size
        alone = form(mel[n : n + 1, :, :length], noisy[n : n + 1, :samples])
        assert decibels(alone, together[n : n + 1, :samples]) > 120
        if in_rows:
            assert together[n : n + 1, :samples].equal(alone)


def test_a_row_that_ended_before_the_window_does_no_harm(trained):
    for case in ("diffwave", "wavegrad", "waveglow"):
        network = trained(*CASES[case])
        mel, noisy = network.inputs(5, size=2)
        form = network.form()
        both = form(mel, noisy, torch.tensor([5, 0]))
        assert both[:1].equal(form(mel[:1], noisy[:1])) and not both[1].any()


@every_case
def test_windows_give_the_whole_inside_their_reach(case, trained, decibels):
    network = trained(*CASES[case])
    form, hop = network.form(), network.spec.hop_size
    frames = 3 * form.reach + 9
    mel, noisy = network.inputs(frames)
    whole_conditioner = form.condition(mel)
    rate = whole_conditioner.shape[-1] // frames
    left, right = form.mel_left, form.mel_right
    part = form.condition(mel[..., : 6 + right])[..., : 6 * rate]
    rest = form.condition(mel[..., 6 - left :])[..., left * rate :]
    conditioner = torch.cat([part, rest], -1)
    assert decibels(whole_conditioner, conditioner) > 120
    a, b = form.reach, frames - form.reach  # of a window from frame 1 to the last but one
    window = form.once(noisy[:, hop:-hop], conditioner[..., rate:-rate])
    whole = form.once(noisy, whole_conditioner)
    assert decibels(whole[:, (a + 1) * hop : (b - 1) * hop], window[:, a * hop : (b - 2) * hop]) > 120


@every_case
def test_the_reach_is_no_longer_than_it_must_be(case, trained):
    """A frame changes when something does as far away as ``reach``, and not when it is farther."""
    network = trained(*CASES[case])
    form, hop = network.form(), network.spec.hop_size
    frames = 2 * form.reach + 5
    mel, noisy = network.inputs(frames)
    conditioner, middle = form.condition(mel), form.reach + 2
    before = form.once(noisy, conditioner)
    noisy[:, middle * hop : (middle + 1) * hop] += 1e6
    changed = (form.once(noisy, conditioner) != before).view(-1, hop).any(1).nonzero()[:, 0] - middle
    assert max(-changed.min(), changed.max()) == form.reach


@every_case
def test_the_reach_into_the_mel_is_no_longer_than_it_must_be(case, trained):
    form = trained(*CASES[case]).form()
    mel, _ = form.trained.inputs(17)
    before = form.condition(mel)
    rate = before.shape[-1] // 17
    mel[..., 8] += 1
    changed = (form.condition(mel) != before).view(before.shape[1], 17, rate).any(2).any(0).nonzero()[:, 0] - 8
    assert (-changed.min(), changed.max()) == (-form.mel_right, form.mel_left) or -changed.min() == form.mel_right


@pytest.mark.parametrize("case", ["diffwave folded, held", "wavegrad", "wavegrad nearest", "waveglow"])
def test_compiled_forms_are_one_graph_for_a_bucket(case, trained, decibels, monkeypatch):
    """As torch.compile traces them; tests/fast/test_compiled.py has kernels made, which takes long."""
    options = {"backend": "aot_eager", "fullgraph": True, "dynamic": False}
    monkeypatch.setattr(compiled, "_compile", lambda function, device: torch.compile(function, **options))
    torch._dynamo.reset()
    counters.clear()
    network, hop = trained(*CASES[case]), CASES[case][1]
    plain, form = network.form(), network.form(compiled=True)
    for frames, lengths in [(5, None), (6, [1, 6]), (6, None), (5, [5, 2])]:
        mel, noisy = network.inputs(frames, size=2)
        lengths = None if lengths is None else torch.tensor(lengths)
        expected, found = plain(mel, noisy, lengths), form(mel, noisy, lengths)
        for row, length in enumerate([frames] * 2 if lengths is None else lengths.tolist()):
            assert decibels(expected[row, : length * hop], found[row, : length * hop]) > 120
    widths = {each.width for each in form.network.inverses} if case == "waveglow" else {1}
    assert counters["stats"]["unique_graphs"] == len(widths)


def as_on_a_gpu(form):
    """Makes a form for the CPU compute a batch at once, with masks."""
    form.in_rows = False
    for module in form.modules():
        if isinstance(module, gated.GatedStack):
            module.tiled = False
