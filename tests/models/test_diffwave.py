"""DiffWave against published counts, receptive fields and what each option must do."""

import dataclasses

import pytest
import torch

from vocoders.checkpoint import build_model
from vocoders.diffusion.prediction import ScaledPrediction
from vocoders.errors import InputError
from vocoders.features.fitted import SpectralLevel
from vocoders.features.mel import LogMel, MelSpec
from vocoders.interface import SpeechBatch
from vocoders.models.diffwave import MelUpsampler, StepEmbedding
from vocoders.seeding import seeded

SPEC = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=256, n_mels=80, f_max=8000)
AUTHORS = dict(
    upsampler="per_layer",
    gate="tanh_sigmoid",
    step_frequencies="descending",
    residual_includes_step=True,
    weight_norm=True,
)
TINY = dict(channels=4, layers=3, dilation_cycle=2)


def diffwave(spec=SPEC, **options):
    torch.manual_seed(0)
    return build_model({"name": "diffwave", **options}, spec)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    "options, count",
    [
        ({}, 2_619_971),  # lmnt, 64 channels
        ({"channels": 128}, 6_885_315),
        (AUTHORS, 2_637_305),  # the authors' release: the paper's 2.64 M
        ({**AUTHORS, "channels": 128}, 6_914_297),  # the paper's 6.91 M
        ({**AUTHORS, "weight_norm": False}, 2_625_597),
        ({**AUTHORS, "weight_norm": False, "channels": 128}, 6_890_941),
    ],
)
def test_parameter_counts_are_the_published_ones(options, count):
    assert parameters(diffwave(**options)) == count


def test_receptive_field_is_6139_samples():
    """30 layers of kernel 3 in three cycles of dilations 1 ... 512: 2 * 3 * 1023 + 1."""
    network = diffwave(channels=2).network.double()
    for p in network.parameters():  # nothing cancels, no ReLU is off
        torch.nn.init.constant_(p, 0.01)
    noisy = torch.zeros(1, 256 * 40, dtype=torch.float64).requires_grad_()
    network(noisy, network.prepare(torch.zeros(1, 80, 40).double()), torch.zeros(1))[0, 5000].backward()
    reached = noisy.grad[0].nonzero()[:, 0]
    assert (reached.min().item(), reached.max().item()) == (5000 - 3069, 5000 + 3069)


def test_step_embedding_is_the_papers_formula_for_real_steps():
    """sin and cos of 10^(4 i / 63) t (Kong et al. 2021, section 3.1), here caught before the two layers."""
    embedding, seen = StepEmbedding(512, "ascending"), []
    embedding.projection1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    embedding(torch.tensor([0.0, 2.5]))
    angle = 2.5 * 10 ** (4 * torch.arange(64, dtype=torch.float64) / 63)
    assert torch.allclose(seen[0][1].double(), torch.cat([angle.sin(), angle.cos()]), atol=1e-6)
    assert torch.equal(seen[0][0], torch.cat([torch.zeros(64), torch.ones(64)]))


@pytest.mark.parametrize("factors", [(16, 16), (5, 4), (3,), (7, 2)])
def test_upsampling_multiplies_the_frames_exactly(factors):
    expected = 9
    for factor in factors:
        expected *= factor
    assert MelUpsampler(factors)(torch.rand(2, 80, 9)).shape == (2, 80, expected)


@pytest.mark.parametrize("hop_size", [256, 300, 200, 275, 257])
def test_any_hop_size_derives_its_factors(hop_size):
    spec = dataclasses.replace(SPEC, hop_size=hop_size)
    assert diffwave(spec, **TINY).synthesize(torch.randn(1, 80, 3), steps=2).shape == (1, 3 * hop_size)


def test_mels_may_hold_for_a_whole_hop():
    """Nothing is upsampled then."""
    model = diffwave(**TINY | {"fold": 4, "condition_every": 256})
    assert not any(True for name, _ in model.named_parameters() if "upsampler" in name)
    assert model.synthesize(torch.randn(1, 80, 3), steps=2).shape == (1, 3 * 256)


def test_factors_that_do_not_make_the_hop_are_refused():
    for factors in ([15, 20], [-16, -16]):
        with pytest.raises(InputError, match="must be positive and multiply to 256, the features' hop_size"):
            diffwave(upsample_factors=factors)
    for options in ({"condition_every": 7}, {"fold": 3}, {"fold": 8, "condition_every": 4}, {"fold": 0}):
        with pytest.raises(InputError, match="must divide the features' hop_size 256"):
            diffwave(**options)


@pytest.mark.parametrize(
    "option",
    [
        {"gate": "tanh_sigmoid"},
        {"step_frequencies": "descending"},
        {"residual_includes_step": True},
        {"condition_every": 16},
        {"fold": 4},
        {"upsampler": "per_layer"},
        {"prediction": "energy_scaled"},
        {"prediction": "spectrum_scaled"},
        {"distance": "l1"},
        {"levels": "log_snr"},
        {"normalize_mel": True},
        {"schedule": {"steps": 20}},
        {"dilation_cycle": 3},
    ],
)
def test_every_option_changes_the_loss(option):
    def loss(**options):
        model = diffwave(**{**TINY, **options})
        g = torch.Generator().manual_seed(3)
        for p in model.parameters():
            p.data = 0.3 * torch.randn(p.shape, generator=g)
        batch = SpeechBatch(0.1 * torch.randn(2, 2048, generator=seeded(1)), torch.randn(2, 80, 8, generator=seeded(2)))
        model.initialize([batch])
        return model(batch, generator=seeded(4))["loss"].item()

    assert loss(**option) != pytest.approx(loss(), rel=1e-6)


@pytest.fixture
def speech():
    wave = 0.1 * torch.randn(2, 256 * 16, generator=seeded(1)).cumsum(1).sin()
    return SpeechBatch(wave, LogMel(SPEC)(wave))


def test_untrained_spectrum_scaling_is_what_its_parts_say(speech):
    """Fitted by ``initialize``; the loss of a network that says nothing is that of a prediction built by hand."""
    model = diffwave(**TINY, prediction="spectrum_scaled", distance="l1")
    torch.nn.init.zeros_(model.network.output_projection.bias)
    model.initialize([speech])
    level = SpectralLevel(SPEC)
    level.fit([speech])
    assert torch.equal(model.speech_level.gain, level.gain) and (level.gain != 1).all()
    by_hand = ScaledPrediction(level(speech.mel), multiply=level.filter, emphasis=level.emphasis, margin=512)
    generator = seeded(4)
    drawn = model.schedule.draw_levels(2, generator=generator)
    noise = torch.randn(speech.wave.shape, generator=generator)
    expected = by_hand.residual(torch.zeros_like(noise), speech.wave, noise, drawn).abs().mean()
    assert model(speech, generator=seeded(4))["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_energy_scaling_knows_where_the_mels_frames_are():
    """Of a frame that is centred on the middle of its hop, the level is reached there."""
    spec = dataclasses.replace(SPEC, center=False)
    model = diffwave(spec, **TINY, prediction="energy_scaled")
    mel = LogMel(spec)(0.1 * torch.randn(1, 256 * 9, generator=seeded(1)))
    mel[..., 4] += 3
    assert model.prediction(mel).deviation.argmax().item() in (4 * 256, 5 * 256)
    level = model.speech_level(mel)[0]
    assert model.prediction(mel).deviation[0, 4 * 256].item() == pytest.approx((level[3] + level[4]).item() / 2)


def test_excerpts_must_be_longer_than_what_their_ends_spoil():
    assert diffwave(**TINY).min_frames == 1
    model = diffwave(**TINY, prediction="spectrum_scaled")
    assert model.min_frames == 5  # of 256 samples; two at either end see beyond it
    batch = SpeechBatch(0.1 * torch.randn(1, 1280, generator=seeded(1)), torch.randn(1, 80, 5, generator=seeded(2)))
    model.initialize([batch])
    assert model(batch, generator=seeded(4))["loss"].isfinite()


def test_the_network_listens_to_the_mel_beside_the_scaling():
    model = diffwave(**TINY, prediction="spectrum_scaled")
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    mel, other = torch.randn(1, 80, 8, generator=seeded(2)), torch.randn(1, 80, 8, generator=seeded(3))
    scaling = model.prediction(mel)
    model.prediction = lambda _: scaling
    first, second = (model.synthesize(m, steps=2, generator=seeded(5)) for m in (mel, other))
    assert not torch.allclose(first, second, atol=1e-3)


def test_weight_norm_changes_the_form_and_not_the_function():
    """At the start w = g v / |v| with g = |v|: the same weights, so the same output; kaiming must have survived."""
    plain, normed = diffwave(**TINY), diffwave(**TINY, weight_norm=True)
    mel = torch.randn(1, 80, 4, generator=seeded(1))
    for model in (plain, normed):
        torch.nn.init.ones_(model.network.output_projection.weight)
    outputs = [m.network(torch.ones(1, 1024), m.network.prepare(mel), torch.ones(1)) for m in (plain, normed)]
    assert torch.allclose(*outputs, atol=1e-5)
    deviation = diffwave(weight_norm=True).network.layers[0].dilated_conv.weight.std().item()
    assert deviation == pytest.approx((2 / (64 * 3)) ** 0.5, rel=0.05)


def test_the_first_output_is_zero_noise():
    model = diffwave(**TINY)
    out = model.network(torch.randn(1, 512), model.network.prepare(torch.randn(1, 80, 2)), torch.zeros(1))
    assert torch.equal(out, model.network.output_projection.bias.expand(1, 512))


def test_published_fast_schedules_and_step_counts_are_options_of_synthesis():
    model, mel = diffwave(**TINY), torch.randn(1, 80, 2)
    fast = [1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5]
    assert model.synthesize(mel, schedule=fast).shape == model.synthesize(mel, steps=6).shape == (1, 512)
    with pytest.raises(InputError, match="give either"):
        model.synthesize(mel, schedule=fast, steps=6)


def test_batch_items_are_independent():
    model, noisy = diffwave(channels=8, layers=4, dilation_cycle=2), torch.randn(2, 1024)
    torch.nn.init.ones_(model.network.output_projection.weight)
    mel, step = torch.randn(2, 80, 4), torch.tensor([0.5, 30.25])
    together = model.network(noisy, model.network.prepare(mel), step)
    alone = model.network(noisy[1:], model.network.prepare(mel[1:]), step[1:])
    assert torch.allclose(together[1:], alone, atol=1e-5)


def test_folding_keeps_the_order_of_samples():
    """A network that returns what its first layer was given returns each sample where it was."""
    network, seen = diffwave(**TINY, fold=4).network, []
    network.input_projection.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.output_projection.register_forward_hook(lambda *_: seen[0])
    noisy = torch.arange(1.0, 1025)[None]
    assert torch.equal(network(noisy, network.prepare(torch.zeros(1, 80, 4)), torch.zeros(1)), noisy)
    assert seen[0][0, :, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("factors", [(4,), (4, 2), (3,)])
def test_upsampling_starts_as_linear_interpolation(factors):
    """A ramp stays a ramp of the same slope per frame, away from the ends."""
    total = torch.tensor(factors).prod().item()
    ramp = torch.arange(1.0, 11).expand(1, 5, 10)
    up = MelUpsampler(factors)(ramp)[0, 2, 2 * total : -2 * total]
    assert torch.allclose(up.diff(), torch.full_like(up.diff(), 1 / total), atol=1e-5)
