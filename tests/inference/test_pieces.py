"""Decoding in pieces, in batches and in processes: the same bytes in bounded memory, and nothing left behind."""

import gc
import os
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
import soundfile
import torch

from vocoders import checkpoint
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.inference import decode
from vocoders.inference.decode import Decoder
from vocoders.inference.system import open_system
from vocoders.inference.utterance import Unwanted
from vocoders.io.features import FeatureWriter, write_index
from vocoders.io.files import read_jsonl
from vocoders.io.tables import read_table

FRAMES = {"a": 40, "b": 71, "c": 52, "d": 11, "e": 50}


def waves(directory):
    return {path.name: path.read_bytes() for path in (directory / "wav").iterdir()}


def test_the_pieces_do_not_show(murmur, write_features, tmp_path):
    features = write_features(FRAMES)
    for chunk_frames in (1000, 10, 7):
        system, vocoder = murmur(chunk_frames=chunk_frames)
        Decoder(system, features, tmp_path / f"by{chunk_frames}").run()
        assert max(frames for _rows, frames in vocoder.sizes) == min(chunk_frames, max(FRAMES.values()))
        assert waves(tmp_path / f"by{chunk_frames}") == waves(tmp_path / "by1000")
    assert soundfile.info(tmp_path / "by7/wav/b.wav").frames == 71 * 8


def test_memory_does_not_grow_with_the_length(murmur, write_features, tmp_path):
    """Tensors alive and memory of Python and numpy, at the highest, of an utterance and of one ten times as long."""
    peaks = []
    for number in (1000, 10000):
        system, vocoder = murmur(chunk_frames=100)
        decoder = Decoder(system, write_features({"a": number}, f"dump{number}"), tmp_path / f"{number}")
        held = Held(vocoder)
        tracemalloc.start()
        decoder.run()
        peaks.append((held.most, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    assert peaks[1][0] <= 1.1 * peaks[0][0] and peaks[1][1] <= 1.1 * peaks[0][1], peaks


class Held:
    """The most elements that tensors have had together, looked at whenever the vocoder gets a piece."""

    def __init__(self, vocoder):
        gc.collect()
        gc.freeze()  # only what comes from here on
        self.most, vocoder.sizes = 0, self

    def append(self, _size):
        self.most = max(self.most, sum(each.numel() for each in gc.get_objects() if isinstance(each, torch.Tensor)))


def test_a_batch_is_what_its_utterances_are_alone(murmur, write_features, tmp_path):
    features = write_features(FRAMES)
    alone, _ = murmur()
    Decoder(alone, features, tmp_path / "alone").run()
    together, vocoder = murmur()
    records = Decoder(together, features, tmp_path / "together", batch=3).run()
    assert waves(tmp_path / "alone") == waves(tmp_path / "together")
    assert {rows for rows, _frames in vocoder.sizes} == {1, 3, 2}  # the warm-up, and two groups
    written = [record["utt"] for record in read_jsonl(tmp_path / "together/decode.jsonl")]
    assert written == ["b", "c", "e", "a", "d"]  # neighbours in length
    by = {record["utt"]: record for record in records}
    assert by["b"]["rtf"] == pytest.approx(by["c"]["rtf"]) != pytest.approx(by["a"]["rtf"])  # shares by length
    (tmp_path / "together/wav/c.wav").unlink()
    Decoder(together, features, tmp_path / "together", batch=3).run()
    assert waves(tmp_path / "alone") == waves(tmp_path / "together")


def test_a_batch_has_no_more_audio_than_is_allowed(murmur, write_features, tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "BATCH_SECONDS", 1)  # 125 frames
    system, vocoder = murmur(chunk_frames=1000)
    Decoder(system, write_features(FRAMES), tmp_path / "out", batch=5).run()
    assert vocoder.sizes[1:] == [(1, 71), (2, 52), (2, 40)]


def test_processes_make_the_same_bytes_and_go_on(write_features, tmp_path, monkeypatch):
    features = write_features(FRAMES)
    one = Decoder(open_system("griffin_lim"), features, tmp_path / "one").run()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    two = Decoder(open_system("griffin_lim"), features, tmp_path / "two", nj=2).run()
    assert {record["threads"] for record in two} == {1}  # a share for each
    assert waves(tmp_path / "one") == waves(tmp_path / "two")
    assert [record["utt"] for record in one] == [record["utt"] for record in two] == sorted(FRAMES)
    assert list(read_table(tmp_path / "two/wav.scp")) == sorted(FRAMES)
    (tmp_path / "two/wav/b.wav").unlink()
    monkeypatch.setattr(decode, "spawned", None)  # one utterance needs no other process
    Decoder(open_system("griffin_lim"), features, tmp_path / "two", nj=2).run()
    assert waves(tmp_path / "one") == waves(tmp_path / "two")
    assert len(read_jsonl(tmp_path / "two/decode.jsonl")) == len(FRAMES)


def program(*words, **options):
    command = [sys.executable, "-m", "vocoders", *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, **options)


def workers_of(process):
    """Processes of its session that compute: its children but for multiprocessing's own."""
    listed = subprocess.run(
        ["ps", "-ww", "-s", str(process.pid), "-o", "pid=", "-o", "args="], capture_output=True, text=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "spawn_main" in line]


def wait_for(condition, process=None):
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline and (process is None or process.poll() is None)
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("ended", ["interrupted", "a process killed", "killed"])
def test_however_it_ends_the_same_command_goes_on(ended, write_features, tmp_path):
    """Ctrl-C; one of the two processes killed; the first one killed, with which the others end."""
    frames = {f"u{n:03}": 300 for n in range(200)}
    features, out = write_features(frames), tmp_path / "out"
    process = program("decode", "--nj", 2, "griffin_lim", features, out)
    wait_for(lambda: read_jsonl(out / "decode.jsonl"), process)
    workers = workers_of(process)
    assert len(workers) == 2
    if ended == "interrupted":
        os.killpg(process.pid, signal.SIGINT)
    else:
        os.kill(process.pid if ended == "killed" else workers[0], signal.SIGKILL)
    said = process.communicate(timeout=60)[1].splitlines()
    said = [line.removeprefix("vocoders decode: ") for line in said if line.startswith("vocoders decode: ")]
    killed = "error: a decoding process was killed, perhaps for its memory; run again with a lower --nj"
    expected = {
        "interrupted": (130, ["interrupted; the same command goes on from here"]),
        "a process killed": (1, [killed]),
        "killed": (-signal.SIGKILL, []),
    }
    assert (process.returncode, said) == expected[ended]
    wait_for(lambda: not workers_of(process))
    done = {record["utt"] for record in read_jsonl(out / "decode.jsonl")}
    assert 0 < len(done) < len(frames) and not (out / "wav.scp").exists()
    assert ended == "killed" or not list((out / "wav").glob(".*"))
    short = {utt: frames[utt] for utt in [*sorted(done)[:2]]}
    assert all(soundfile.info(out / "wav" / f"{utt}.wav").frames == n * 8 for utt, n in short.items())


def test_work_that_nobody_waits_for_ends(murmur, write_features, tmp_path, monkeypatch):
    system, vocoder = murmur()
    decoder = Decoder(system, write_features({"a": 1000}), tmp_path / "out")
    monkeypatch.setattr("vocoders.inference.utterance.unwanted", lambda: len(vocoder.sizes) > 20)
    with pytest.raises(Unwanted):
        decoder._decoder.decode(["a"])
    assert len(vocoder.sizes) == 21 and not list((tmp_path / "out/wav").iterdir())


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"nj": 0}, "--nj: expected a number of processes, found 0"),
        ({"batch": 0}, "--batch: expected a number of utterances, found 0"),
    ],
)
def test_numbers_must_be_positive(changes, message, murmur, write_features, tmp_path):
    with pytest.raises(InputError, match=message):
        Decoder(murmur()[0], write_features(FRAMES), tmp_path / "out", **changes)


def test_what_cannot_be_done_at_once_is_refused(write_features, murmur, tmp_path):
    features = write_features(FRAMES)
    with pytest.raises(
        InputError, match="--batch 2: the baseline griffin_lim decodes one utterance at a time; use --nj"
    ):
        Decoder(open_system("griffin_lim"), features, tmp_path / "out", batch=2)
    system, _ = murmur()
    system.description["device"] = "cuda"
    with pytest.raises(InputError, match="--nj 2: processes would only share the GPU; use --batch 2"):
        Decoder(system, features, tmp_path / "out", nj=2)
    with pytest.raises(InputError, match="--precision bfloat16: the baseline world has no choice"):
        open_system("world", precision="bfloat16")
    assert not (tmp_path / "out").exists()


def test_what_no_wav_can_hold_is_refused_before_work_begins(murmur, write_features, tmp_path):
    features = write_features({"a": 40})
    (features / "utt2num_frames").write_text(f"a {2**28}\n")
    with pytest.raises(
        InputError, match=r"a: 2147483648 samples are more than the \d+ that a WAV file can hold \(4 GiB\)"
    ):
        Decoder(murmur()[0], features, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", ["backend", "precision"])
def test_another_form_decodes_anew(change, murmur, write_features, tmp_path):
    features, out = write_features(FRAMES), tmp_path / "out"
    Decoder(murmur()[0], features, out).run()
    system, vocoder = murmur()
    system.description[change] = "another"
    Decoder(system, features, out).run()
    assert len(vocoder.sizes) > 10
    assert len(read_jsonl(out / "decode.jsonl")) == len(FRAMES)


def test_processes_decode_a_trained_vocoder(untrained, tmp_path, monkeypatch):
    """The bytes of one process with one thread; and a checkpoint that changes meanwhile is told."""
    random, features = np.random.default_rng(0), tmp_path / "dump"
    with FeatureWriter(features / "feats.1.h5") as part:
        for number in range(3):
            wave = random.integers(-1000, 1000, 64 * (40 + number)).astype(np.int16)
            part.write(f"u{number}", wave, random.standard_normal((40 + number, 20)).astype(np.float32))
    MelSpec(**checkpoint.load(untrained / "best.pt")["mel"]).save(features / "mel.yaml")
    write_index(features)
    system = open_system(str(untrained), options={"steps": 3}, device="cpu")
    assert system.description["backend"] in ("native", "eager")
    Decoder(system, features, tmp_path / "one").run()
    Decoder(system, features, tmp_path / "two", nj=2).run()
    assert waves(tmp_path / "one") == waves(tmp_path / "two")
    monkeypatch.setattr(decode, "_given", (1, system.again, "others", (None,) * 4))  # as in a process of its own
    with pytest.raises(InputError, match=r"step-0.pt: has changed since decoding began; run it again"):
        decode._decode(["u0"])
