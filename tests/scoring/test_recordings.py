"""Each metric on three recordings, against its formula written again with other libraries.

A part that one library alone has (ITU's PESQ, the networks of DNSMOS, WORLD's analysis) is called here directly;
what lies around it is written anew.
"""

import librosa
import numpy as np
import pytest
import soundfile
import soxr

from vocoders.io.audio import write_wave
from vocoders.io.tables import write_table
from vocoders.scoring.metrics import METRICS, load_metric
from vocoders.scoring.score import score as score_all
from vocoders.scoring.signal import Signal

RECORDINGS = {
    "LJ": "LJSpeech-1.1/wavs/LJ001-0002.wav",  # 22.05 kHz
    "VCTK": "VCTK-Corpus/wav48/*/*.wav",  # 48 kHz
    "kerstin": "dataset-voice-kerstin/**/*.flac",  # 48 kHz, little above 7 kHz
}
SECONDS = 2.5
HEARD = sorted(set(METRICS.names()) - {"dnsmos"})


@pytest.fixture(params=list(RECORDINGS))
def pair(request, shared_data):
    """(recording, a copy of it, squashed and with noise, rate)."""
    wave, rate = excerpt(shared_data, request.param)
    noise = np.random.default_rng(0).normal(size=len(wave))
    decoded = 0.6 * np.tanh(2 * wave / abs(wave).max()) * abs(wave).max() + 0.02 * wave.std() * noise
    return wave, decoded.astype(np.float32), rate


def excerpt(folder, name):
    """(wave, rate) of the first such file, from its first sound on."""
    wave, rate = soundfile.read(sorted(folder.glob(RECORDINGS[name]))[0], dtype="float32")
    return wave[np.flatnonzero(abs(wave) > 0.05)[0] :][: int(SECONDS * rate)], rate


def score(name, reference, decoded, rate):
    return load_metric(name)(Signal(reference, rate), Signal(decoded, rate))


def at(rate, pair):
    """Both waves at another rate; by soxr too, because another filter alone moves DNSMOS by 0.15 and MCD by 0.4 dB."""
    *waves, old = pair
    return [soxr.resample(wave, old, rate, quality="HQ") for wave in waves]


def test_pesq_is_that_of_the_itu_code(pair):
    from pesq import pesq

    assert score("pesq", *pair)["pesq"] == pytest.approx(pesq(16000, *at(16000, pair), "wb"), abs=1e-3)


def test_dnsmos_is_that_of_its_networks(pair):
    from speechmos import dnsmos

    opinion = dnsmos.run(at(16000, pair)[1].clip(-1, 1), 16000)
    expected = {"dnsmos": opinion["ovrl_mos"], "dnsmos_p808": opinion["p808_mos"]}
    assert score("dnsmos", *pair) == pytest.approx(expected, abs=2e-3)


def test_stoi_and_estoi_are_those_of_their_papers(pair):
    reference, decoded, rate = pair
    decoded = decoded + 0.5 * reference.std() * np.random.default_rng(1).normal(size=len(decoded)).astype(np.float32)
    pair = reference, decoded, rate
    envelopes = list(third_octaves(*at(10000, pair)))
    expected = {"stoi": taal_2011(*envelopes), "estoi": jensen_2016(*envelopes)}
    assert score("stoi", *pair) == pytest.approx(expected, abs=2e-3)


def test_mcd_is_that_of_the_cepstrum_by_quadrature(pair):
    reference, decoded = (world_spectrum(wave.astype(np.float64)) for wave in at(16000, pair))
    level = 10 * np.log10(reference.mean(1))
    heard = level > level.max() - 50
    difference = mel_cepstrum(reference[heard]) - mel_cepstrum(decoded[heard])
    expected = np.mean(10 / np.log(10) * np.sqrt(2 * (difference[:, 1:] ** 2).sum(1)))
    assert score("mcd", *pair)["mcd"] == pytest.approx(expected, rel=2e-3)


def test_mr_stft_is_that_of_librosa(pair):
    *waves, _ = pair
    distances = []
    for n_fft, hop_length, win_length in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        settings = {"n_fft": n_fft, "hop_length": hop_length, "win_length": win_length, "pad_mode": "reflect"}
        logs = [np.log(abs(librosa.stft(wave.astype(np.float64), **settings)).clip(10**-3.5)) for wave in waves]
        distances.append(abs(logs[0] - logs[1]).mean())
    assert score("mr_stft", *pair)["mr_stft"] == pytest.approx(np.mean(distances), rel=1e-5)


def test_log_mel_mae_is_that_of_librosa(pair):
    reference, decoded = (log_mel(wave) for wave in at(22050, pair))
    error, loud = abs(reference - decoded), reference > reference.max() - np.log(10**2.5)
    expected = {"log_mel_mae": error.mean(), "log_mel_mae_50db": error[loud].mean()}
    assert score("log_mel_mae", *pair) == pytest.approx(expected, rel=1e-4)


def test_pitch_voicing_and_periodicity_are_those_of_world(pair):
    (f0, periodic), (other, others) = (world_pitch(wave, 16000) for wave in at(16000, pair))
    both = (f0 > 0) & (other > 0)
    assert both.mean() > 0.3
    assert score("f0", *pair) == pytest.approx(
        {
            "log_f0_rmse": np.sqrt(np.mean(np.log2(f0[both] / other[both]) ** 2)) * np.log(2),
            "vuv_error": 100 * np.mean(np.sign(f0) != np.sign(other)),
            "periodicity_rmse": np.sqrt(np.mean((periodic[::4] - others[::4]) ** 2)),
        },
        rel=1e-3,  # D4C adds a trace of noise, another to each frame when some are left out
    )


def test_the_pitch_error_of_raised_speech_is_what_it_was_raised_by_and_rapt_agrees(pair):
    import pysptk
    import pyworld

    speech = pair[0].astype(np.float64)
    rate = pair[2]
    f0, time = pyworld.harvest(speech, rate)
    spectrum, aperiodicity = pyworld.cheaptrick(speech, f0, time, rate), pyworld.d4c(speech, f0, time, rate)
    voices = [pyworld.synthesize(f0 * factor, spectrum, aperiodicity, rate) for factor in (1, 1.12)]
    found = score("f0", *(voice.astype(np.float32) for voice in voices), rate)["log_f0_rmse"]
    assert found == pytest.approx(np.log(1.12), rel=0.15)
    samples = [32768 * voice.astype(np.float32) for voice in at(16000, (*voices, rate))]
    rapt = [pysptk.rapt(each, 16000, hopsize=80, min=70, max=500) for each in samples]
    both = (rapt[0] > 0) & (rapt[1] > 0)
    assert found == pytest.approx(abs(np.median(np.log(rapt[1][both] / rapt[0][both]))), rel=0.15)


@pytest.mark.parametrize("name", HEARD)
def test_a_recording_against_itself_is_perfect_and_distances_are_symmetric(name, pair):
    reference, decoded, rate = pair
    for key, value in score(name, reference, reference, rate).items():
        assert value == pytest.approx({"pesq": 4.644, "stoi": 1, "estoi": 1}.get(key, 0), abs=1e-3)
    if name in ("mr_stft", "log_mel_mae", "f0"):
        there, back = score(name, reference, decoded, rate), score(name, decoded, reference, rate)
        there.pop("log_mel_mae_50db", None)  # which bins count is the reference's to say
        assert there == pytest.approx({key: back[key] for key in there}, rel=1e-6)


@pytest.mark.parametrize("name", ["pesq", "stoi", "mcd", "f0"])
def test_what_compares_levels_does_not_see_a_volume(name, pair):
    reference, decoded, rate = pair
    tolerance = {"pesq": 0.01, "stoi": 1e-4, "mcd": 0.01, "f0": 0.1}[name]
    expected = score(name, reference, decoded, rate)
    assert score(name, reference, 0.5 * decoded, rate) == pytest.approx(expected, abs=tolerance)


def test_two_workers_write_the_scores_of_one(tmp_path, shared_data):
    """All metrics, those with random numbers or networks of their own too; no wave leaves a trace in the next one."""
    for folder in ("reference", "decoded"):
        write_table(tmp_path / folder / "wav.scp", {name: tmp_path / folder / f"{name}.wav" for name in ("LJ", "VCTK")})
    for number, name in enumerate(("LJ", "VCTK")):
        wave, rate = excerpt(shared_data, name)
        noise = np.random.default_rng(number).normal(scale=0.01, size=len(wave))
        write_wave(tmp_path / "reference" / f"{name}.wav", wave, rate)
        write_wave(tmp_path / "decoded" / f"{name}.wav", wave + noise, rate)
    tables = (tmp_path / "reference" / "wav.scp", tmp_path / "decoded" / "wav.scp")
    for workers in (1, 2):
        score_all(*tables, tmp_path / str(workers), metrics=METRICS.names(), nj=workers)
    for name in ("scores.jsonl", "summary.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@pytest.mark.parametrize("pair", ["LJ"], indirect=True)
def test_a_reference_is_analysed_once_for_many_candidates(pair, monkeypatch):
    import pyworld

    reference, decoded, rate = pair
    calls, dio = [], pyworld.dio
    monkeypatch.setattr(pyworld, "dio", lambda *args, **options: calls.append(1) or dio(*args, **options))
    kept = Signal(reference, rate)
    scores = [load_metric("mcd")(kept, Signal(gain * decoded, rate)) for gain in (1, 1)]
    assert len(calls) == 3
    assert scores[0] == scores[1] == score("mcd", *pair)


def third_octaves(*waves):
    """Amplitudes [15 bands, frames] of both at 10 kHz; frames 40 dB below the reference's loudest are left out."""
    window = np.hanning(258)[1:-1]
    starts = range(0, len(waves[0]) - 256, 128)
    frames = np.array([[wave[start : start + 256] * window for start in starts] for wave in waves])
    energy = 20 * np.log10(np.linalg.norm(frames[0], axis=1))
    frames = frames[:, energy > energy.max() - 40]
    centres = 150 * 2 ** (np.arange(15) / 3)
    frequency = np.arange(257) * 10000 / 512
    low, high = (
        abs(frequency - edge[:, None]).argmin(1)[:, None] for edge in (centres * 2 ** (-1 / 6), centres * 2 ** (1 / 6))
    )
    bands = (np.arange(257) >= low) & (np.arange(257) < high)
    for kept in frames:
        joined = np.zeros(128 * (len(kept) + 1))
        for number, frame in enumerate(kept):
            joined[128 * number :][:256] += frame
        starts = range(0, len(joined) - 256, 128)
        power = np.array([abs(np.fft.rfft(window * joined[start : start + 256], 512)) ** 2 for start in starts])
        yield np.sqrt(bands @ power.T)


def taal_2011(clean, processed):
    """Mean correlation of envelopes over 30 frames, the processed clipped at -15 dB of signal to distortion."""
    scores = []
    for end in range(30, clean.shape[1] + 1):
        for x, y in zip(clean[:, end - 30 : end], processed[:, end - 30 : end]):
            y = np.minimum(y * np.linalg.norm(x) / np.linalg.norm(y), (1 + 10 ** (15 / 20)) * x)
            scores.append(np.corrcoef(x, y)[0, 1])
    return np.mean(scores)


def jensen_2016(clean, processed):
    """Mean inner product of 30 frames' spectra, after rows and then columns have mean 0 and norm 1."""

    def normalised(block):
        for axis in (1, 0):
            block = block - block.mean(axis, keepdims=True)
            block = block / np.linalg.norm(block, axis=axis, keepdims=True)
        return block

    ends = range(30, clean.shape[1] + 1)
    blocks = [[normalised(bands[:, end - 30 : end]) for end in ends] for bands in (clean, processed)]
    return np.mean([(x * y).sum() / 30 for x, y in zip(*blocks)])


def world_spectrum(wave):
    import pyworld

    f0, time = pyworld.dio(wave, 16000, f0_floor=70, f0_ceil=500)
    return pyworld.cheaptrick(wave, pyworld.stonemask(wave, f0, time, 16000), time, 16000)


def mel_cepstrum(power, alpha=0.41):
    """Cosine coefficients 0..24 of ln |X| over the warped frequency: the mean over a fine grid of it."""
    warped = np.pi * (np.arange(4096) + 0.5) / 4096
    frequency = warped - 2 * np.arctan2(alpha * np.sin(warped), 1 + alpha * np.cos(warped))
    bins = np.linspace(0, np.pi, power.shape[1])
    log = np.array([np.interp(frequency, bins, each) for each in np.log(power) / 2])
    return 2 * log @ np.cos(np.outer(warped, np.arange(25))) / len(warped)


def log_mel(wave):
    wave = np.pad(wave, (0, -len(wave) % 256))
    settings = {"n_fft": 1024, "hop_length": 256, "n_mels": 80, "fmax": 8000, "power": 1, "pad_mode": "reflect"}
    mel = librosa.feature.melspectrogram(y=wave, sr=22050, **settings)
    return np.log(mel[:, : len(wave) // 256].clip(1e-5))


def world_pitch(wave, rate):
    """(F0 [frames] Hz, 1 - mean aperiodicity up to 4 kHz, 0 where unvoiced)."""
    import pyworld

    wave = wave.astype(np.float64)
    coarse, time = pyworld.dio(wave, rate, f0_floor=70, f0_ceil=500, frame_period=5)
    f0 = pyworld.stonemask(wave, coarse, time, rate)
    noise = pyworld.d4c(wave, f0, time, rate, threshold=0)
    low = np.linspace(0, rate / 2, noise.shape[1]) <= 4000
    return f0, np.where(f0 > 0, 1 - noise[:, low].mean(1), 0)
