"""The data report finds what was put there, and nothing else."""

import numpy as np
import pytest
import soundfile

from vocoders.cli import main as vocoders
from vocoders.data.directory import DataDirectory, Utterance, write_data_directory
from vocoders.data.measure import measure
from vocoders.data.report import data_report, examine, table
from vocoders.io.files import read_json

RATE = 8000


def tone(seconds=0.5, amplitude=0.5, frequency=200.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def make_set(tmp_path):
    """make_set("train", A=wave, ...) -> the directory; each utterance has its own transcript unless given."""

    def make(name, rate=RATE, texts=None, **waves):
        utterances = []
        for utt, wave in waves.items():
            path = tmp_path / "wavs" / name / f"{utt}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, wave, rate, subtype="PCM_16")
            utterances.append(Utterance(utt, str(path), (texts or {}).get(utt, f"words of {utt}"), "spk"))
        write_data_directory(tmp_path / name, utterances)
        return tmp_path / name

    return make


def report_of(*paths, **options):
    return data_report([examine(DataDirectory.load(path), **options) for path in paths])


def test_measure_states_closed_form_levels():
    found = measure(tone(seconds=1, amplitude=0.5) + 0.02, RATE)
    assert found.seconds == 1
    assert found.level == pytest.approx(10 * np.log10(0.5**2 / 2 + 0.02**2), abs=0.01)
    assert found.dc == pytest.approx(0.02, abs=1e-6)
    assert found.clipped == 0


def test_measure_finds_the_silence_around_speech():
    wave = np.concatenate([np.zeros(round(0.3 * RATE)), tone(0.5), np.full(round(0.75 * RATE), 1e-3)])
    found = measure(wave, RATE)
    assert (found.leading, found.trailing) == (pytest.approx(0.3, abs=0.011), pytest.approx(0.75, abs=0.011))
    assert measure(np.zeros(RATE), RATE).leading == 1
    assert measure(tone(0.503), RATE).trailing == 0


def test_clipping_is_the_share_of_samples_at_full_scale(make_set):
    clipped = np.full(1000, 0.5)
    clipped[:10], clipped[10:15] = 1.0, -1.0
    path = make_set("train", A=tone(), B=clipped, C=np.repeat(clipped, 2)[:1000])
    row = report_of(path)["sets"][str(path)]
    assert list(row["clipped"].items()) == [("C", 0.03), ("B", 0.015)]  # the worst first
    assert row["clipped_share"] == pytest.approx(45 / 6000)


def test_quiet_offset_and_long_silence_are_named(make_set):
    silence = np.zeros(2 * RATE)
    path = make_set(
        "train",
        A=tone(),
        B=tone(amplitude=0.003),
        C=tone(amplitude=0.1) + 0.1,
        D=np.concatenate([silence, tone(), silence[:RATE]]),
    )
    report = report_of(path)
    row = report["sets"][str(path)]
    assert list(row["quiet"]) == ["B"]
    assert list(row["dc"]) == ["C"]
    assert row["leading_silence"] == {"D": 2.0}
    assert row["trailing_silence"] == {}
    assert report["valid"]
    assert "1 utterance(s) quieter than -50 dB RMS: B" in table(report)


def test_runs_of_exact_zeros_are_named(make_set):
    hole, quiet = tone(1.0), tone(1.0)
    hole[2000:3600] = 0  # 0.2 s
    quiet[2000:3600] *= 1e-3
    path = make_set("train", A=tone(0.9, 0.4), B=hole, C=quiet)
    assert report_of(path)["sets"][str(path)]["digital_silence"] == {"B": pytest.approx(0.2, abs=1e-3)}


def test_the_same_recording_softer_and_trimmed_in_another_set_is_named(make_set):
    rng = np.random.default_rng(0)
    noise = {utt: 0.1 * rng.standard_normal(RATE) for utt in "ABC"}
    train, dev = (
        make_set("train", **noise),
        make_set("dev", X=0.5 * noise["B"][777:], Y=0.1 * rng.standard_normal(RATE)),
    )
    report = report_of(train, dev)
    assert report["valid"]
    assert [pair[:5] for pair in report["between"][0]["near_duplicates"]] == ["B ~ X"]
    assert f"{dev}: 1 utterance(s) that seem to be recordings of {train}" in table(report)


def test_summary_counts(make_set):
    path = make_set("train", A=tone(0.5), B=tone(1.0, 0.4), C=tone(3.0))
    row = report_of(path)["sets"][str(path)]
    assert (row["utterances"], row["speakers"], row["transcripts"]) == (3, 1, 3)
    assert row["seconds"] == {"min": 0.5, "median": 1.0, "max": 3.0}
    assert row["hours"] == pytest.approx(4.5 / 3600)
    assert row["sampling_rates"] == {"8000": 3}


def test_a_recording_twice_in_a_set_is_a_warning(make_set):
    report = report_of(make_set("train", A=tone(), B=tone(), C=tone(0.4)))
    assert report["valid"]
    assert next(iter(report["sets"].values()))["duplicates"] == [["A", "B"]]


def test_leakage_between_sets_is_a_fault(make_set):
    train = make_set("train", A=tone(), B=tone(0.4), C=tone(0.3))
    same_id, same_audio = make_set("dev", B=tone(0.2)), make_set("eval", D=tone(0.3))
    report = report_of(train, same_id, same_audio)
    assert not report["valid"]
    assert len(report["faults"]) == 2
    assert f"{train} and {same_id} share 1 utterance id(s): B" in report["faults"][0]
    assert f"{train} and {same_audio} share 1 recording(s): C = D" in report["faults"][1]


def test_the_same_words_again_are_counted_but_no_fault(make_set):
    train = make_set("train", texts={"A": "Good morning."}, A=tone(), B=tone(0.4))
    evaluation = make_set("eval", texts={"C": "good morning."}, C=tone(0.2), D=tone(0.1))
    report = report_of(train, evaluation)
    assert report["valid"]
    assert report["between"][0]["same_text"] == ["C"]
    assert "1 transcript(s)" in table(report)


def test_processes_change_nothing(make_set):
    waves = {f"U{n:02}": tone(0.1 + 0.01 * n) for n in range(20)} | {"U05": np.zeros(0)}
    path = make_set("train", **waves)
    assert report_of(path, nj=1) == report_of(path, nj=2)


def test_wrong_rate_is_a_fault_unless_resampling_is_asked(make_set, tmp_path, capsys):
    path = make_set("train", A=tone(), B=tone(0.4))
    make_set("train", rate=16000, C=tone(0.3))  # its wav, beside those of A and B
    write_data_directory(
        path, [Utterance(utt, str(tmp_path / "wavs/train" / f"{utt}.wav"), utt, "spk") for utt in "ABC"]
    )
    command = [
        "check-data",
        "--nj",
        "1",
        "--sample_rate",
        "8000",
        "--report",
        str(tmp_path / "r.json"),
        str(path),
    ]
    assert vocoders(command) == 1
    message = capsys.readouterr().err
    assert "1 fault(s)" in message
    assert "C: sampling rate is 16000 Hz, expected 8000 Hz" in message
    assert vocoders([*command, "--resample", "true"]) == 0
    assert "8000,16000" in capsys.readouterr().out


def test_unusable_audio_is_counted_and_named(make_set, tmp_path, capsys):
    """All faults are counted and in the report; the message names the first."""
    waves = {utt: tone(0.1 * n) for n, utt in enumerate("ABCDEFG", 1)}
    path = make_set("train", **waves)
    wavs = tmp_path / "wavs" / "train"
    (wavs / "A.wav").unlink()
    (wavs / "B.wav").write_bytes(b"")
    (wavs / "C.wav").write_bytes((wavs / "C.wav").read_bytes()[:-100])
    (wavs / "D.wav").write_bytes(b"no audio at all" * 10)
    soundfile.write(wavs / "E.wav", np.zeros((100, 2)), RATE)
    soundfile.write(wavs / "F.wav", np.array([0, np.nan, 0]), RATE, subtype="FLOAT")
    assert vocoders(["check-data", "--report", str(tmp_path / "r.json"), str(path)]) == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("vocoders check-data: error: 6 fault(s)")
    assert "wav.scp: A: " in message and "no such file" in message
    assert "and 3 more" in message
    faults = read_json(tmp_path / "r.json")["faults"]
    wanted = [
        "no such file",
        "0 bytes",
        "truncated",
        "not audio",
        "expected one channel, found 2",
        "sample 1 is nan",
    ]
    assert len(faults) == len(wanted)
    for utt, words, fault in zip("ABCDEF", wanted, faults, strict=True):
        assert f": {utt}: " in fault and words in fault


def test_all_faults_of_tables_and_audio_at_once_and_fix_mends_the_tables(make_set, tmp_path, capsys):
    path = make_set("train", A=tone(), B=tone(0.4), C=tone(0.3))
    lines = (path / "wav.scp").read_text().splitlines(keepends=True)
    (path / "wav.scp").write_text("".join(reversed(lines)) + lines[0])
    (path / "spk2utt").unlink()
    command = ["check-data", "--nj", "1", "--report", str(tmp_path / "r.json"), str(path)]
    (tmp_path / "wavs/train/B.wav").write_bytes(b"")
    assert vocoders(command) == 1
    faults = read_json(tmp_path / "r.json")["faults"]
    wanted = ["'B' comes after 'C'", "'A' stands twice", "spk2utt: no such table", "B: "]
    assert len(faults) == len(wanted) and all(words in fault for words, fault in zip(wanted, faults))
    assert "fault: " in capsys.readouterr().out
    assert vocoders([*command, "--fix", "true"]) == 1
    (fault,) = read_json(tmp_path / "r.json")["faults"]
    assert "0 bytes" in fault and "mended " in capsys.readouterr().out


def test_a_good_directory_ends_with_status_0_and_a_report(make_set, tmp_path, capsys):
    path = make_set("train", A=tone(), B=tone(0.4))
    twice = [f"{path}/", f"{path.parent}/./{path.name}"]  # which is no leak
    assert vocoders(["check-data", "--nj", "1", "--report", str(tmp_path / "r.json"), *twice]) == 0
    assert str(path) in capsys.readouterr().out
    assert read_json(tmp_path / "r.json")["valid"] is True
