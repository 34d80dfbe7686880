"""Which mel configuration a corpus gets: one that models can be built for, whose bands the corpus has."""

from types import SimpleNamespace

import pytest

from vocoders import checkpoint, config
from vocoders.features.mel import LogMel, MelSpec
from vocoders.recipe.rate import choose_mel


@pytest.fixture
def conf(repository):
    return repository / "egs/TEMPLATE/voc1/conf"


def choose(conf, **seconds):
    """choose(conf, r16000=2.0, ...): seconds of each rate."""
    return choose_mel([SimpleNamespace(rate=int(rate[1:]), seconds=each) for rate, each in seconds.items()], conf)


@pytest.mark.parametrize(
    ("seconds", "expected", "resample"),
    [
        ({"r22050": 1}, "conf/mel_nvidia_22k.yaml", False),
        ({"r24000": 1}, "conf/mel_wavegrad_paper_24k.yaml", False),
        ({"r48000": 1}, "conf/mel_nvidia_22k.yaml", True),
        ({"r16000": 1}, "local/mel_16k.yaml", False),
        ({"r16000": 3, "r22050": 2}, "local/mel_16k.yaml", True),
        ({"r16000": 2, "r22050": 3}, "conf/mel_nvidia_22k.yaml", True),
    ],
)
def test_the_rate_of_most_of_the_speech_decides(conf, seconds, expected, resample):
    mel = choose(conf, **seconds)
    assert (mel.config, mel.resample) == (expected, resample)
    assert mel.why.startswith("rate: ") and bool(mel.text) == mel.config.startswith("local/")


@pytest.mark.parametrize("rate", [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000])
def test_every_rate_gets_mels_with_which_models_can_be_built(conf, rate, tmp_path):
    mel = choose(conf, **{f"r{rate}": 1})
    if mel.text:
        (tmp_path / "conf").symlink_to(conf)
        (tmp_path / "local").mkdir()
        (tmp_path / mel.config).write_text(mel.text)
        assert MelSpec.load(tmp_path / mel.config) == mel.spec
    assert mel.spec.sample_rate <= rate and mel.spec.f_max <= rate / 2
    assert 0.008 < mel.spec.hop_size / mel.spec.sample_rate < 0.017
    assert (LogMel(mel.spec).filters.sum(-1) > 0).all()  # no band is empty
    for name in ["diffwave", *(["diffwave_small", "waveglow_small"] if mel.text else [])]:
        checkpoint.build_model(config.load(conf / f"{name}.yaml")["model"], mel.spec)
