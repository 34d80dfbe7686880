"""What every model in the registry promises (vocoders/interface.py)."""

import pytest
import torch

from vocoders import config
from vocoders.checkpoint import build_model
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.inference.system import check_options
from vocoders.interface import SpeechBatch
from vocoders.models import MODELS
from vocoders.seeding import seeded

CONF = "egs/TEMPLATE/voc1/conf"
HOP = 256
SPEC = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=HOP, n_mels=80, f_max=8000)


@pytest.fixture(params=MODELS.names())
def model(request, repository):
    torch.manual_seed(0)
    section = config.load(repository / CONF / f"{request.param}_tiny.yaml")["model"]
    return build_model(section, SPEC)


def batch(frames=8, size=2):
    g = torch.Generator().manual_seed(1)
    return SpeechBatch(
        0.2 * torch.randn(size, frames * HOP, generator=g), torch.randn(size, 80, frames, generator=g) - 3
    )


def test_the_loss_is_finite_and_its_gradient_reaches_every_parameter(model):
    model.initialize([batch()])
    for p in model.parameters():  # heads start at zero and block the gradient
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    loss = model(batch(), generator=seeded(1))["loss"]
    loss.backward()
    assert loss.isfinite()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert len(without) <= 1, without  # the last layer's residual half is a part of one tensor, never a whole one


def test_the_loss_depends_on_the_generator_alone(model):
    losses = [model(batch(), generator=seeded(seed))["loss"].item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_synthesis_has_the_right_length_and_repeats_with_its_seed(model):
    model.initialize([batch()])
    first, again, other = (model.synthesize(batch().mel, generator=seeded(s)) for s in (7, 7, 8))
    assert first.shape == (2, 8 * HOP) and first.dtype == torch.float32 and first.isfinite().all()
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_denoiser_gets_synthesis_without_chance(model):
    model.initialize([batch()])
    for p in model.parameters():  # leave the zero-initialised head behind
        torch.nn.init.normal_(p, std=0.2)
    mel = model.neutral_mel(8)
    assert mel.shape == (1, 80, 8)
    first, other = (model.synthesize(mel, generator=seeded(s), **model.without_noise({})) for s in (1, 2))
    assert torch.equal(first, other)
    assert not torch.equal(first, model.synthesize(mel, generator=seeded(1)))


def test_synthesis_listens_to_the_mel(model):
    model.initialize([batch()])
    for p in model.parameters():  # leave the zero-initialised head behind
        torch.nn.init.normal_(p, std=0.2)
    quiet, loud = (model.synthesize(batch().mel + shift, generator=seeded(7)) for shift in (0, 2))
    assert not torch.allclose(quiet, loud)


def test_one_frame_is_enough(model):
    assert model.synthesize(batch(frames=1, size=1).mel, generator=seeded(1)).shape == (1, HOP)


def test_it_knows_its_features_and_its_name(model):
    assert (model.hop_size, model.sample_rate, model.mel_spec) == (HOP, 22050, SPEC)
    assert isinstance(model.describe(), str) and model.describe()


@pytest.mark.parametrize("name", MODELS.names())
def test_the_default_configuration_of_decoding_fits(name, repository):
    check_options({"model": {"name": name}}, config.load(repository / CONF / "decode.yaml"), where="decode.yaml")


def test_an_unknown_model_lists_those_there_are():
    with pytest.raises(InputError, match="no 'wavegrid'; it has: .*diffwave"):
        build_model({"name": "wavegrid"}, SPEC)


def test_a_misspelt_option_is_named(model):
    name = type(model).__module__.rpartition(".")[2]
    with pytest.raises(InputError, match="model has no option 'sclae'"):
        build_model({"name": name, "sclae": 3}, SPEC)
