"""What a system's name on the command line opens, and what it is given."""

import numpy as np
import pytest
import torch

from vocoders import checkpoint, config
from vocoders.bench.system import SystemChoice, label, read_mel, unlike, with_steps
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.io.features import FeatureWriter, write_index


@pytest.fixture
def tiny(conf):
    def choice(**options):
        return SystemChoice.parse(conf("diffwave_tiny"), mel_config=conf("mel_nvidia_22k"), **options)

    return choice


def test_files_of_its_own_come_before_those_of_all(conf):
    text = f"{conf('wavegrad_tiny')},mel={conf('mel_nvidia_22k_hop300')}"
    given = {"mel_config": conf("mel_nvidia_22k"), "decode_config": conf("decode_6steps")}
    vocoder, options = SystemChoice.parse(text, **given).open()
    assert (vocoder.hop_size, options) == (300, {"steps": 6})
    assert label(vocoder, options) == "WaveGrad 8, spectrum-scaled, 6 steps"
    assert label(vocoder, {**options, "sampler": "ddim"}).endswith("6 steps, ddim")


def test_no_branch_of_random_weights_computes_zeros(tiny):
    model = tiny().untrained()
    assert all(parameter.any() for parameter in model.parameters() if parameter.dim() > 1)
    again = tiny().untrained()
    assert all(map(torch.equal, model.parameters(), again.parameters()))


def test_an_experiment_is_what_was_trained(tiny, conf, tmp_path):
    settings, spec = config.load(conf("diffwave_tiny")), MelSpec.load(conf("mel_nvidia_22k_hop300"))
    settings["model"]["fold"] = settings["model"]["condition_every"] = 4
    model = checkpoint.build_model(settings["model"], spec)
    about = {"step": 3, "seconds": 1.0, "config": settings, "mel": spec.as_dict(), "average": None}
    checkpoint.save(tmp_path / "best.pt", {"model": model.state_dict(), **about})
    opened, options = SystemChoice.parse(str(tmp_path), mel_config=conf("mel_nvidia_22k")).open()
    assert (opened.mel_spec, options) == (spec, {})
    assert all(map(torch.equal, model.state_dict().values(), opened.state_dict().values()))


def test_steps_replace_a_schedule():
    assert with_steps({"schedule": [0.1], "sampler": "ddim"}, 7) == {"sampler": "ddim", "steps": 7}


def test_two_of_one_name_are_told_apart_by_their_files():
    described = [{"system": "A"}, {"system": "B"}, {"system": "A"}]
    assert [each["system"] for each in unlike(described, ["x", "y", "z"])] == ["A (x)", "B", "A (z)"]


def test_mels_are_read_end_to_end_and_again(tiny, conf, tmp_path):
    vocoder, _ = tiny().open()
    mels = [np.full((frames, 80), frames, np.float32) for frames in (2, 3)]
    with FeatureWriter(tmp_path / "feats.1.h5", hop_size=256) as part:
        for utterance, mel in zip("ab", mels):
            part.write(utterance, np.zeros(len(mel) * 256, np.int16), mel)
    vocoder.mel_spec.save(tmp_path / "mel.yaml")
    write_index(tmp_path)
    mel = read_mel(tmp_path, vocoder, frames=4, size=2)
    assert mel.shape == (2, 80, 4)
    assert mel[:, 17].flatten().tolist() == [2, 2, 3, 3, 3, 2, 2, 3]
    other, _ = SystemChoice.parse(conf("wavegrad_tiny"), mel_config=conf("mel_nvidia_22k_hop300")).open()
    with pytest.raises(InputError, match=r"its mels are not those of the model \(.*hop_size: 256 != 300\)"):
        read_mel(tmp_path, other, frames=4)
