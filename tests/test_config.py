"""Layered YAML, typed construction, and errors that name the key."""

from dataclasses import dataclass
from typing import Literal

import pytest

from vocoders import config
from vocoders.errors import InputError


@dataclass(frozen=True)
class Schedule:
    steps: int = 50
    first: float = 1e-4


class Model:
    def __init__(
        self,
        spec,
        *,
        channels: int = 64,
        schedule: Schedule = Schedule(steps=7),
        order: Literal["a", "b"] = "a",
    ):
        self.spec, self.channels, self.schedule, self.order = spec, channels, schedule, order


def write(path, text):
    path.write_text(text)
    return path


def test_a_configuration_is_its_difference_from_its_base(tmp_path):
    write(tmp_path / "base.yaml", "model: {channels: 64, schedule: {steps: 50, last: 0.05}}\ntrain: {seed: 1}")
    path = write(tmp_path / "large.yaml", "base: base.yaml\nmodel: {channels: 128, schedule: {steps: 200}}")
    assert config.load(path, {"train.seed": "5e0"}) == {
        "model": {"channels": 128, "schedule": {"steps": 200, "last": 0.05}},
        "train": {"seed": 5},
    }


def test_numbers_without_a_point_before_the_exponent_are_numbers(tmp_path):
    assert config.load(write(tmp_path / "c.yaml", "a: 1e-6\nb: [2e3, x]")) == {"a": 1e-6, "b": [2000.0, "x"]}


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: 1\na: 2", "key 'a' stands twice"),
        ("a: [1", "not valid YAML"),
        ("- 1", "expected a mapping"),
        ("base: nowhere.yaml", "nowhere.yaml: no such configuration file"),
    ],
)
def test_bad_files_are_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        config.load(write(tmp_path / "c.yaml", text))


def test_construction_is_typed_and_nested():
    model = config.build(Model, {"channels": 3, "schedule": {"first": 1}}, "spec", where="model")
    assert (model.spec, model.channels, model.order) == ("spec", 3, "a")
    assert isinstance(model.schedule, Schedule) and model.schedule.first == 1.0
    assert model.schedule.steps == 7  # of the signature's default, not of the class


@pytest.mark.parametrize(
    "options, message",
    [
        ({"chanels": 3}, "model has no option 'chanels'; did you mean 'channels'"),
        ({"schedule": {"stps": 3}}, "model.schedule has no option 'stps'; did you mean 'steps'"),
        ({"channels": "many"}, "model.channels: .*int.*many"),
        ({"order": "c"}, "model.order: .*'a', 'b'.* c"),
        ({"schedule": 3}, "model.schedule: expected a mapping"),
    ],
)
def test_errors_name_the_key(options, message):
    with pytest.raises(InputError, match=message):
        config.build(Model, options, "spec", where="model")


def test_a_method_is_built_from_its_signature():
    class Voice:
        def speak(self, mel, *, steps: int = 6):
            return mel, steps

    assert config.build(Voice().speak, {"steps": 2}, "mel", where="decode") == ("mel", 2)
    with pytest.raises(InputError, match="decode has no option 'stops'"):
        config.build(Voice().speak, {"stops": 2}, "mel", where="decode")


def test_the_place_of_options_may_have_any_name():
    def takes(number: int = 1):
        pass

    place = 'my "own" decode.yaml and more'
    assert config.typed(takes, {"number": 2}, where=place) == {"number": 2}
    with pytest.raises(InputError, match=rf"^{place}\.number: .*many"):
        config.typed(takes, {"number": "many"}, where=place)
