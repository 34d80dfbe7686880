"""Counted operations against those of the papers' layers, written out."""

import pytest

from vocoders.bench.flop import synthesis_flop, update_flop
from vocoders.bench.system import SystemChoice
from vocoders.checkpoint import build_model
from vocoders.features.mel import MelSpec


def test_diffwave(conf):
    spec, c, layers, steps, frames = MelSpec.load(conf("mel_nvidia_22k")), 8, 3, 5, 40
    model = build_model({"name": "diffwave", "channels": c, "layers": layers}, spec)
    samples = frames * 256
    once = 80 * frames * 3 * 32 + 80 * (frames * 16) * 3 * 32  # two transposed convolutions, kernels of 3 bands x 32
    per_sample = c + layers * (3 * c * 2 * c + 80 * 2 * c + c * 2 * c) + c * c + c
    per_step = samples * per_sample + 128 * 512 + 512 * 512 + layers * 512 * c
    assert synthesis_flop(model, {"steps": steps}, frames) == 2 * (once + steps * per_step)


def test_waveglow_as_published(conf):
    choice = SystemChoice.parse(conf("waveglow"), mel_config=conf("mel_nvidia_22k"))
    vocoder, options = choice.open()
    seconds = 1000 * 256 / 22050
    assert synthesis_flop(vocoder, options, 1000) / seconds / 1e9 == pytest.approx(447.81, rel=1e-4)


def test_a_gradient_costs_at_least_twice_the_loss(conf):
    choice = SystemChoice.parse(conf("diffwave_tiny"), mel_config=conf("mel_nvidia_22k"))
    model = choice.untrained()
    loss_alone = synthesis_flop(model, {"steps": 1}, 32)
    assert 2.5 * loss_alone < update_flop(model, 32) < 3.1 * loss_alone
