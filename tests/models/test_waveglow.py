"""WaveGlow: published counts, an exact inverse, a likelihood that is one, and what each option must do."""

import dataclasses
import math

import pytest
import torch

from vocoders import config
from vocoders.checkpoint import build_model
from vocoders.errors import InputError
from vocoders.features.mel import LogMel, MelSpec
from vocoders.interface import SpeechBatch
from vocoders.models.waveglow import flow_widths
from vocoders.seeding import Noise, seeded

SPEC = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=256, n_mels=80, f_max=8000)
CONF = "egs/TEMPLATE/voc1/conf"
SMALL = dict(channels=16, layers=3)
FRAMES = 6


def waveglow(spec=SPEC, shaken=False, **options):
    """``shaken``: with couplings that do something, as after training."""
    torch.manual_seed(0)
    model = build_model({"name": "waveglow", **options}, spec)
    if shaken:
        for coupling in model.network.couplings:
            torch.nn.init.normal_(coupling.network.output.weight, std=0.1)
            torch.nn.init.normal_(coupling.network.output.bias, std=0.1)
    return model


def speech(spec=SPEC, frames=FRAMES, size=2, scale=0.2):
    wave = scale * torch.randn(size, frames * spec.hop_size, generator=seeded("wave"))
    return SpeechBatch(wave, LogMel(spec)(wave)[..., :frames])


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("channels, count", [(256, 87_879_272), (512, 268_294_760)])
def test_parameter_counts_are_the_published_ones(channels, count):
    with torch.device("meta"):
        assert parameters(waveglow(channels=channels)) == count


def test_parts_have_the_published_shapes():
    model = waveglow(channels=64)
    assert model.upsample.conv.weight.shape == (80, 80, 1024)
    assert [m.weight.shape[0] for m in model.network.mixings] == [8] * 4 + [6] * 4 + [4] * 4
    network = model.network.couplings[5].network
    assert network.input.weight.shape == (64, 3, 1) and network.output.weight.shape == (6, 64, 1)
    assert [layer.conv.dilation for layer in network.layers] == [(2**n,) for n in range(8)]
    assert {layer.condition.weight.shape for layer in network.layers} == {(128, 640, 1)}
    assert [layer.output.weight.shape[0] for layer in network.layers] == [128] * 7 + [64]


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("whitening", ["none", "energy", "spectrum"])
def test_the_inverse_returns_what_went_forward(dtype, tolerance, whitening):
    model = waveglow(shaken=True, whitening=whitening, **SMALL)
    model.initialize([speech(frames=16)])
    model = model.to(dtype)
    random = speech(frames=16).wave
    square = torch.sin(0.05 * torch.arange(4096)).sign().expand(2, -1)
    constant = torch.ones_like(random)
    for wave in (random, torch.zeros_like(random), random.sign(), square, constant):
        mel = LogMel(SPEC)(wave)[..., :16].to(dtype)
        with torch.no_grad():
            noise, _ = model.to_noise(wave.to(dtype), mel)
            assert not torch.allclose(noise, wave.to(dtype), atol=0.1)
            error = (model.to_speech(noise, mel) - wave).abs().max()
        # what is constant is not in the mel, so nothing makes it small before the flow
        unseen = 10 if wave is constant and whitening == "spectrum" else 1
        assert error <= unseen * tolerance, (whitening, wave[0, :3], error)


@pytest.mark.parametrize("whitening", ["none", "energy", "spectrum"])
def test_the_log_determinant_is_that_of_the_jacobian(whitening):
    spec = dataclasses.replace(SPEC, n_fft=64, win_size=64, hop_size=32, n_mels=10)
    model = waveglow(spec, shaken=True, whitening=whitening, flows=6, early_every=2, **SMALL)
    model.initialize([speech(spec, frames=16)])
    model, batch = model.double(), speech(spec, size=1)
    mel = batch.mel.double()
    jacobian = torch.autograd.functional.jacobian(lambda x: model.to_noise(x, mel)[0][0], batch.wave.double())[:, 0]
    found = model.to_noise(batch.wave.double(), mel)[1].item()
    assert found == pytest.approx(torch.linalg.slogdet(jacobian).logabsdet.item(), rel=1e-9)


@pytest.mark.parametrize("sigma", [1.0, 0.5**0.5])
def test_the_loss_is_the_likelihood_of_noise_when_couplings_do_nothing(sigma):
    """Rotations keep lengths: speech is normal with deviation sigma, whatever they are."""
    model, batch = waveglow(sigma=sigma, **SMALL), speech()
    expected = -torch.distributions.Normal(0, sigma).log_prob(batch.wave).mean()
    torch.testing.assert_close(model.loss(batch)["loss"], expected)


def test_the_loss_counts_the_scales_of_couplings_and_mixtures():
    """Speech through a chain of known scales is normal with their product as precision."""
    model, batch = waveglow(**SMALL), speech()
    for mixing in model.network.mixings:
        mixing.weight.data *= 1.1
    for coupling in model.network.couplings:
        half = coupling.network.output.bias.shape[0] // 2
        coupling.network.output.bias.data[half:] = 0.05
    jacobian = torch.autograd.functional.jacobian(lambda x: model.to_noise(x, batch.mel[:1])[0][0], batch.wave[:1])
    covariance = torch.linalg.inv(jacobian[:, 0].double())
    covariance = covariance @ covariance.T
    zero = torch.zeros(len(covariance), dtype=torch.float64)
    expected = torch.distributions.MultivariateNormal(zero, covariance).log_prob(batch.wave[0].double())
    assert model.log_likelihood(batch.wave, batch.mel)[0].item() == pytest.approx(expected.item(), rel=1e-4)


def test_noise_reaches_only_speech_nearby():
    model = waveglow(shaken=True, **SMALL).eval()
    mel = speech(frames=16).mel[:1]
    noise = torch.zeros(2, 16 * 256)
    noise[1, 2048:2056] = 1
    with torch.no_grad():
        quiet, rung = model.to_speech(noise, mel.expand(2, -1, -1))
    reached = (quiet - rung).nonzero()[:, 0]
    reach = 8 * 12 * sum(2**n for n in range(SMALL["layers"]))
    assert 2048 - reach <= reached.min() < 2048 and 2056 <= reached.max() < 2056 + reach


def test_sigma_scales_the_noise_of_all_outputs():
    model = waveglow(**SMALL)
    mel = speech().mel
    full, half, none = (model.synthesize(mel, sigma=sigma, generator=seeded(1)) for sigma in (1.0, 0.5, 0.0))
    torch.testing.assert_close(half, full / 2)
    assert not none.any()
    expected = Noise.drawn(seeded(1), 2)(0, 0, FRAMES * 256)
    torch.testing.assert_close(full.square().sum(), expected.square().sum())  # rotations
    with pytest.raises(InputError, match="sigma must be a number from 0 on, found -1"):
        model.synthesize(mel, sigma=-1)


@pytest.mark.parametrize("channel", range(8))
def test_every_output_however_early_reaches_speech(channel):
    model = waveglow(shaken=True, **SMALL)
    mel = speech(frames=16).mel[:1].expand(2, -1, -1)
    noise = torch.zeros(2, 16 * 256)
    noise[1, 2048 + channel] = 1
    with torch.no_grad():
        quiet, rung = model.to_speech(noise, mel)
    assert (quiet - rung)[2048:2056].abs().max() > 0.1


def test_the_first_and_the_second_half_of_a_flow_change():
    model, batch = waveglow(shaken=True, flows=1, **SMALL), speech()
    model.network.mixings[0].weight.data = torch.eye(8)
    noise, _ = model.to_noise(batch.wave, batch.mel)
    same = (noise == batch.wave).unflatten(1, (-1, 8))
    assert same[..., :4].all() and not same[..., 4:].any()


@pytest.mark.parametrize(
    "change",
    [
        {"groups": 4, "early_every": None},
        {"flows": 8},
        {"early_every": 2, "flows": 6},
        {"early_size": 4, "flows": 8},
        {"channels": 24},
        {"layers": 2},
        {"condition_every": 4},
        {"condition_every": 64},
        {"whitening": "energy"},
        {"whitening": "spectrum"},
        {"normalize_mel": True},
        {"sigma": 0.7},
    ],
    ids=str,
)
def test_every_option_changes_the_loss(change):
    def loss(**options):
        model = waveglow(shaken=True, **{**SMALL, **options})
        model.initialize([speech(frames=16)])
        return model.loss(speech(frames=16), generator=seeded(1))["loss"].item()

    assert loss(**change) != loss()


def test_dequantizing_adds_noise_within_a_step_of_pcm(monkeypatch):
    model, seen = waveglow(dequantize=True, **SMALL), []
    monkeypatch.setattr(model, "log_likelihood", lambda wave, mel: seen.append(wave) or wave.sum(1))
    batch = speech()
    model.loss(batch, generator=seeded(1))
    added = 32768 * (seen[0] - batch.wave)
    assert added.abs().max() <= 0.51 and added.std() == pytest.approx(1 / math.sqrt(12), rel=0.05)


def test_quiet_excerpts_can_be_left_out_and_are_counted():
    model, batch = waveglow(ignore_below=-60.0, shaken=True, **SMALL), speech(size=3)
    batch.wave[1] = 5e-4  # -66 dB
    values = model.loss(batch)
    assert values["ignored"].item() == pytest.approx(1 / 3)
    loud = SpeechBatch(batch.wave[[0, 2]], batch.mel[[0, 2]])
    torch.testing.assert_close(values["loss"], model.loss(loud)["loss"])
    values = model.loss(SpeechBatch(0 * batch.wave, batch.mel))
    values["loss"].backward()
    assert values["ignored"] == 1 and values["loss"] == 0
    assert not any(p.grad.any() for p in model.parameters())
    evaluated = model.eval().loss(batch)["loss"]  # the dev set is not chosen from
    assert evaluated == -model.log_likelihood(*batch).mean() / batch.wave.shape[1]


def test_an_ignored_excerpt_cannot_spoil_the_others():
    model, batch = waveglow(ignore_below=-60.0, **SMALL), speech()
    batch.wave[1], batch.mel[1] = 0, math.nan
    assert model.loss(batch)["loss"].isfinite()


@pytest.mark.parametrize("whitening", ["none", "energy", "spectrum"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_silence_clipping_and_constants_give_finite_gradients(precision, whitening):
    model = waveglow(shaken=True, whitening=whitening, dequantize=True, **SMALL)
    model.initialize([speech(frames=16)])
    model.network.mixings[3].weight.data[0] *= -1  # a determinant below zero
    clipped = speech(frames=16, size=1, scale=9).wave.clamp(-1, 1)
    highest = torch.tensor([1.0, -1.0]).repeat(1, 2048)  # a tone that mels up to 8 kHz do not see
    wave = torch.cat([torch.zeros(1, 4096), torch.ones(1, 4096), clipped, highest])
    batch = SpeechBatch(wave, LogMel(SPEC)(wave)[..., :16])
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        loss = model(batch, generator=seeded(1))["loss"]
    loss.backward()
    assert loss.isfinite() and loss.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_autocast_does_not_round_what_becomes_shift_and_scale():
    network, skips = waveglow(shaken=True, **SMALL).network.couplings[0].network, []
    for layer in network.layers:
        layer.register_forward_hook(lambda _module, _inputs, outputs: skips.append(outputs[1]))
    with torch.autocast("cpu", torch.bfloat16):
        found = network(torch.randn(1, 4, 20), torch.randn(1, 640, 20))
    assert {skip.dtype for skip in skips} == {torch.bfloat16}
    expected = torch.nn.functional.conv1d(
        sum(skip.float() for skip in skips), network.output.weight, network.output.bias
    )
    assert torch.equal(found, expected)


def test_widths_after_early_outputs():
    assert flow_widths(8, 12, 4, 2) == [(0, 8)] * 4 + [(2, 6)] + [(0, 6)] * 3 + [(2, 4)] + [(0, 4)] * 3


@pytest.mark.parametrize(
    "rate, hop_size, groups, condition_every",
    [
        (16000, 200, 8, 40),
        (16000, 256, 8, 64),
        (22050, 256, 8, 64),
        (22050, 256, 16, 32),
        (24000, 300, 10, 60),
        (24000, 300, 12, 12),
        (48000, 512, 8, 64),
        (48000, 512, 16, 128),
    ],
)
@pytest.mark.parametrize("file", ["waveglow.yaml", "waveglow_small.yaml"])
def test_other_rates_hops_and_groups_are_changes_in_yaml(file, rate, hop_size, groups, condition_every, repository):
    spec = MelSpec(sample_rate=rate, n_fft=2048, win_size=1200, hop_size=hop_size, n_mels=80, f_max=rate / 2)
    options = config.load(repository / CONF / file)["model"]
    every = {"condition_every": condition_every} if "condition_every" in options else {}
    model = waveglow(spec, shaken=True, **{**options, "groups": groups, **every, "channels": 8})
    batch = speech(spec, frames=16)
    model.initialize([batch])
    with torch.no_grad():
        noise, _ = model.to_noise(batch.wave, batch.mel)
        torch.testing.assert_close(model.to_speech(noise, batch.mel), batch.wave, atol=1e-5, rtol=0)
    assert model.synthesize(batch.mel, generator=seeded(1)).shape == batch.wave.shape


@pytest.mark.parametrize(
    "hop_size, options, told",
    [
        (
            300,
            {},
            "groups must divide the features' hop_size 300, found 8; with these early outputs it can be 6, 10, 12",
        ),
        (200, {"groups": 16}, "divide the features' hop_size 200, found 16; with these early outputs it can be 8, 10"),
        (275, {}, "it can be no number; use mels of another hop_size"),
        (256, {"flows": 20}, "flow 16 of 20 has 0"),
        (300, {"groups": 5}, "an even number of channels, at least 2; with groups 5"),
        (256, {"early_size": 3}, "flow 4 of 12 has 5"),
        (256, {"condition_every": 12}, "groups 8; it can be 1, 2, 4, 8, 16, 32, 64, 128, 256"),
        (300, {"groups": 6, "condition_every": 10}, "groups 6; it can be 1, 2, 3, 6, 12, 30, 60, 150, 300"),
        (254, {"groups": 2, "early_every": None, "whitening": "spectrum"}, "some number from 16 to 64 divides"),
        (
            600,
            {"whitening": "spectrum"},
            "a win_size of at least 2 * hop_size, found n_fft 1024, win_size 1024, hop_si",
        ),
        (256, {"sigma": 0.0}, "sigma must be positive, found 0.0"),
        (256, {"flows": 0}, "flows must be at least 1, found 0"),
        (256, {"layers": 0}, "layers must be at least 1, found 0"),
        (256, {"channels": 0}, "channels must be at least 1, found 0"),
        (256, {"groups": 0}, "groups must be at least 1, found 0"),
        (256, {"condition_every": 0}, "condition_every must be at least 1, found 0"),
        (256, {"early_size": 0}, "early_size must be at least 1, found 0"),
        (256, {"early_every": 0}, "early_every must be at least 1, found 0"),
    ],
)
def test_a_broken_rule_is_named(hop_size, options, told):
    with pytest.raises(InputError) as error:
        waveglow(dataclasses.replace(SPEC, hop_size=hop_size), **{**SMALL, **options})
    assert told in str(error.value)
