"""The native form of DiffWave agrees with PyTorch's, and gives a sample the same bits however the work is cut."""

import copy
import os
from pathlib import Path

import pytest
import torch

from vocoders.checkpoint import build_model
from vocoders.fast.native.diffwave import NativeDiffWave
from vocoders.features.mel import MelSpec

SPEC = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=256, n_mels=21, f_max=8000)
AUTHORS = dict(
    upsampler="per_layer",
    gate="tanh_sigmoid",
    step_frequencies="descending",
    residual_includes_step=True,
    weight_norm=True,
)
NETWORKS = {
    "small": dict(channels=32, layers=6, dilation_cycle=3),
    "authors": dict(channels=24, layers=7, dilation_cycle=6, **AUTHORS),
    "folded": dict(channels=40, layers=4, dilation_cycle=3, fold=4, condition_every=16),
    "held": dict(channels=8, layers=3, dilation_cycle=10, fold=2),
    "one_layer": dict(channels=16, layers=1),
}
STEPS = [0.0, 3.7, 49.0]


def make_network(name):
    """Not as training finds it: nothing starts at zero."""
    torch.manual_seed(1)
    network = build_model({"name": "diffwave", **NETWORKS[name]}, SPEC).network.eval()
    torch.nn.init.normal_(network.output_projection.weight, std=0.1)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return network


@torch.no_grad()
def make_input(network, frames):
    """Upsampled mels and noisy samples of each step."""
    generator = torch.Generator().manual_seed(frames)
    mels = network.prepare(torch.randn(1, SPEC.n_mels, frames, generator=generator))
    return mels, torch.randn(len(STEPS), frames * SPEC.hop_size, generator=generator)


@torch.no_grad()
def run_torch(network, mels, noisy):
    """The truth, in float64, [steps, T]."""
    network, steps = copy.deepcopy(network).double(), torch.tensor(STEPS, dtype=torch.float64)
    return network(noisy.double(), [mel.double().expand(len(STEPS), -1, -1) for mel in mels], steps)


def run_whole(native, mels, noisy):
    evaluations = native.open(STEPS)
    evaluations.condition(mels)
    return torch.stack([evaluations.push(k, noisy[k], True) for k in range(len(STEPS))])


def run_in_pieces(native, mels, noisy, frames_at_once):
    """All steps side by side, as a sweep over the utterance: conditioner and samples come in pieces of whole frames."""
    evaluations, output = native.open(STEPS), [[] for _ in STEPS]
    rate, length = mels[0].shape[-1] * SPEC.hop_size // noisy.shape[-1], noisy.shape[-1] // SPEC.hop_size
    for begin in range(0, length, frames_at_once):
        end = min(begin + frames_at_once, length)
        evaluations.condition([mel[..., begin * rate : end * rate] for mel in mels])
        for k, pieces in enumerate(output):
            piece = noisy[k, begin * SPEC.hop_size : end * SPEC.hop_size]
            pieces.append(evaluations.push(k, piece, end == length))
            given = sum(map(len, pieces))
            assert given == (end * SPEC.hop_size if end == length else max(0, end * SPEC.hop_size - native.reach))
    return torch.stack([torch.cat(pieces) for pieces in output])


def snr(truth, found):
    """In dB."""
    power, error = truth.double().square().sum(), (truth - found).double().square().sum()
    return float(10 * torch.log10(power / error))


@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_the_truth_at_every_level(name, any_library):
    library, network = any_library, make_network(name)
    for frames in (1, 2, 13):
        mels, noisy = make_input(network, frames)
        truth = run_torch(network, mels, noisy)
        assert snr(truth, run_whole(NativeDiffWave(network, library, "float32"), mels, noisy)) > 120
        if library.level == "avx512_bf16":
            found = run_whole(NativeDiffWave(network, library, "bfloat16"), mels, noisy)
            assert 40 < snr(truth, found) < 80  # it does round


def precisions(library):
    return ["float32", "bfloat16"] if library.level == "avx512_bf16" else ["float32"]


@pytest.mark.parametrize("name", ["small", "authors", "folded", "held"])
def test_bits_do_not_depend_on_how_the_work_is_cut(name, library):
    network = make_network(name)
    mels, noisy = make_input(network, 23)
    for precision in precisions(library):
        native = NativeDiffWave(network, library, precision)
        whole = run_whole(native, mels, noisy)
        for frames_at_once in (1, 3, 16):
            assert torch.equal(run_in_pieces(native, mels, noisy, frames_at_once), whole)
        some = int(2500 * native.bytes_per_sample)  # room for two of six pieces, which others then take
        for other in (dict(block=96), dict(block=517), dict(budget=0), dict(budget=some), dict(budget=some, block=96)):
            assert torch.equal(
                run_in_pieces(NativeDiffWave(network, library, precision, **other), mels, noisy, 5), whole
            )


def resident():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("segments", [0, 2])
def test_the_budget_bounds_what_is_kept(segments, library):
    network, frames = make_network("small"), 200
    native = NativeDiffWave(network, library, "float32")
    segment, everything = (int(n * native.bytes_per_sample) for n in (1024, frames * SPEC.hop_size))
    native = NativeDiffWave(network, library, "float32", budget=segments * segment)
    mels, noisy = make_input(network, frames)
    evaluations, before = native.open(STEPS), resident()
    evaluations.condition(mels)
    evaluations.push(0, noisy[0], False)  # the other steps will need all of it
    assert resident() - before < everything / 3


def test_bits_do_not_depend_on_the_number_of_threads(library):
    network = make_network("authors")
    mels, noisy = make_input(network, 11)
    for precision in precisions(library):
        kept, projected_again = (NativeDiffWave(network, library, precision, budget=b) for b in (1 << 30, 0))
        alone, before = run_whole(kept, mels, noisy), torch.get_num_threads()
        try:
            for threads in (2, 3):
                torch.set_num_threads(threads)
                assert torch.equal(run_whole(kept, mels, noisy), alone)
                assert torch.equal(run_whole(projected_again, mels, noisy), alone)
        finally:
            torch.set_num_threads(before)


def test_an_utterance_leaves_nothing_to_the_next(library):
    network = make_network("small")
    native = NativeDiffWave(network, library, "float32")
    mels, noisy = make_input(network, 3)
    expected = run_whole(native, mels, noisy)
    abandoned = native.open(STEPS)
    abandoned.condition(mels)
    abandoned.push(1, torch.full([768], 1e30), False)
    del abandoned
    assert len(native.spare) == 1  # the memory it left is what the next one takes
    assert torch.equal(run_whole(native, mels, noisy), expected)


def test_an_output_looks_as_far_as_reach_says(library):
    network = make_network("folded")
    native = NativeDiffWave(network, library, "float32")
    mels, noisy = make_input(network, 2)
    changed = noisy.clone()
    changed[:, 256] += 1
    moved = (run_whole(native, mels, changed) != run_whole(native, mels, noisy)).any(0).nonzero()[:, 0]
    assert moved.min() // 4 == (256 - native.reach) // 4 and moved.max() // 4 == (256 + native.reach) // 4


def test_samples_that_cannot_be_taken_are_refused(library):
    network = make_network("folded")
    native = NativeDiffWave(network, library, "float32")
    mels, noisy = make_input(network, 2)
    evaluations = native.open(STEPS)
    with pytest.raises(ValueError, match="512 samples, but conditioner only for 0"):
        evaluations.push(0, noisy[0], True)
    evaluations.condition(mels)
    with pytest.raises(ValueError, match="in groups of 4, found 511"):
        evaluations.push(0, noisy[0, 1:], True)
    assert torch.equal(evaluations.push(0, noisy[0], True), run_whole(native, mels, noisy)[0])  # nothing was taken
