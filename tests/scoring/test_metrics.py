"""Each metric against a truth that does not come from our code."""

import numpy as np
import pytest

from vocoders.errors import InputError
from vocoders.io.audio import read_wave
from vocoders.scoring import metrics
from vocoders.scoring.metrics import METRICS, Score, load_metric, package_versions
from vocoders.scoring.signal import Signal

RATE = 22050
PERFECT = {"pesq": 4.644, "stoi": 1, "estoi": 1}  # of distances it is 0; DNSMOS has none


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(scale=0.1, size=RATE).astype(np.float32)


@pytest.fixture
def speech(shared_data):
    wave, rate = read_wave(shared_data / "LJSpeech-1.1" / "wavs" / "LJ001-0002.wav")
    return Signal(wave, rate)


@pytest.fixture
def passage(shared_data):
    """Long enough for DNSMOS to look at once; a shorter one it repeats, and looks at several times."""
    wave, rate = read_wave(shared_data / "LJSpeech-1.1" / "wavs" / "LJ001-0001.wav")
    return Signal(wave, rate)


def score(name, reference, decoded, rate=RATE):
    return load_metric(name)(Signal(reference, rate), Signal(decoded, rate))


def harmonics(f0, rate=RATE, seconds=1.0):
    """A buzz whose pitch everybody hears: harmonics up to 8 kHz, falling by 6 dB per octave."""
    time = np.arange(int(rate * seconds)) / rate
    order = np.arange(1, 8000 // f0)[:, None]
    return (0.1 * np.sin(2 * np.pi * f0 * order * time) / order).sum(0).astype(np.float32)


@pytest.mark.parametrize("name", sorted(set(METRICS.names()) - {"dnsmos"}))
def test_a_recording_is_perfect_against_itself(name, speech):
    scores = load_metric(name)(speech, speech)
    assert set(scores) == set(METRICS[name].scores)
    for key, value in scores.items():
        assert value == pytest.approx(PERFECT.get(key, 0), abs=1e-3)


@pytest.mark.parametrize("name", METRICS.names())
def test_more_noise_scores_worse(name, speech, passage):
    speech = passage if name == "dnsmos" else speech
    noise = np.random.default_rng(1).normal(size=speech.wave.shape).astype(np.float32)
    little, much = (
        load_metric(name)(speech, Signal(speech.wave + level * noise, speech.rate)) for level in (0.002, 0.02)
    )
    for key, definition in METRICS[name].scores.items():
        if key != "log_f0_rmse":  # noise silences the pitch tracker, it does not mislead it
            better, worse = (little, much) if definition.better == "higher" else (much, little)
            assert better[key] > worse[key], key


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_says_what_it_is(name):
    for definition in METRICS[name].scores.values():
        assert isinstance(definition, Score)
        assert definition.better in ("higher", "lower")
        assert definition.label and definition.definition
    assert set(package_versions([name])) == set(METRICS[name].needs.values())


@pytest.mark.parametrize("gain", [0.5, 1.5])
def test_spectral_distances_of_a_scaled_signal_are_the_logarithm_of_the_gain(noise, gain):
    loud = 3 * noise  # no bin near a floor
    expected = pytest.approx(abs(np.log(gain)), rel=1e-3)
    assert score("log_mel_mae", loud, gain * loud) == {"log_mel_mae": expected, "log_mel_mae_50db": expected}
    assert score("mr_stft", loud, gain * loud)["mr_stft"] == pytest.approx(abs(np.log(gain)), rel=2e-3)


def test_log_mel_mae_within_50_db_ignores_what_is_quieter(noise):
    """The quiet half lies 60 dB below; only there does the decoded wave differ."""
    quiet = np.concatenate([noise, 1e-3 * noise]).astype(np.float32)
    half = np.concatenate([noise, 5e-4 * noise]).astype(np.float32)
    scores = score("log_mel_mae", quiet, half)
    assert scores["log_mel_mae"] == pytest.approx(np.log(2) / 2, rel=0.05)
    assert scores["log_mel_mae_50db"] < 0.02


def test_log_mel_mae_is_that_of_librosa(speech):
    import librosa

    def log_mel(wave):
        wave = np.pad(wave, (0, -len(wave) % 256))
        mel = librosa.feature.melspectrogram(
            y=wave, sr=RATE, n_fft=1024, hop_length=256, fmax=8000, n_mels=80, power=1, pad_mode="reflect"
        )
        return np.log(np.maximum(mel[:, : len(wave) // 256], 1e-5))

    decoded = np.tanh(5 * speech.wave)
    expected = np.abs(log_mel(speech.wave) - log_mel(decoded)).mean()
    found = load_metric("log_mel_mae")(speech, Signal(decoded, RATE))["log_mel_mae"]
    assert found == pytest.approx(expected, rel=1e-4)


def test_log_mel_mae_at_another_rate_is_about_that_at_its_own(speech):
    decoded = np.tanh(5 * speech.wave)
    own = load_metric("log_mel_mae")(speech, Signal(decoded, RATE))["log_mel_mae"]
    at_48k = [Signal(Signal(wave, RATE).at(48000), 48000) for wave in (speech.wave, decoded)]
    assert load_metric("log_mel_mae")(*at_48k)["log_mel_mae"] == pytest.approx(own, rel=0.05)


def test_mr_stft_floors_both_sides_at_minus_70_db(noise):
    """What lies under the floor does not count; what lies over it counts from there."""
    silence, click = np.zeros(2100, np.float32), np.zeros(2100, np.float32)
    click[1050] = 1.0
    assert score("mr_stft", silence, 1e-6 * click)["mr_stft"] == 0
    assert 0 < score("mr_stft", silence, click)["mr_stft"] <= np.log(1 / 10**-3.5)


@pytest.mark.parametrize("gain", [0.1, 3.0])
def test_mcd_does_not_see_the_volume(speech, gain):
    assert load_metric("mcd")(speech, Signal(gain * speech.wave, speech.rate))["mcd"] < 0.02


def test_mcd_of_a_filter_is_that_of_its_mel_cepstrum(noise):
    """On the warped axis w, 1 - a/z is (1 - b w) / (1 + alpha w) times a constant, b = (a - alpha) /
    (1 - a alpha); the coefficients of its logarithm are ((-alpha)^m - b^m) / m."""
    a, alpha, order = 0.9, 0.41, np.arange(1, 25)
    b = (a - alpha) / (1 - a * alpha)
    difference = ((-alpha) ** order - b**order) / order
    expected = 10 / np.log(10) * np.sqrt(2 * (difference**2).sum())
    filtered = noise - a * np.concatenate([[0], noise[:-1]])
    found = score("mcd", noise, filtered.astype(np.float32), rate=16000)["mcd"]
    assert found == pytest.approx(expected, rel=0.05)


def test_mcd_leaves_out_what_is_50_db_below_the_loudest(noise):
    """Only the quiet half is filtered."""
    filtered = np.convolve(noise, [1, -0.9], "same")
    reference = np.concatenate([noise, 1e-3 * noise]).astype(np.float32)
    decoded = np.concatenate([noise, 1e-3 * filtered]).astype(np.float32)
    assert score("mcd", reference, decoded, rate=16000)["mcd"] < 0.2


@pytest.mark.parametrize(("low", "high"), [(110, 121), (200, 180)])
def test_pitch_error_of_two_tones_is_the_logarithm_of_their_ratio(low, high):
    scores = score("f0", harmonics(low), harmonics(high))
    assert scores["log_f0_rmse"] == pytest.approx(abs(np.log(high / low)), rel=0.02)
    assert scores["vuv_error"] < 3


def test_voicing_error_is_the_share_of_frames():
    voiced = harmonics(120)
    half = voiced.copy()
    half[: len(half) // 2] = 0
    scores = score("f0", voiced, half)
    assert scores["vuv_error"] == pytest.approx(50, abs=4)
    assert score("f0", half, voiced)["vuv_error"] == pytest.approx(scores["vuv_error"])
    assert scores["periodicity_rmse"] == pytest.approx(np.sqrt(0.5), abs=0.06)  # 1 against 0 in half of it


def test_pitch_without_a_common_voiced_frame_is_undefined():
    scores = score("f0", harmonics(120), np.zeros(RATE, np.float32))
    assert scores["log_f0_rmse"] is None
    assert scores["vuv_error"] > 95


def test_periodicity_error_grows_with_breath():
    voiced, breath = harmonics(120), np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    errors = [score("f0", voiced, voiced + level * breath)["periodicity_rmse"] for level in (0, 0.01, 0.1)]
    assert errors == sorted(errors)
    assert errors[0] == 0 and errors[2] > 2 * errors[1] > 0


@pytest.mark.parametrize(("band", "counts"), [((2500, 3500), True), ((5000, 7000), False)])
def test_periodicity_is_that_below_4_khz(band, counts):
    from scipy.signal import butter, sosfilt

    voiced, breath = harmonics(120), np.random.default_rng(0).normal(scale=0.1, size=RATE)
    noisy = voiced + sosfilt(butter(8, band, "bandpass", fs=RATE, output="sos"), breath)
    assert (score("f0", voiced, noisy.astype(np.float32))["periodicity_rmse"] > 0.1) == counts


def test_pesq_stoi_and_dnsmos_are_those_of_their_packages(passage):
    import soxr
    from pesq import pesq
    from pystoi import stoi
    from speechmos import dnsmos

    decoded = 3 * passage.wave + 0.005 * np.random.default_rng(0).normal(size=len(passage.wave))
    assert abs(decoded).max() > 1  # so that clipping counts
    reference, decoded = passage.wave.astype(np.float64), decoded.astype(np.float32)
    at_16k = [soxr.resample(wave, RATE, 16000, quality="HQ").clip(-1, 1) for wave in (passage.wave, decoded)]
    found = {}
    for name in ("pesq", "stoi", "dnsmos"):
        found |= load_metric(name)(passage, Signal(decoded, RATE))
    opinion = dnsmos.run(at_16k[1], 16000)
    assert found == {
        "pesq": pytest.approx(pesq(16000, *at_16k, "wb"), abs=1e-4),
        "stoi": pytest.approx(stoi(reference, decoded.astype(np.float64), RATE), abs=1e-6),
        "estoi": pytest.approx(stoi(reference, decoded.astype(np.float64), RATE, extended=True), abs=1e-6),
        "dnsmos": pytest.approx(opinion["ovrl_mos"], abs=1e-3),
        "dnsmos_p808": pytest.approx(opinion["p808_mos"], abs=1e-3),
    }


def test_estoi_does_not_depend_on_the_global_random_state_and_leaves_it_alone(speech):
    half = len(speech.wave) // 2
    decoded = Signal(np.append(speech.wave[:half], np.zeros(len(speech.wave) - half, np.float32)), speech.rate)
    np.random.seed(7)
    first = load_metric("stoi")(speech, decoded)
    drawn = np.random.random()
    assert load_metric("stoi")(speech, decoded) == first
    np.random.seed(7)
    assert np.random.random() == drawn


@pytest.mark.parametrize(
    ("name", "length", "gains", "message"),
    [
        ("pesq", RATE, (0, 1), "PESQ finds no speech: one of the two is digital silence"),
        ("pesq", RATE, (1, 0), "PESQ finds no speech: one of the two is digital silence"),
        ("pesq", 2000, (1, 1), "PESQ needs a quarter of a second"),
        ("stoi", 4000, (1, 1), "STOI needs 0.4 s of speech"),
        ("log_mel_mae", 1000, (1, 1), "needs 1024 samples at 22.05 kHz, there are 1000"),
        ("mr_stft", 1000, (1, 1), "more than 1024 samples, there are 1000"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(name, length, gains, message):
    wave = 0.1 * np.random.default_rng(0).normal(size=length).astype(np.float32)
    with pytest.raises(InputError, match=message):
        score(name, *(gain * wave for gain in gains))


def test_a_burst_too_short_to_be_speech_is_no_score(noise):
    burst = np.zeros(16000, np.float32)
    burst[8000:8300] = noise[:300]
    with pytest.raises(InputError, match="PESQ finds no speech in the reference"):
        score("pesq", burst, noise[:16000], rate=16000)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(METRICS["pesq"].needs, "no_such_module_at_all", "pesq")
    with pytest.raises(InputError, match=r"pesq needs the package pesq.*pip install vocoders\[scores\]"):
        metrics.load_metric("pesq")
