"""WaveGrad against published counts, receptive fields and what each option must do."""

import dataclasses
import math

import pytest
import torch

from vocoders.checkpoint import build_model
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.interface import SpeechBatch
from vocoders.models.wavegrad import Film, Resample, stage_factors
from vocoders.seeding import seeded

SPEC = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=300, n_mels=80, f_max=8000)
SPEC_24K = dataclasses.replace(SPEC, sample_rate=24000, n_mels=128, f_max=12000)
LARGE = dict(extra_blocks=1, dilations=[[1, 2, 4, 8]] * 5)
TINY = dict(channels=8)


def wavegrad(spec=SPEC, **options):
    torch.manual_seed(0)
    return build_model({"name": "wavegrad", **options}, spec)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    "spec, options, count",
    [
        (SPEC, {}, 15_810_401),  # ivanvovk
        (dataclasses.replace(SPEC, hop_size=256), {}, 15_810_401),  # the factors have no weights
        (SPEC_24K, {"interpolation": "nearest", "encoding_scale": 1, "film_init": "xavier"}, 15_920_993),  # lmnt
    ],
)
def test_parameter_counts_are_the_published_ones(spec, options, count):
    assert parameters(wavegrad(spec, **options)) == count


def test_large_is_the_papers_23_million():
    """Base and every block without resampling once more: in a stage up two convolutions, in a stage down three."""

    def conv(channels):
        return channels * channels * 3 + channels

    up = sum(2 * conv(c) for c in (512, 512, 256, 128, 128))
    down = sum(3 * conv(c) for c in (128, 128, 256, 512))
    assert parameters(wavegrad(**LARGE)) == 15_810_401 + up + down == 22_796_129


def test_a_part_has_the_published_share_of_the_parameters():
    network = wavegrad().network
    assert parameters(network.mel_input) == 185_088
    assert parameters(network.up) == 8_953_344
    assert parameters(network.down) == 2_904_064
    assert parameters(network.films) == 3_767_328


def reach(network, position, length):
    """First and last noisy sample that this output depends on."""
    for p in network.parameters():  # nothing cancels
        torch.nn.init.constant_(p, 0.01)
    noisy = torch.zeros(1, length, dtype=torch.float64).requires_grad_()
    mel = torch.zeros(1, 80, length // 300, dtype=torch.float64)
    network(noisy, network.prepare(mel), torch.ones(1))[0, position].backward()
    reached = noisy.grad[0].nonzero()[:, 0]
    return position - reached.min().item(), reached.max().item() - position


def test_the_receptive_field_is_the_published_one():
    """1208 samples at most to a side and 2360 in all, depending on where in a frame the sample lies."""
    network = wavegrad(channels=8).network.double()
    sides = [reach(network, 3000 + offset, 6000) for offset in range(0, 300, 5)]
    assert max(max(side) for side in sides) <= 1208
    assert max(left + right + 1 for left, right in sides) <= 2360
    assert max(left + right + 1 for left, right in sides) > 2340


@pytest.mark.parametrize(
    "hop_size, factors",
    [
        (300, (5, 5, 3, 2, 2)),
        (256, (4, 4, 4, 2, 2)),
        (200, (5, 5, 2, 2, 2)),
        (160, (5, 4, 2, 2, 2)),
        (275, (11, 5, 5, 1, 1)),
        (512, (4, 4, 4, 4, 2)),
    ],
)
def test_factors_are_derived_from_the_hop(hop_size, factors):
    assert stage_factors(hop_size) == factors and math.prod(factors) == hop_size
    spec = dataclasses.replace(SPEC, hop_size=hop_size)
    assert wavegrad(spec, **TINY).synthesize(torch.randn(1, 80, 3), steps=2).shape == (1, 3 * hop_size)


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"product is the features' hop_size 300, found \[4, 4, 4, 2, 2\]"):
        wavegrad(factors=[4, 4, 4, 2, 2])
    with pytest.raises(InputError, match="must be 5 numbers"):
        wavegrad(factors=[100, 3])
    with pytest.raises(InputError, match="dilations must be given for 5 stages, found 2"):
        wavegrad(dilations=[[1, 2, 4, 8]] * 2)
    with pytest.raises(InputError, match="multiple of 8, found 12"):
        wavegrad(channels=12)


@pytest.mark.parametrize(
    "option",
    [
        {"channels": 16},
        {"factors": [2, 2, 3, 5, 5]},
        {"dilations": [[1, 2, 4, 8]] * 5},
        {"extra_blocks": 1},
        {"interpolation": "nearest"},
        {"encoding_scale": 1.0},
        {"film_init": "xavier"},
        {"schedule": {"steps": 20}},
        {"prediction": "energy_scaled"},
        {"prediction": "spectrum_scaled"},
        {"distance": "l2"},
        {"levels": "steps"},
        {"levels": "log_snr"},
        {"normalize_mel": True},
    ],
)
def test_every_option_changes_the_loss(option):
    def loss(**options):
        model = wavegrad(**{**TINY, **options})
        batch = SpeechBatch(0.1 * torch.randn(2, 2400, generator=seeded(1)), torch.randn(2, 80, 8, generator=seeded(2)))
        model.initialize([batch])
        return model(batch, generator=seeded(4))["loss"].item()

    assert loss(**option) != pytest.approx(loss(), rel=1e-6)


def test_the_level_is_told_as_the_paper_says():
    """Added to each channel: sin and cos of 5000 level 10^(-4 i / n) (Chen et al. 2021, section 2.3)."""
    film, seen = Film(8, 2, 5000.0, "orthogonal"), []
    torch.nn.init.zeros_(film.input.weight), torch.nn.init.zeros_(film.input.bias)
    film.output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    film(torch.zeros(1, 8, 3), torch.tensor([0.7], dtype=torch.float64))
    angle = [5000 * 0.7 * 10 ** (-4 * i / 4) for i in range(4)]
    expected = torch.tensor([math.sin(a) for a in angle] + [math.cos(a) for a in angle])
    assert torch.allclose(seen[0], expected[None, :, None].expand(1, 8, 3), atol=1e-5)


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_resampling_up_and_down_returns_a_constant_and_keeps_time(mode):
    resample = Resample(mode)
    assert torch.equal(resample.down(torch.full((1, 1, 12), 3.0), 3), torch.full((1, 1, 4), 3.0))
    ramp = torch.arange(60.0)[None, None]
    middle = resample.down(ramp, 5)
    assert middle[0, 0].tolist() == [5 * n + (2 if mode == "linear" else 0) for n in range(12)]
    back = resample.up(middle, 5)
    assert (back - ramp)[..., 5:-5].abs().max() <= (1e-5 if mode == "linear" else 4)


def test_scaled_predictions_begin_as_their_filter():
    mel = torch.randn(1, 80, 4)
    for prediction in ("energy_scaled", "spectrum_scaled"):
        network = wavegrad(**TINY, prediction=prediction).network
        assert not network(torch.randn(1, 1200), network.prepare(mel), torch.ones(1)).any()
    network = wavegrad(**TINY).network
    assert network(torch.randn(1, 1200), network.prepare(mel), torch.ones(1)).std() > 0.01
