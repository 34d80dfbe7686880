import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from vocoders import cli
from vocoders.errors import InputError
from vocoders.features import bench
from vocoders.features.extract import Extractor, extract_part, merge_parts
from vocoders.features.mel import MelSpec
from vocoders.io.features import FeatureReader
from vocoders.io.tables import write_table

SPEC = MelSpec(8000, 64, 64, 16, 10)
LENGTHS = {"a": 1000, "b": 167, "c": 640, "d": 641, "e": 333}


def waves():
    generator = np.random.default_rng(0)
    return {name: generator.integers(-9000, 9000, length).astype(np.int16) for name, length in LENGTHS.items()}


@pytest.fixture
def data(tmp_path):
    for name, wave in waves().items():
        soundfile.write(tmp_path / f"{name}.wav", wave, 8000)
        os.utime(tmp_path / f"{name}.wav", (1e9, 1e9))  # long before any part is made
    write_table(tmp_path / "data" / "wav.scp", {name: tmp_path / f"{name}.wav" for name in LENGTHS})
    SPEC.save(tmp_path / "conf.yaml")
    return tmp_path / "data"


def extract(data, directory, parts=1, spec=SPEC, **options):
    for part in range(1, parts + 1):
        extract_part(data, directory, Extractor(spec, **options), part, parts)
    merge_parts(data, directory, Extractor(spec, **options), parts)


def contents(directory):
    reader = FeatureReader(directory)
    return {name: (reader.wave(name).tobytes(), reader.mel(name).tobytes()) for name in reader.utterances}


def files(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_what_is_stored_is_the_wave_in_whole_hops_and_its_mel(data, tmp_path):
    extract(data, tmp_path / "dump")
    reader = FeatureReader(tmp_path / "dump")
    assert MelSpec.load(tmp_path / "dump") == SPEC
    for name, wave in waves().items():
        frames = len(wave) // 16
        assert reader.frames[name] == frames
        assert np.array_equal(reader.wave(name), wave[: frames * 16])
        expected = np.log(np.maximum(bench.librosa_mel(SPEC, wave[: frames * 16] / 32768), 1e-5))
        assert np.abs(reader.mel(name) - expected).max() < 1e-5


def test_the_number_of_parts_changes_nothing(data, tmp_path):
    for parts in (1, 2, 4, 7):  # seven: more parts than utterances
        extract(data, tmp_path / f"dump{parts}", parts)
        assert contents(tmp_path / f"dump{parts}") == contents(tmp_path / "dump1")


def test_another_number_of_parts_replaces_the_old_ones(data, tmp_path):
    extract(data, tmp_path / "dump", 4)
    extract(data, tmp_path / "dump", 2)
    extract(data, tmp_path / "fresh", 2)
    assert files(tmp_path / "dump") == files(tmp_path / "fresh")


def test_a_finished_part_is_kept(data, tmp_path):
    extract(data, tmp_path / "dump", 2)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "dump").glob("*.h5")}
    extract(data, tmp_path / "dump", 2)
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "dump").glob("*.h5")}


def change_wave(data):
    path = data.parent / "b.wav"
    soundfile.write(path, waves()["b"] // 2, 8000)  # of the same length, but newer
    os.utime(data.parent / "dump" / "feats.1.h5", (1.1e9, 1.1e9))


def change_table(data):
    write_table(data / "wav.scp", {name: data.parent / f"{name}.wav" for name in "abcd"})


def damage_part(data):
    part = data.parent / "dump" / "feats.1.h5"
    part.write_bytes(part.read_bytes()[:-200])


@pytest.mark.parametrize("change", [change_wave, change_table, damage_part, None])
def test_changed_inputs_are_extracted_again(data, tmp_path, change):
    extract(data, tmp_path / "dump")
    spec = SPEC if change else replace(SPEC, n_mels=12)
    if change:
        change(data)
    with pytest.raises(InputError, match=r"feats\.1\.h5: is not the one .* --part 1/1 again"):
        merge_parts(data, tmp_path / "dump", Extractor(spec), 1)
    extract_part(data, tmp_path / "dump", Extractor(spec), 1, 1)
    assert not (tmp_path / "dump" / "feats.scp").exists()  # until the new parts are checked and indexed
    extract(data, tmp_path / "dump", spec=spec)
    extract(data, tmp_path / "fresh", spec=spec)
    assert files(tmp_path / "dump") == files(tmp_path / "fresh")


def test_a_wave_from_the_future_is_not_extracted_for_ever(data, tmp_path):
    os.utime(data.parent / "b.wav", (4e9, 4e9))
    extract(data, tmp_path / "dump")
    assert FeatureReader(tmp_path / "dump").utterances == list("abcde")


def test_a_missing_part_is_named_and_no_index_written(data, tmp_path):
    extract_part(data, tmp_path / "dump", Extractor(SPEC), 1, 2)
    with pytest.raises(InputError, match=r"feats\.2\.h5: is missing; run vocoders features with --part 2/2 again"):
        merge_parts(data, tmp_path / "dump", Extractor(SPEC), 2)
    assert not (tmp_path / "dump" / "feats.scp").exists()


def test_a_killed_extraction_goes_on_to_the_same_files(data, tmp_path, repository):
    os.mkfifo(tmp_path / "reached")
    os.mkfifo(tmp_path / "never")
    wait = f"test -e {tmp_path}/go || {{ echo > {tmp_path}/reached; cat {tmp_path}/never; }}"
    put(data, "e", f"{wait}; cat {tmp_path}/e.wav |")
    command = ["features", "--config", str(tmp_path / "conf.yaml"), str(data)]
    process = subprocess.Popen(
        [sys.executable, "-m", "vocoders", *command, str(tmp_path / "dump")],
        cwd=repository,
        start_new_session=True,
    )
    (tmp_path / "reached").read_text()  # returns when four utterances are written and the last one waits
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(list(tmp_path.glob("dump/.feats.1.*.h5"))) == 1 and not list(tmp_path.glob("dump/feats.*"))
    (tmp_path / "go").touch()
    assert cli.main([*command, str(tmp_path / "dump")]) == 0
    assert cli.main([*command, str(tmp_path / "undisturbed")]) == 0
    assert files(tmp_path / "dump") == files(tmp_path / "undisturbed")


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(data, tmp_path, repository, share):
    extract(data, tmp_path / "whole")
    limit = int(share * (tmp_path / "whole" / "feats.1.h5").stat().st_size)
    command = ["features", "--config", tmp_path / "conf.yaml", data, tmp_path / "dump"]
    run = subprocess.run(
        [sys.executable, "-m", "vocoders", *command],
        cwd=repository,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert run.returncode == 1
    sentence = f"{tmp_path}/dump/feats.1.h5: File too large; make room, then run the same command again"
    assert run.stderr == f"vocoders features: error: {sentence}\n"
    assert files(tmp_path / "dump") == {}


def put(data, name, source):
    table = {key: data.parent / f"{key}.wav" for key in LENGTHS}
    write_table(data / "wav.scp", table | {name: source})


def wave_file(path, samples, rate=8000, **options):
    soundfile.write(path, samples, rate, **options)
    return path


BAD = {
    "missing": (lambda folder: folder / "none.wav", "none.wav: no such file"),
    "empty": (
        lambda folder: shutil.copy(os.devnull, folder / "x.wav"),
        "x.wav: no audio, the file has 0 bytes",
    ),
    "not audio": (
        lambda folder: shutil.copy(__file__, folder / "x.wav"),
        "x.wav: not audio that libsndfile can read",
    ),
    "wrong rate": (
        lambda folder: wave_file(folder / "x.wav", waves()["a"], 16000),
        "sampling rate is 16000 Hz, the mel config says 8000 Hz; resample with --resample true",
    ),
    "stereo": (
        lambda folder: wave_file(folder / "x.wav", np.zeros((99, 2))),
        "x.wav: expected one channel, found 2",
    ),
    "nan": (
        lambda folder: wave_file(folder / "x.wav", [np.nan] * 99, subtype="FLOAT"),
        "x.wav: sample 0 is nan",
    ),
    "short": (
        lambda folder: wave_file(folder / "x.wav", np.zeros(63)),
        "63 samples are too short, at least 64",
    ),
    "pipe": (lambda folder: "exit 4 |", "exit 4 |: the command failed with status 4"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(data, tmp_path, capsys, kind):
    make, message = BAD[kind]
    put(data, "c", make(tmp_path))
    status = cli.main(["features", "--config", str(tmp_path / "conf.yaml"), str(data), str(tmp_path / "dump")])
    error = capsys.readouterr().err.strip().splitlines()
    assert status == 1
    assert len(error) == 1 and error[0].startswith(f"vocoders features: error: {data}/wav.scp: c: ")
    assert message in error[0]
    assert not (tmp_path / "dump").exists() or files(tmp_path / "dump") == {}


def test_all_bad_utterances_are_counted_and_ten_named(data, tmp_path, capsys):
    write_table(data / "wav.scp", {f"u{number:02}": tmp_path / "none.wav" for number in range(12)})
    assert cli.main(["features", "--config", str(tmp_path / "conf.yaml"), str(data), str(tmp_path / "dump")]) == 1
    error = capsys.readouterr().err
    assert "12 of 12 utterances cannot be used" in error and "and 2 more" in error
    assert "u09: " in error and "u10: " not in error


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--part", "3/2"], "--part: expected J/N with 1 <= J <= N, found 3/2"),
        (["--part", "one"], "--part: expected J/N, such as 1/8, found 'one'"),
        (["--part", "1/2", "--merge", "2"], "exclude each other"),
    ],
)
def test_bad_part_numbers(data, tmp_path, capsys, arguments, message):
    options = ["--config", str(tmp_path / "conf.yaml"), *arguments]
    assert cli.main(["features", *options, str(data), str(tmp_path / "dump")]) == 1
    assert message in capsys.readouterr().err


def test_an_empty_table_is_an_error(data, tmp_path):
    (data / "wav.scp").write_text("")
    with pytest.raises(InputError, match="has no utterances"):
        extract(data, tmp_path / "dump")


def test_other_rates_are_resampled_on_request(data, tmp_path):
    put(data, "c", wave_file(tmp_path / "x.wav", np.zeros(16000, np.int16), 16000))
    extract(data, tmp_path / "dump", resampling=True)
    assert FeatureReader(tmp_path / "dump").frames["c"] == 8000 // 16


def test_the_benchmark_reports_speed_and_differences(data, tmp_path):
    lines = bench.main(data, tmp_path / "conf.yaml", rounds=1)
    assert lines[0].startswith("5 utterances, 0.3 s")
    assert any("real time per core" in line and line.startswith("librosa") for line in lines)
    differences = [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("largest difference to")]
    assert len(differences) == 4 and max(differences) < 2e-3
