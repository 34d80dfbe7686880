"""The stage: what it accepts, what it keeps, and what it refuses to average."""

import json
import logging

import numpy as np
import pytest

from vocoders.errors import InputError
from vocoders.io.audio import read_wave, write_wave
from vocoders.io.files import append_jsonl, read_json, read_jsonl, write_json
from vocoders.io.tables import read_table, write_table
from vocoders.scoring import utterance
from vocoders.scoring.metrics import METRICS
from vocoders.scoring.score import choose_metrics, score
from vocoders.scoring.summary import alignment_words

RATE = 16000
QUICK = ["mr_stft", "log_mel_mae"]
UTTERANCES = [f"u{number}" for number in range(4)]


@pytest.fixture
def sets(tmp_path):
    """Four references, and their decoded copies at levels that differ."""
    random, tables = np.random.default_rng(0), {"ref": {}, "dec": {}}
    for number, utt in enumerate(UTTERANCES):
        wave = random.normal(scale=0.1, size=RATE // 2 + 100 * number)
        for name, gain in (("ref", 1), ("dec", 0.9 - 0.1 * number)):
            tables[name][utt] = path = tmp_path / name / f"{utt}.wav"
            write_wave(path, gain * wave, RATE)
    for name, table in tables.items():
        write_table(tmp_path / name / "wav.scp", table)
    return tmp_path


@pytest.fixture
def measured(monkeypatch):
    """The utterances that were measured rather than reused."""
    names, measure = [], utterance._measure

    def counted(task, *pair):
        names.append(task.utterance)
        return measure(task, *pair)

    monkeypatch.setattr(utterance, "_measure", counted)
    return names


def run(sets, metrics=QUICK, **options):
    return score(sets / "ref" / "wav.scp", sets / "dec" / "wav.scp", sets / "out", metrics=metrics, **options)


def rows(sets):
    return {row["utt"]: row for row in read_jsonl(sets / "out" / "scores.jsonl")}


def drop(sets, name, utt):
    table = read_table(sets / name / "wav.scp")
    del table[utt]
    write_table(sets / name / "wav.scp", table)


def break_metric(monkeypatch, value, utt_length):
    """mr_stft gives ``value``, or raises it, for the utterance of this length."""
    right = METRICS["mr_stft"].__call__

    def wrong(self, reference, decoded):
        if len(reference.wave) != utt_length:
            return right(self, reference, decoded)
        if isinstance(value, Exception):
            raise value
        return {"mr_stft": value}

    monkeypatch.setattr(METRICS["mr_stft"], "__call__", wrong)


def test_rows_means_and_n(sets):
    summary = run(sets)
    found = rows(sets)
    assert list(found) == UTTERANCES
    values = [found[utt]["mr_stft"] for utt in UTTERANCES]
    assert values == pytest.approx(-np.log([0.9, 0.8, 0.7, 0.6]), rel=0.01)
    entry = summary["metrics"]["mr_stft"]
    assert entry["mean"] == pytest.approx(np.mean(values))
    assert entry["low"] < entry["mean"] < entry["high"]
    assert (entry["n"], summary["n"], entry["undefined"]) == (4, 4, [])
    assert set(summary["metrics"]) == {"mr_stft", "log_mel_mae", "log_mel_mae_50db"}
    assert summary == read_json(sets / "out" / "summary.json")
    assert (summary["system"], summary["rtf"]) == (None, None)


def test_the_number_of_processes_changes_no_byte(sets):
    run(sets, nj=1)
    files = [sets / "out" / name for name in ("scores.jsonl", "summary.json")]
    first = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    run(sets, nj=2)
    assert [file.read_bytes() for file in files] == first


def test_an_interrupted_run_goes_on(sets, measured):
    run(sets)
    path = sets / "out" / "scores.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b'"u2"') + 30])  # killed while it wrote the third line
    measured.clear()
    run(sets)
    assert measured == ["u2", "u3"]
    assert path.read_bytes() == whole


def test_only_what_changed_is_scored_again(sets, measured):
    run(sets)
    measured.clear()
    run(sets)
    assert measured == []
    other = np.random.default_rng(5).normal(scale=0.1, size=RATE // 2 + 100)
    write_wave(sets / "dec" / "u1.wav", other, RATE)
    before = rows(sets)["u1"]["mr_stft"]
    run(sets)
    assert measured == ["u1"] and rows(sets)["u1"]["mr_stft"] != before
    measured.clear()
    run(sets, metrics=["mr_stft"])
    assert measured == UTTERANCES and "log_mel_mae" not in rows(sets)["u0"]


def test_rows_know_their_reference_by_its_samples(sets, measured):
    run(sets)
    first = {utt: row["reference"] for utt, row in rows(sets).items()}
    assert len(set(first.values())) == len(UTTERANCES)
    wave, rate = read_wave(sets / "ref" / "u1.wav")
    write_wave(sets / "ref" / "u1.wav", 0.5 * wave, rate)
    write_wave(sets / "dec" / "u2.wav", wave, rate)
    old = [{key: value for key, value in row.items() if key != "reference"} for row in rows(sets).values()]
    (sets / "out/scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in old))  # as before there was any
    measured.clear()
    run(sets)
    assert measured == UTTERANCES
    assert [utt for utt, row in rows(sets).items() if row["reference"] != first[utt]] == ["u1"]


def test_a_score_file_has_exactly_the_utterances_of_its_table(sets):
    run(sets)
    for name in ("ref", "dec"):
        drop(sets, name, "u3")
    assert run(sets)["n"] == 3
    assert list(rows(sets)) == ["u0", "u1", "u2"]


def test_missing_utterances_are_named(sets):
    drop(sets, "dec", "u1")
    with pytest.raises(InputError, match=r"dec/wav.scp: u1 of .*ref/wav.scp not decoded.*--subset true"):
        run(sets)
    assert run(sets, subset=True)["n"] == 3
    drop(sets, "ref", "u2")
    with pytest.raises(InputError, match=r"ref/wav.scp: no reference for u2 of .*dec/wav.scp"):
        run(sets, subset=True)


def test_an_empty_table_is_no_success(sets):
    (sets / "dec" / "wav.scp").write_text("")
    with pytest.raises(InputError, match="nothing to score"):
        run(sets)


def test_rates_must_match(sets):
    write_wave(sets / "dec" / "u2.wav", np.zeros(RATE // 2), 8000)
    with pytest.raises(InputError, match=r"1 of 4 .*u2: the decoded wave has 8000 Hz, the reference 16000"):
        run(sets)


def test_a_reference_of_another_rate_is_resampled_on_request(sets):
    """A tone far below both Nyquist frequencies survives soxr, so its distance stays near that of its level."""
    time = np.arange(RATE) / RATE
    write_wave(sets / "dec" / "u0.wav", 0.2 * np.sin(2 * np.pi * 440 * time), RATE)
    write_wave(sets / "ref" / "u0.wav", 0.2 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), 8000)
    run(sets, ["stoi", "mr_stft"], resample=True)
    assert rows(sets)["u0"]["mr_stft"] < 0.1 < rows(sets)["u3"]["mr_stft"]
    assert rows(sets)["u0"]["alignment"]["rate"] == RATE


def test_lengths_must_match(sets):
    write_wave(sets / "dec" / "u2.wav", np.zeros(RATE), RATE)
    with pytest.raises(InputError, match=r"u2: the decoded wave is 0\.4\d\d s longer"):
        run(sets)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "u1: mr_stft is nan"),
        (InputError("too quiet"), "u1: mr_stft: too quiet"),
        (RuntimeError("boom"), "u1: mr_stft: RuntimeError: boom"),
    ],
)
def test_a_failed_score_fails_the_stage_and_the_others_are_kept(sets, monkeypatch, value, message):
    run(sets)
    (sets / "out" / "scores.jsonl").unlink()
    with monkeypatch.context() as broken:
        break_metric(broken, value, RATE // 2 + 100)
        with pytest.raises(InputError, match=f"^1 of 4 utterances could not be scored: {message}"):
            run(sets)
    assert list(rows(sets)) == ["u0", "u2", "u3"]
    assert not (sets / "out" / "summary.json").exists()
    assert run(sets)["n"] == 4


def test_a_score_that_no_longer_holds_is_not_kept(sets):
    run(sets)
    write_wave(sets / "dec" / "u1.wav", np.zeros(RATE), RATE)
    with pytest.raises(InputError, match="u1: the decoded wave"):
        run(sets)
    assert list(rows(sets)) == ["u0", "u2", "u3"]


def test_an_undefined_value_is_counted_and_withheld_past_a_tenth(sets, monkeypatch):
    break_metric(monkeypatch, None, RATE // 2 + 100)
    entry = run(sets)["metrics"]["mr_stft"]
    assert (entry["mean"], entry["low"], entry["n"], entry["undefined"]) == (None, None, 3, ["u1"])
    assert rows(sets)["u1"]["mr_stft"] is None
    monkeypatch.setattr("vocoders.scoring.summary.UNDEFINED_LIMIT", 0.3)
    entry = run(sets)["metrics"]["mr_stft"]
    assert entry["mean"] == pytest.approx(-np.log([0.9, 0.7, 0.6]).mean(), rel=0.01)
    assert (entry["n"], entry["undefined"]) == (3, ["u1"])


def test_the_lag_is_stated_and_taken_out_on_request(sets, caplog):
    for number, utt in enumerate(UTTERANCES):
        wave = np.random.default_rng(number).normal(scale=0.1, size=RATE)
        write_wave(sets / "ref" / f"{utt}.wav", wave, RATE)
        write_wave(sets / "dec" / f"{utt}.wav", np.concatenate([np.zeros(160), wave[:-200]]), RATE)
    with caplog.at_level(logging.WARNING):
        summary = run(sets)
    assert summary["alignment"] == {
        "mode": "compared without shifting",
        "median_lag_ms": 10.0,
        "largest_lag_ms": 10.0,
        "lag_n": 4,
        "largest_length_difference_ms": -2.5,
    }
    assert "10.00 ms late" in caplog.text
    assert summary["metrics"]["mr_stft"]["mean"] > 0.5
    summary = run(sets, align=True)
    assert summary["alignment"]["mode"] == "each shifted by its lag"
    assert summary["metrics"]["mr_stft"]["mean"] == 0
    assert rows(sets)["u0"]["alignment"] == {"lag": 160, "extra": -40, "rate": RATE}


def test_what_decode_wrote_is_carried_along(sets):
    write_json(sets / "dec" / "system.json", {"system": "Griffin-Lim"})
    for number, utt in enumerate(UTTERANCES):
        seconds = {"audio_seconds": 1.0 + number, "compute_seconds": 2.0}
        append_jsonl(sets / "dec" / "decode.jsonl", {"utt": utt, "rtf": 2.0 / (1 + number), **seconds})
    summary = run(sets)
    assert summary["system"] == {"system": "Griffin-Lim"}
    assert summary["rtf"]["total"] == pytest.approx(8 / 10)
    assert (summary["rtf"]["mean"], summary["rtf"]["n"]) == (pytest.approx((2 + 1 + 2 / 3 + 1 / 2) / 4), 4)


def test_metrics_are_chosen_by_name_or_file(tmp_path):
    assert choose_metrics("all") == METRICS.names()
    assert choose_metrics("stoi, mcd,stoi") == ["stoi", "mcd"]
    path = tmp_path / "score.yaml"
    path.write_text("metrics: [pesq, f0]\n")
    assert choose_metrics(str(path)) == ["pesq", "f0"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("stoi,psq", "^--metrics: no metric 'psq'; did you mean 'pesq'"),
        ("volume", "^--metrics: no metric 'volume'; it takes: dnsmos, f0, "),
        (",", r"^--metrics: expected a list of dnsmos, f0, .*; found \[\]"),
        ("", r"^--metrics: expected a list of .*; found \[\]"),
    ],
)
def test_a_wrong_choice_of_metrics_is_refused(choice, message):
    with pytest.raises(InputError, match=message):
        choose_metrics(choice)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("[stoi, psq]", "metrics: no metric 'psq'; did you mean 'pesq'"),
        ("[5]", "metrics: no metric 5; it takes: dnsmos"),
        ("stoi", "metrics: expected a list of .*; found 'stoi'"),
        ("[]", r"metrics: expected a list of .*; found \[\]"),
    ],
)
def test_a_wrong_choice_in_a_file_names_the_file(tmp_path, metrics, message):
    path = tmp_path / "score.yaml"
    path.write_text(f"metrics: {metrics}\n")
    with pytest.raises(InputError, match=f"^{path}: {message}"):
        choose_metrics(str(path))


def test_the_command_prints_the_table(sets, capsys):
    from vocoders.cli import main

    arguments = [str(sets / "ref" / "wav.scp"), str(sets / "dec" / "wav.scp"), str(sets / "out")]
    assert main(["score", "--metrics", "mr_stft", *arguments]) == 0
    printed = capsys.readouterr().out
    mean = read_json(sets / "out" / "summary.json")["metrics"]["mr_stft"]["mean"]
    for words in ("MR-STFT", f"{mean:.3f}", "n = 4", "median lag 0.00 ms"):
        assert words in printed
    (sets / "dec" / "u0.wav").unlink()
    assert main(["score", "--metrics", "mr_stft", *arguments]) == 1
    assert "u0: decoded:" in (error := capsys.readouterr().err) and "no such file" in error


def test_rows_are_plain_json(sets):
    run(sets)
    for line in (sets / "out" / "scores.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert set(row) == {"utt", "mr_stft", "log_mel_mae", "log_mel_mae_50db", "alignment", "reference", "key"}
        assert all(isinstance(row[key], float) for key in list(row)[1:4])


def test_no_lag_is_made_up_for_a_decoded_noise(sets):
    for number, utt in enumerate(UTTERANCES):
        write_wave(sets / "dec" / f"{utt}.wav", np.zeros(RATE // 2 + 100 * number), RATE)
    alignment = run(sets)["alignment"]
    assert (alignment["median_lag_ms"], alignment["largest_lag_ms"], alignment["lag_n"]) == (None, None, 0)
    assert "too unlike" in alignment_words(alignment)
