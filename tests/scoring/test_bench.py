"""What ``vocoders bench score`` adds up, and what it refuses."""

import sys

import numpy as np
import pytest

from vocoders.cli import main as vocoders
from vocoders.errors import InputError
from vocoders.io.audio import write_wave
from vocoders.io.files import read_json
from vocoders.io.tables import write_table
from vocoders.scoring import bench
from vocoders.scoring.metrics import METRICS

RATE = 16000
QUICK = "mr_stft,log_mel_mae"


def folder(path, waves, rate=RATE):
    for utt, wave in waves.items():
        write_wave(path / f"{utt}.wav", wave, rate)
    write_table(path / "wav.scp", {utt: path / f"{utt}.wav" for utt in waves})
    return path


@pytest.fixture
def waves():
    random = np.random.default_rng(0)
    return {f"u{number}": random.normal(scale=0.1, size=RATE // 2) for number in range(3)}


@pytest.fixture
def recordings(tmp_path, waves):
    return folder(tmp_path / "ref", waves)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only metrics move: by 1 s each, and DNSMOS by 10."""
    now = [0.0]
    monkeypatch.setattr(bench.time, "process_time", lambda: now[0])

    def load(name):
        def metric(reference, decoded):
            now[0] += 10 if name == "dnsmos" else 1

        return metric

    monkeypatch.setattr(bench, "load_metric", load)
    return now


def test_parts_shares_and_totals_add_up(recordings, clock, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "lag", lambda *pair: clock.__setitem__(0, clock[0] + 0.5))
    monkeypatch.setattr(bench.Signal, "at", lambda signal, rate: clock.__setitem__(0, clock[0] + 0.125))
    monkeypatch.setattr(bench, "_noisy", lambda wave, random: clock.__setitem__(0, clock[0] + 0.25) or wave)
    lines = bench.main(recordings, metrics="pesq,dnsmos,stoi", utterances=2, rounds=3, json=tmp_path / "cost.json")
    report = read_json(tmp_path / "cost.json")
    per_second = {name: part["seconds_per_second"] for name, part in report["parts"].items()}
    expected = {"read both": 0.5, "lag": 1, "resample, shared": 0.5, "pesq": 2, "dnsmos": 20, "stoi": 2}
    assert per_second == pytest.approx(expected)  # 1 s of audio in two utterances
    assert sum(part["share"] for part in report["parts"].values()) == pytest.approx(1)
    assert report["totals"]["total"]["times_real_time"] == pytest.approx(1 / 26)
    assert report["totals"]["total without dnsmos"]["seconds_per_second"] == pytest.approx(6)
    assert lines[0] == "2 of 3 utterances, 1.0 s, one thread, medians of 3 rounds"
    (dnsmos,) = [line for line in lines if line.startswith("| dnsmos")]
    assert dnsmos.split() == ["|", "dnsmos", "|", "20000.00", "|", "0.1", "|", "76.9%", "|"]


def test_the_made_decoded_wave_is_the_recording_with_noise_20_db_below(waves):
    wave = waves["u0"]
    noise = bench._noisy(wave, np.random.default_rng(1)) - wave
    assert 20 * np.log10(wave.std() / noise.std()) == pytest.approx(20, abs=0.2)


def test_given_decoded_waves_are_the_ones_measured(recordings, waves, tmp_path, clock, monkeypatch):
    decoded = folder(tmp_path / "dec", {utt: 0.5 * wave for utt, wave in list(waves.items())[1:]})
    seen = []
    monkeypatch.setattr(
        bench, "load_metric", lambda name: lambda ref, dec: seen.append(dec.wave.std() / ref.wave.std())
    )
    monkeypatch.setattr(bench.time, "process_time", iter(range(1000)).__next__)
    lines = bench.main(recordings, decoded, metrics="pesq", rounds=1)
    assert lines[0].startswith("2 of 2 utterances")
    assert seen == pytest.approx([0.5] * 4, rel=1e-3)  # the round that warms up, and the one that counts


def test_the_command_prints_a_row_for_each_metric_and_writes_the_figures(recordings, tmp_path, capsys):
    arguments = ["--metrics", QUICK, "--rounds", "1", "--json", str(tmp_path / "cost.json")]
    assert vocoders(["bench", "score", str(recordings), *arguments]) == 0
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows == ["part", "read both", "lag", "resample, shared", "mr_stft", "log_mel_mae", "total"]
    assert read_json(tmp_path / "cost.json")["parts"]["mr_stft"]["times_real_time"] > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"utterances": 0}, "^--utterances: expected at least 1, found 0"),
        ({"rounds": 0}, "^--rounds: expected at least 1, found 0"),
        ({"metrics": "psq"}, "no metric 'psq'; did you mean 'pesq'"),
        ({"source": "nowhere"}, "nowhere: no such table"),
    ],
)
def test_a_wrong_option_is_refused(recordings, options, message):
    with pytest.raises(InputError, match=message):
        bench.main(**{"source": recordings, "metrics": QUICK, **options})


def test_waves_that_do_not_belong_together_are_refused(recordings, waves, tmp_path):
    decoded = folder(tmp_path / "dec", {utt: wave[:4000] for utt, wave in waves.items()}, RATE)
    with pytest.raises(InputError, match=r"u0: the decoded wave is 0\.250 s shorter"):
        bench.main(recordings, decoded, metrics=QUICK)


def test_references_of_another_rate_are_brought_to_that_of_the_decoded_waves(recordings, waves, tmp_path):
    decoded = folder(tmp_path / "dec", {utt: wave[::2] for utt, wave in waves.items()}, RATE // 2)
    assert bench.main(recordings, decoded, metrics=QUICK, rounds=1)


def test_what_a_metric_cannot_measure_names_the_utterance_and_leaves_no_file(tmp_path):
    short = folder(tmp_path / "ref", {"u7": np.full(900, 0.1)})
    with pytest.raises(InputError, match="^u7: mr_stft: the longest STFT needs more than 1024 samples, there are 900"):
        bench.main(short, metrics="mr_stft", json=tmp_path / "cost.json")
    assert not (tmp_path / "cost.json").exists()


def test_what_is_resampled_beforehand_is_all_that_metrics_ask_for():
    """Else a metric's row would hold a resampling that another one finds done."""
    modules = {name: sys.modules[METRICS[name].__module__] for name in METRICS.names()}
    assert {name: module.RATE for name, module in modules.items() if hasattr(module, "RATE")} == bench.SHARED_RATES


@pytest.mark.parametrize(
    ("metrics", "rates"), [("mr_stft", set()), ("stoi,log_mel_mae", {22050}), ("pesq,mcd,log_mel_mae", {16000, 22050})]
)
def test_nothing_is_resampled_that_no_chosen_metric_asks_for(recordings, clock, monkeypatch, metrics, rates):
    asked = set()
    monkeypatch.setattr(bench.Signal, "at", lambda signal, rate: asked.add(rate))
    monkeypatch.setattr(bench.time, "process_time", iter(range(1000)).__next__)
    lines = bench.main(recordings, metrics=metrics, rounds=1)
    assert asked == rates and any("resample" in line for line in lines) == bool(rates)
