"""Whatever the form, the pieces, the batch or the threads: the same speech, that of the training form."""

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch

from vocoders import config
from vocoders.checkpoint import build_model
from vocoders.errors import InputError
from vocoders.fast.native.cpu import Unavailable
from vocoders.fast.native.library import open_library
from vocoders.fast.synthesizer import prepare
from vocoders.features.mel import MelSpec
from vocoders.interface import Vocoder
from vocoders.seeding import seeded

HOP = 256
SPEC = MelSpec(sample_rate=22050, n_fft=1024, win_size=1024, hop_size=HOP, n_mels=80, f_max=8000)
SAMPLERS = {
    "ancestral": {"steps": 3, "temperature": 0.8},
    "ddim": {"steps": 3, "sampler": "ddim", "eta": 0.5},
    "dpm_solver": {"steps": 4, "sampler": "dpm_solver"},
    "sde_dpm_solver": {"steps": 4, "sampler": "sde_dpm_solver"},
}
MODELS = {  # name -> (configuration, what of it is changed)
    "diffwave": ("diffwave_tiny", {"prediction": "noise"}),
    "diffwave-authors": ("diffwave_tiny", {"prediction": "noise", "fold": 1, "upsampler": "per_layer"}),
    "diffwave-spectrum": ("diffwave_tiny", {"prediction": "spectrum_scaled"}),
    "diffwave-energy": ("diffwave_tiny", {"prediction": "energy_scaled"}),
    "wavegrad": ("wavegrad_tiny", {"prediction": "noise"}),
    "wavegrad-spectrum": ("wavegrad_tiny", {"prediction": "spectrum_scaled"}),
    "waveglow": ("waveglow_tiny", {"whitening": "none"}),
    "waveglow-energy": ("waveglow_tiny", {"whitening": "energy"}),
    "waveglow-spectrum": ("waveglow_tiny", {"whitening": "spectrum"}),
}
CASES = [(model, sampler) for model in ("diffwave", "wavegrad") for sampler in SAMPLERS]  # that draw, extrapolate, both
CASES += [(model, "sde_dpm_solver") for model in MODELS if model.startswith(("diffwave-", "wavegrad-"))]
CASES += [(model, "-") for model in MODELS if "waveglow" in model]
BACKENDS = [("eager", "float32"), ("native", "float32"), ("native", "bfloat16")]
FRAMES = 31  # a prime; the pieces below are of 7


@pytest.fixture(scope="module")
def made(request):
    root = request.config.rootpath / "egs/TEMPLATE/voc1/conf"
    models = {}

    def make(name):
        """A network of which every part is heard."""
        if name not in models:
            conf, changes = MODELS[name]
            torch.manual_seed(0)
            section = {**config.load(root / f"{conf}.yaml")["model"], **changes}
            model = build_model(section, SPEC).eval().requires_grad_(False)
            for part in model.modules():
                if isinstance(part, torch.nn.ConvTranspose2d):  # as it starts, it reads one band alone
                    part.weight += 0.02 * torch.randn_like(part.weight)
            for parameter in model.parameters():
                if not parameter.any():  # as heads are
                    torch.nn.init.normal_(parameter, std=0.02)
            if name == "wavegrad":  # what it says of the noise is no more than noise; else rounding is all that grows
                model.network.output.weight *= 0.1
            models[name] = model
        return models[name]

    return make


def prepared(vocoder, backend, precision, **options):
    if backend == "native":
        try:
            library = open_library()
        except Unavailable as error:
            pytest.skip(str(error))
        if precision == "bfloat16" and library.level != "avx512_bf16":
            pytest.skip("needs a CPU with AVX-512 BF16")
    return prepare(vocoder, device="cpu", backend=backend, precision=precision, **options)


def mel(frames=FRAMES, rows=1):
    return 1.5 * torch.randn(rows, 80, frames, generator=seeded("mel")) - 4


def options_of(sampler):
    return SAMPLERS.get(sampler, {})


def decibels(reference, found):
    return 10 * torch.log10(reference.square().sum() / (reference - found).square().sum()).item()


def same(backend, reference, found, *, name=""):
    """Bit for bit where the arithmetic is ours; PyTorch's sums, as in the energy of a frame, depend on their shapes."""
    if backend == "native" and "energy" not in name:
        return torch.equal(reference, found)
    return decibels(reference, found) > (140 if backend == "native" else 115)


@contextmanager
def threads(number):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("backend, precision", BACKENDS)
@pytest.mark.parametrize("name, sampler", CASES)
def test_it_is_the_training_form_and_pieces_add_up(made, name, sampler, backend, precision):
    model, options, mels = made(name), options_of(sampler), mel()
    expected = model.synthesize(mels, generator=seeded(5), **options)
    voice = prepared(model, backend, precision)
    whole = voice.synthesize(mels, generator=seeded(5), **options)
    assert whole.dtype == torch.float32 and whole.shape == expected.shape
    assert decibels(expected, whole) > (120 if precision == "float32" else 30)

    in_chunks = prepared(model, backend, precision, chunk_seconds=7 * HOP / 22050)
    assert in_chunks.chunk_frames == 7
    assert same(backend, whole, in_chunks.synthesize(mels, generator=seeded(5), **options), name=name)
    pieces = mels[0].split([1, 9, 2, FRAMES - 12], -1)
    streamed = torch.cat(list(voice.stream(pieces, generator=seeded(5), **options)))
    assert same(backend, whole[0], streamed, name=name)
    with threads(2):
        assert same(backend, whole, voice.synthesize(mels, generator=seeded(5), **options), name=name)


@pytest.mark.parametrize("backend, precision", BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_rows_of_a_padded_batch_are_what_they_are_alone(made, name, backend, precision):
    model, lengths = made(name), [FRAMES, 1, 2, 13]
    options = {} if "waveglow" in name else SAMPLERS["ancestral"]
    voice, mels = prepared(model, backend, precision, chunk_seconds=7 * HOP / 22050), mel(rows=4)
    together = voice.synthesize(mels, lengths=lengths, generator=[seeded(n) for n in range(4)], **options)
    for n, length in enumerate(lengths):
        alone = voice.synthesize(mels[n : n + 1, :, :length], generator=seeded(n), **options)
        assert same(backend, alone[0], together[n, : length * HOP], name=name)
        assert not together[n, length * HOP :].any()


@pytest.mark.parametrize("backend, precision", BACKENDS)
@pytest.mark.parametrize("name", ["diffwave", "wavegrad-spectrum", "waveglow-spectrum"])
def test_the_denoiser_works_in_pieces(made, name, backend, precision):
    voice = prepared(made(name), backend, precision)
    options = {} if "waveglow" in name else SAMPLERS["ancestral"]
    plain, whole = (voice.synthesize(mel(), generator=seeded(5), denoise=d, **options) for d in (0.0, 2.0))
    assert decibels(plain, whole) < 60
    streamed = torch.cat(list(voice.stream(mel()[0].split(4, -1), generator=seeded(5), denoise=2.0, **options)))
    assert decibels(whole[0], streamed) > 110


@pytest.mark.parametrize("name", ["diffwave", "waveglow-spectrum"])
def test_the_denoiser_sees_where_rows_end(made, name):
    options = {} if "waveglow" in name else SAMPLERS["ancestral"]
    voice = prepared(made(name), "eager", "float32")
    together = voice.synthesize(
        mel(rows=2), lengths=[FRAMES, 13], generator=[seeded(n) for n in (1, 2)], denoise=2.0, **options
    )
    alone = voice.synthesize(mel(rows=2)[1:, :, :13], generator=seeded(2), denoise=2.0, **options)
    assert decibels(alone[0], together[1, : 13 * HOP]) > 110


def test_each_choice_of_options_has_its_own_denoiser(made):
    model, found = made("diffwave"), []
    for asked in (["ancestral", "ddim"], ["ddim"]):
        voice = prepared(model, "eager", "float32")
        for sampler in asked:
            wave = voice.synthesize(mel(), generator=seeded(5), denoise=2.0, **SAMPLERS[sampler])
        found.append(wave)
    assert torch.equal(*found)


@pytest.mark.parametrize("backend", ["eager", "native"])
@pytest.mark.parametrize("name", ["diffwave", "wavegrad", "waveglow"])
def test_two_threads_may_use_one(made, name, backend):
    """As a server does: what the kernels write while they work is not shared."""
    voice, options = prepared(made(name), backend, "float32"), {} if name == "waveglow" else SAMPLERS["ancestral"]
    mels = [mel(frames) for frames in (FRAMES, 13, 40, 7)]

    def speak(mel):
        return voice.synthesize(mel, generator=seeded(5), **options)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(speak, 4 * mels))
    alone = 4 * list(map(speak, mels))
    assert all(same(backend, *pair) for pair in zip(alone, together))


@pytest.mark.parametrize("backend", ["eager", "native"])
@pytest.mark.parametrize("name, sampler", CASES)
def test_what_it_must_know_ahead_is_what_it_says(made, name, sampler, backend):
    """That it is enough, pieces that add up to the whole show."""
    voice, options = prepared(made(name), backend, "float32"), options_of(sampler)
    ahead = voice.look_ahead(**options)
    stream = voice.open(generator=seeded(5), **options)
    mels = mel(ahead + 3)[0].split([ahead, 3], -1)
    assert [len(stream.push(piece)) for piece in mels] == [0, 3 * HOP]


def test_a_stream_ends_once(made):
    stream = prepared(made("waveglow"), "eager", "float32").open(generator=seeded(5))
    stream.push(mel()[0], last=True)
    with pytest.raises(ValueError, match="the stream has had its last piece"):
        stream.push(mel()[0])


def test_prepared_otherwise_it_keeps_what_was_asked_for(made):
    """Not what that came to on this machine, which may not be had on another device."""
    voice = prepare(made("waveglow"), device="cpu", precision="auto", chunk_seconds=3 * HOP / 22050)
    eager = voice.prepare(backend="eager")
    assert (eager.backend, eager.precision, eager.chunk_frames) == ("eager", "float32", 3)
    again = eager.prepare(backend="auto")
    assert (again.backend, again.precision) == (voice.backend, voice.precision)


def test_another_device_gets_a_copy(made):
    model = made("diffwave")
    voice = prepared(model, "eager", "float32")
    moved = voice.prepare(device="meta")
    assert {each.device.type for each in moved.vocoder.parameters()} == {"meta"}
    assert voice.vocoder is model and {each.device.type for each in model.parameters()} == {"cpu"}


class Other(Vocoder):
    """Without an inference form: its noise, as loud as the mel's first band says."""

    def __init__(self):
        super().__init__(SPEC)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def describe(self):
        return "Other"

    def synthesize(self, mel, *, gain=1.0, generator=None):
        noise = torch.randn(1, mel.shape[-1] * HOP, generator=generator)
        return self.weight * gain * noise * mel[:, 0].exp().repeat_interleave(HOP, -1)


def test_a_vocoder_without_an_inference_form_is_itself():
    voice = prepare(Other(), device="cpu", precision="auto")
    assert (voice.backend, voice.precision) == ("eager", "float32")
    whole = voice.synthesize(mel(), generator=seeded(1), gain=0.5)
    streamed = torch.cat(list(voice.stream(mel()[0].split(7, -1), generator=seeded(1), gain=0.5)))
    assert torch.equal(whole[0], streamed)
    assert torch.equal(2 * whole, voice.synthesize(mel(), generator=seeded(1), gain=1.0))
    with pytest.raises(InputError, match="Other has only its training form"):
        prepare(Other(), device="cpu", backend="compiled")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"backend": "nativ"}, "backend nativ: did you mean 'native'"),
        ({"precision": "float16"}, "precision float16: did you mean"),
        ({"device": "cuda"}, "sees no GPU"),
    ],
)
def test_what_cannot_be_is_refused(made, changes, message):
    with pytest.raises(InputError, match=message):
        prepare(made("waveglow"), **{"device": "cpu", **changes})


@pytest.mark.parametrize("backend", ["eager", "native"])
@pytest.mark.parametrize("name", ["diffwave", "wavegrad", "waveglow"])
def test_mels_must_be_mels(made, name, backend):
    voice, mels = prepared(made(name), backend, "float32"), mel()
    for wrong in (mels[0], mels[:, :79], mels[:0]):
        with pytest.raises(InputError, match=r"mel: expected \[rows, 80 bands, frames\], found \["):
            voice.synthesize(wrong)
    with pytest.raises(InputError, match="mel: expected"):
        voice.open().push(mels[0, :79])
    wrong = mels.index_fill(2, torch.tensor([30]), math.nan)
    for synthesize in (voice.synthesize, lambda mel: voice.open().push(mel[0])):
        with pytest.raises(InputError, match="mel: 80 of 2480 values are not finite"):
            synthesize(wrong)
    beyond = voice.synthesize(
        wrong[..., :31], lengths=[30], generator=seeded(5), **options_of("-" if name == "waveglow" else "ddim")
    )
    assert beyond.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
@pytest.mark.parametrize("name", ["diffwave", "wavegrad", "waveglow"])
def test_mels_may_have_any_precision(made, name, dtype):
    options = options_of("-" if name == "waveglow" else "ddim")
    voice, mels = prepared(made(name), "eager", "float32"), mel(3).to(dtype)
    found = voice.synthesize(mels, generator=seeded(5), **options)
    assert torch.equal(found, voice.synthesize(mels.float(), generator=seeded(5), **options))


@pytest.mark.parametrize("lengths", [[1], [0, 3], [3, FRAMES + 1], [3.0, 4.0]])
def test_lengths_must_fit(made, lengths):
    with pytest.raises(InputError, match="lengths: expected 2 numbers from 1 to 31"):
        prepared(made("waveglow"), "eager", "float32").synthesize(mel(rows=2), lengths=lengths)
