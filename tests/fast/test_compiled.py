"""Compiled forms give what the plain ones give, once for each bucket, and do without a compiler."""

import logging
import shutil

import pytest
import torch
from torch._dynamo.utils import counters

from vocoders.checkpoint import build_model
from vocoders.fast.compiled import bucket
from vocoders.fast.eager.diffwave import EagerDiffWave
from vocoders.features.mel import MelSpec
from vocoders.seeding import seeded

SPEC = MelSpec(sample_rate=8000, n_fft=64, win_size=64, hop_size=16, n_mels=4, f_max=4000)
TINY = {"name": "diffwave", "channels": 4, "layers": 1}


def forms():
    """(plain, compiled) of one network, and its steps."""
    torch.manual_seed(0)
    model = build_model(TINY, SPEC).eval()
    torch.nn.init.normal_(model.network.output_projection.weight)
    plain, compiled = (EagerDiffWave(model.network, 16, compiled=compiled) for compiled in (False, True))
    return plain, compiled, plain.open(torch.tensor([3.0, 20.0], dtype=torch.float64))


def inputs(frames):
    mel = torch.randn(2, 4, frames, generator=seeded("mel", frames))
    return mel, torch.randn(2, 16 * frames, generator=seeded("noisy", frames))


def test_buckets_waste_less_than_a_third():
    for frames in range(1, 3000):
        assert frames <= bucket(frames) <= max(1.5 * (frames - 1), frames)
    assert len({bucket(frames) for frames in range(1, 3000)}) == 23


def test_a_bucket_is_compiled_once():
    if not shutil.which("g++"):
        pytest.skip("needs a C++ compiler")
    torch._dynamo.reset()
    counters.clear()
    plain, compiled, steps = forms()
    for n, (frames, lengths, k) in enumerate([(5, None, 0), (6, None, 1), (6, [6, 2], 0), (5, [1, 5], 1)]):
        mel, noisy = inputs(frames)
        lengths = None if lengths is None else torch.tensor(lengths)
        expected = plain.evaluate(noisy, plain.condition(mel, lengths), steps, k, lengths)
        found = compiled.evaluate(noisy, compiled.condition(mel, lengths), steps, k, lengths)
        for row, length in enumerate([frames] * 2 if lengths is None else lengths.tolist()):
            torch.testing.assert_close(found[row, : 16 * length], expected[row, : 16 * length])
        assert counters["stats"]["unique_graphs"] == 1, n
        assert not counters["graph_break"]


def test_buckets_that_are_one_too_many_are_plain_pytorch_which_is_said_once(monkeypatch, caplog):
    torch._dynamo.reset()
    counters.clear()
    trace = {"backend": "eager", "fullgraph": True, "dynamic": False}
    monkeypatch.setattr("vocoders.fast.compiled._compile", lambda function, device: torch.compile(function, **trace))
    monkeypatch.setattr("vocoders.fast.compiled.BUCKETS", 2)
    plain, compiled, steps = forms()
    with caplog.at_level(logging.WARNING):
        for frames in (3, 4, 5, 7, 3):
            mel, noisy = inputs(frames)
            found = compiled.evaluate(noisy, compiled.condition(mel), steps, 0)
            torch.testing.assert_close(found, plain.evaluate(noisy, plain.condition(mel), steps, 0))
    assert counters["stats"]["unique_graphs"] == 2
    (record,) = [record for record in caplog.records if record.name == "vocoders.fast.compiled"]
    assert "2 lengths and sizes of batches are compiled; others" in record.getMessage()


def test_without_a_compiler_it_is_plain_pytorch_and_says_so(monkeypatch, caplog, tmp_path):
    torch._dynamo.reset()
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (str(tmp_path / "nowhere"),))
    monkeypatch.setattr("torch._inductor.config.fx_graph_cache", False)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    plain, compiled, steps = forms()
    mel, noisy = inputs(5)
    with caplog.at_level(logging.WARNING):
        found = [compiled.evaluate(noisy, compiled.condition(mel), steps, k) for k in (0, 1)]
    torch.testing.assert_close(found[1], plain.evaluate(noisy, plain.condition(mel), steps, 1))
    (record,) = [record for record in caplog.records if record.name == "vocoders.fast.compiled"]
    assert "plain PyTorch instead" in record.getMessage() and "\n" not in record.getMessage()
