"""Decoding: what is written, in which order, and that interruptions and other settings leave no trace."""

import json

import numpy as np
import pytest
import soundfile
import torch

from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.inference.decode import Decoder, summary
from vocoders.inference.system import baseline_system, model_system, open_system
from vocoders.interface import Vocoder
from vocoders.io.features import FeatureWriter, write_index
from vocoders.io.tables import read_table
from vocoders.seeding import Noise as Addresses
from vocoders.seeding import normal_like, seeded

HOP = 8
SPEC = MelSpec(sample_rate=1000, n_fft=16, win_size=16, hop_size=HOP, n_mels=4)
FRAMES = {"a": 40, "b": 70, "c": 50, "d": 60}


class Noise(Vocoder):
    """Its wave is the generator's noise times ``gain``, and it remembers whom it was called for."""

    def __init__(self, spec, weight=1.0):
        super().__init__(spec)
        self.weight = torch.nn.Parameter(torch.tensor([weight]))
        self.frames = []
        self.checkpoint_info = {
            "path": "exp/x/best.pt",
            "model": "noise",
            "step": 3,
            "seconds": 1.0,
            "config": {},
        }

    def describe(self):
        return "Noise"

    def synthesize(self, mel, *, gain: float = 0.1, generator: torch.Generator | None = None):
        self.frames.append(mel.shape[-1])
        return self.weight * gain * normal_like(mel, [len(mel), mel.shape[-1] * HOP], generator=generator)


@pytest.fixture
def features(tmp_path):
    directory = tmp_path / "dump"
    directory.mkdir()
    SPEC.save(directory / "mel.yaml")
    random = np.random.default_rng(0)
    with FeatureWriter(directory / "feats.1.h5") as part:
        for utt, frames in FRAMES.items():
            wave = random.integers(-(2**15), 2**15, frames * HOP).astype(np.int16)
            part.write(utt, wave, random.standard_normal((frames, 4)).astype(np.float32))
    write_index(directory)
    return directory


def noise(seed, utt):
    """What the seed and the name of an utterance stand for."""
    return torch.randn(1, FRAMES[utt] * HOP, generator=seeded(*Addresses.drawn(seeded(seed, utt), 1).seeds))


def waves(directory):
    return {path.stem: path.read_bytes() for path in sorted((directory / "wav").iterdir())}


def system(vocoder=None, **options):
    return model_system(vocoder or Noise(SPEC), options)


def records(directory):
    return [json.loads(line) for line in (directory / "decode.jsonl").read_text().splitlines()]


def test_each_wave_comes_from_the_seed_and_the_name_of_its_utterance(features, tmp_path):
    Decoder(system(), features, tmp_path / "out", seed=5).run()
    found, rate = soundfile.read(tmp_path / "out" / "wav" / "c.wav", dtype="int16")
    expected = 0.1 * noise(5, "c")
    np.testing.assert_array_equal(found, np.rint(expected[0].double().numpy() * 32768))
    assert rate == SPEC.sample_rate
    assert soundfile.info(tmp_path / "out" / "wav" / "c.wav").subtype == "PCM_16"


def test_the_longest_utterance_is_first(features, tmp_path):
    vocoder = Noise(SPEC)
    Decoder(system(vocoder), features, tmp_path / "out").run()
    warm_up, *decoded = vocoder.frames
    assert decoded == [70, 60, 50, 40]
    assert warm_up == 32  # short, and not counted
    assert [record["utt"] for record in records(tmp_path / "out")] == ["b", "d", "c", "a"]


def test_table_and_records_are_complete_and_consistent(features, tmp_path):
    out = tmp_path / "out"
    Decoder(system(), features, out).run()
    table = read_table(out / "wav.scp")
    assert list(table) == list(FRAMES)
    for record in records(out):
        assert record["samples"] == soundfile.info(table[record["utt"]]).frames == FRAMES[record["utt"]] * HOP
        assert record["audio_seconds"] == record["samples"] / SPEC.sample_rate
        assert record["rtf"] == pytest.approx(record["compute_seconds"] / record["audio_seconds"])


def test_resuming_makes_what_is_missing_and_only_that(features, tmp_path):
    out = tmp_path / "out"
    Decoder(system(), features, out).run()
    before = waves(out)
    (out / "wav.scp").unlink()  # as if killed: a wave is missing, another has no record, a record is torn
    (out / "wav" / "d.wav").unlink()
    kept = [line for line in (out / "decode.jsonl").read_text().splitlines(True) if '"utt": "a"' not in line]
    (out / "decode.jsonl").write_text("".join(kept) + '{"utt": "a", "sam')
    vocoder = Noise(SPEC)
    finished = Decoder(system(vocoder), features, out).run()
    assert vocoder.frames[1:] == [FRAMES["d"], FRAMES["a"]]
    assert waves(out) == before
    assert sorted(record["utt"] for record in records(out)) == list(FRAMES)
    assert [record["utt"] for record in finished] == list(FRAMES)
    assert list(read_table(out / "wav.scp")) == list(FRAMES)


def test_the_table_is_absent_while_anything_is_missing(features, tmp_path):
    out = tmp_path / "out"
    Decoder(system(), features, out).run()
    (out / "wav" / "d.wav").unlink()

    class Stops(Noise):
        def synthesize(self, mel, *, gain: float = 0.1, generator: torch.Generator | None = None):
            if mel.shape[-1] == FRAMES["d"]:
                raise KeyboardInterrupt
            return super().synthesize(mel, gain=gain, generator=generator)

    with pytest.raises(KeyboardInterrupt):
        Decoder(system(Stops(SPEC)), features, out).run()
    assert not (out / "wav.scp").exists()


@pytest.mark.parametrize("change", ["seed", "option", "weights"])
def test_other_settings_start_the_directory_anew(features, tmp_path, change):
    out = tmp_path / "out"
    Decoder(system(), features, out).run()
    before = waves(out)
    (out / "summary.json").write_text("{}")
    other = system(Noise(SPEC, 0.5)) if change == "weights" else system(**({"gain": 0.2} if change == "option" else {}))
    Decoder(other, features, out, seed=int(change == "seed")).run()
    assert all(wave != before[utt] for utt, wave in waves(out).items())
    assert len(records(out)) == len(FRAMES)
    assert not (out / "summary.json").exists()  # its scores are of the waves that are gone


def test_a_directory_of_somebody_else_is_left_alone(features, tmp_path):
    (tmp_path / "wav.scp").write_text("a a.wav\n")
    with pytest.raises(InputError, match="did not write; name another"):
        Decoder(system(), features, tmp_path).run()
    assert (tmp_path / "wav.scp").read_text() == "a a.wav\n"


def test_clipped_samples_are_counted(features, tmp_path):
    done = Decoder(system(gain=0.5), features, tmp_path / "out").run()
    expected = sum(int((0.5 * noise(0, utt)).abs().gt(1).sum()) for utt in FRAMES)
    assert sum(record["clipped"] for record in done) == expected > 50
    assert f"clipped: {expected} of {sum(FRAMES.values()) * HOP} samples, in 4 utterances" in summary(done)


def test_a_wave_that_is_not_finite_is_named(features, tmp_path):
    with pytest.raises(InputError, match=r"^b: Noise failed: .*b.wav: 560 of 560 samples are not finite"):
        Decoder(system(Noise(SPEC, float("inf"))), features, tmp_path / "out").run()
    assert not list((tmp_path / "out").glob("wav/*"))


def test_mels_of_another_kind_are_refused_with_the_difference(features, tmp_path):
    other = MelSpec(sample_rate=1000, n_fft=16, win_size=16, hop_size=HOP, n_mels=4, f_max=400)
    with pytest.raises(InputError, match=r"features != checkpoint: f_max: 500.0 != 400.0\); make features"):
        Decoder(system(Noise(other)), features, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mels_that_differ_in_compression_alone_are_converted_on_request(features, tmp_path):
    other = MelSpec(sample_rate=1000, n_fft=16, win_size=16, hop_size=HOP, n_mels=4, log="log10")
    seen = []

    class Listens(Noise):
        def synthesize(self, mel, *, gain: float = 0.1, generator: torch.Generator | None = None):
            seen.append(mel)
            return super().synthesize(mel, gain=gain, generator=generator)

    with pytest.raises(InputError, match="--convert_mel true"):
        Decoder(system(Listens(other)), features, tmp_path / "out")
    decoder = Decoder(system(Listens(other)), features, tmp_path / "out", convert_mel=True)
    decoder.run()
    own = torch.from_numpy(decoder.features.mel("b"))
    torch.testing.assert_close(seen[1][0], own / np.log(10), atol=1e-5, rtol=1e-5)


def test_what_was_trained_on_is_not_decoded_unasked(features, tmp_path):
    (tmp_path / "train_utterances").write_text("b\nother\nd\n")
    vocoder = Noise(SPEC)
    vocoder.checkpoint_info["path"] = str(tmp_path / "best.pt")
    with pytest.raises(InputError, match=r"2 of these 4 utterances \(b, d\).*--seen true"):
        Decoder(system(vocoder), features, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    Decoder(system(vocoder), features, tmp_path / "out", seen=True).run()
    assert sorted(waves(tmp_path / "out")) == sorted(FRAMES)


def test_options_are_those_of_the_synthesis():
    with pytest.raises(InputError, match=r"conf/decode.yaml has no option 'gian'; did you mean 'gain'"):
        model_system(Noise(SPEC), {"gian": 1.0}, where="conf/decode.yaml")
    with pytest.raises(InputError, match="gain"):
        model_system(Noise(SPEC), {"gain": "loud"})


def test_the_recording_is_bit_for_bit_the_wave_of_the_features(features, tmp_path):
    decoder = Decoder(baseline_system("recording", {}), features, tmp_path / "out")
    decoder.run()
    for utt in FRAMES:
        samples, _ = soundfile.read(tmp_path / "out" / "wav" / f"{utt}.wav", dtype="int16")
        np.testing.assert_array_equal(samples, decoder.features.wave(utt))


def test_settings_say_what_made_the_waves(features, tmp_path):
    Decoder(system(gain=0.3), features, tmp_path / "out", seed=2).run()
    settings = json.loads((tmp_path / "out" / "system.json").read_text())
    expected = {
        "system": "Noise",
        "kind": "model",
        "model": "noise",
        "parameters": 1,
        "train_steps": 3,
        "seed": 2,
    }
    assert expected.items() <= settings.items()
    assert settings["options"] == {"gain": 0.3}
    assert MelSpec(**settings["mel"]) == SPEC
    assert "command" in settings["provenance"]


def test_a_misspelt_baseline_is_told_the_baselines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = "^grifin_lim: neither .* baselines recording, griffin_lim, world; did you mean 'griffin_lim'"
    with pytest.raises(InputError, match=message):
        open_system("grifin_lim")
    with pytest.raises(InputError, match="^exp/none: neither .* world; train it first, or correct the path$"):
        open_system("exp/none")


@pytest.mark.parametrize("checkpoint", ["exp/x/best", "best.pt"])
def test_a_checkpoint_that_looks_like_a_file_must_be_one(tmp_path, monkeypatch, checkpoint):
    (tmp_path / "exp" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"^--checkpoint {checkpoint}: no such file; give one"):
        open_system("exp/x", checkpoint=checkpoint)


def test_a_file_called_best_is_not_the_best_checkpoint(tmp_path, monkeypatch):
    (tmp_path / "exp" / "x").mkdir(parents=True)
    (tmp_path / "best").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="^exp/x/best.pt: no such checkpoint; exp/x has: none"):
        open_system("exp/x")


def test_without_a_gpu_asking_for_one_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="sees no GPU; use --device cpu"):
        open_system("exp/x", device="cuda")
