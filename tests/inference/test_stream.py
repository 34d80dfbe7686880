"""Streams: the audio of decoding, as soon as it is decided, and nothing else on standard output."""

import io
import math
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from vocoders import cli
from vocoders.errors import InputError
from vocoders.features.mel import LogMel, MelSpec
from vocoders.inference.decode import Decoder
from vocoders.inference.stream import stream
from vocoders.inference.system import open_system
from vocoders.io.audio import wav_bytes
from vocoders.io.features import FeatureReader

HOP, BANDS = 8, 4
FRAMES = 71


@pytest.fixture
def decoded(murmur, write_features, tmp_path):
    """(mel [L, C], 16-bit samples) of an utterance ``a``."""
    features = write_features({"a": FRAMES})
    Decoder(murmur()[0], features, tmp_path / "out").run()
    return FeatureReader(features).mel("a").T, soundfile.read(tmp_path / "out/wav/a.wav", dtype="int16")[0]


def sent(system, content, **options):
    """(what came out, report)"""
    sink = io.BytesIO()
    report = stream(system, io.BytesIO(content), sink, utterance="a", **options)
    return sink.getvalue(), report


@pytest.mark.parametrize("chunk_frames", [1, 16, FRAMES, 1000])
def test_what_comes_out_is_what_decoding_writes(murmur, decoded, chunk_frames):
    mel, samples = decoded
    pcm, report = sent(murmur()[0], mel.astype("<f4").tobytes(), chunk_frames=chunk_frames)
    assert pcm == samples.astype("<i2").tobytes()
    assert report.audio == FRAMES * HOP / 1000 and report.look_ahead == HOP / 1000
    wav, _ = sent(murmur()[0], mel.astype("<f4").tobytes(), chunk_frames=chunk_frames, output="wav")
    assert wav[-len(pcm) :] == pcm and wav[:4] == b"RIFF"


def test_what_is_decided_is_written_at_once(murmur, decoded):
    """All but the frame that the next may change, before anything more is read."""
    mel, _ = decoded
    written, seen = io.BytesIO(), []

    class Source(io.BytesIO):
        def read(self, size):
            seen.append((self.tell() // (4 * BANDS), written.tell() // (2 * HOP)))
            return super().read(size)

    stream(murmur()[0], Source(mel.astype("<f4").tobytes()), io.BufferedWriter(written), chunk_frames=10)
    assert seen == [(0, 0), *((n, n - 1) for n in range(10, 71, 10)), (71, 70)]


def test_the_first_audio_is_timed_from_the_first_input(monkeypatch):
    """Each reading takes a second, each piece two, and the third piece is the first that gives anything."""
    clock, spec = [0], MelSpec(sample_rate=1000, n_fft=16, win_size=16, hop_size=HOP, n_mels=BANDS)
    monkeypatch.setattr("vocoders.inference.stream.perf_counter", lambda: clock[0])

    class Source(io.BytesIO):
        def read(self, size):
            clock[0] += 1
            return super().read(size)

    class Slow(Listener):
        def open(self, own, spec, generator):
            def push(mel, last):
                clock[0] += 2
                given.append(mel)
                return torch.zeros(HOP * (len(given) > 3))  # the first is the warm-up

            given = []
            return push

    report = stream(Slow(spec), Source(bytes(5 * 4 * BANDS)), io.BytesIO(), chunk_frames=1)
    assert (report.first_audio, report.computing) == (3 + 4 * 2, 6 * 2)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("hop, n_fft", [(64, 256), (100, 256), (256, 256), (7, 64)])
def test_the_mel_of_speech_is_that_of_the_whole(center, hop, n_fft):
    """By a system that keeps the mels it gets."""
    spec = MelSpec(sample_rate=8000, n_fft=n_fft, win_size=n_fft, hop_size=hop, n_mels=20, center=center)
    listener = Listener(spec)
    samples = (3000 * np.random.default_rng(0).standard_normal(41 * hop + 3)).astype("<i2")
    for kind, content in (("pcm", samples.tobytes()), ("wav", wav_bytes(samples, 8000))):
        for chunk_frames in (1, 6, 100):
            _, report = sent(listener, content, input=kind, chunk_frames=chunk_frames)
            beyond = n_fft // 2 if center else (n_fft - hop + 1) // 2  # samples that a frame sees after its own
            assert report.look_ahead == math.ceil(beyond / hop) * hop / 8000
            whole = LogMel(spec)(torch.from_numpy(samples[: 41 * hop] / 32768)[None])[0].float()
            assert torch.equal(torch.cat(listener.mels, 1), whole)


class Listener:
    """A system that is silent."""

    def __init__(self, spec):
        self.mel_spec, self.look_ahead, self.description = spec, 0, {"system": "Listener"}

    def open(self, own, spec, generator):
        self.mels = []

        def push(mel, last):
            self.mels.append(mel)
            return torch.zeros(mel.shape[1] * self.mel_spec.hop_size)

        return push


MEL = np.zeros((20, BANDS), "<f4")
NAN = MEL.copy()
NAN[17, 3] = math.nan


@pytest.mark.parametrize(
    "content, options, message",
    [
        (b"", {}, "^standard input is empty"),
        (
            MEL.tobytes()[:-5],
            {},
            r"^standard input ends within frame 19: 11 of the 16 bytes of 4 float32 numbers; is it a",
        ),
        (np.zeros((21, 3), "<f4").tobytes(), {}, "ends within frame 15: 12 of the 16 bytes"),
        (NAN.tobytes(), {}, "^standard input: frame 17, band 3 is nan, not a finite number"),
        (wav_bytes(np.zeros(800, np.int16), 1000), {}, "^standard input is a WAV; give --input wav"),
        (wav_bytes(np.zeros(800, np.int16), 1000), {"input": "pcm"}, "^standard input is a WAV; give --input wav"),
        (MEL.tobytes(), {"chunk_frames": 0}, "^--chunk_frames: expected a number of frames, found 0"),
        (b"", {"input": "wav"}, "^standard input: no audio, 0 bytes"),
        (MEL.tobytes(), {"input": "wav"}, "^standard input: not a WAV"),
        (wav_bytes(np.zeros(0, np.int16), 1000), {"input": "wav"}, "^standard input is empty"),
        (
            wav_bytes(np.zeros(800, np.int16), 8000),
            {"input": "wav"},
            "rate is 8000 Hz, the vocoder's is 1000 Hz; resample",
        ),
        (
            wav_bytes(np.zeros(80, np.int16), 1000)[:-6],
            {"input": "wav"},
            "^standard input: truncated, 6 bytes are missing",
        ),
        (bytes(81), {"input": "pcm"}, "^standard input ends within sample 40"),
        (bytes(10), {"input": "pcm"}, r"^standard input: 5 samples are less than a frame \(8\)"),
        (bytes(16), {"input": "pcm"}, "^standard input: 8 samples are too short for a mel, at least 16 are needed"),
    ],
)
def test_what_cannot_be_spoken_is_refused(murmur, content, options, message):
    with pytest.raises(InputError, match=message):
        sent(murmur()[0], content, **options)


def test_nothing_is_written_before_there_is_something(murmur):
    sink = io.BytesIO()
    with pytest.raises(InputError):
        stream(murmur()[0], io.BytesIO(), sink, output="wav")
    assert sink.getvalue() == b""


def test_a_baseline_needs_the_whole():
    with pytest.raises(InputError, match="Griffin-Lim does not stream: it needs the whole utterance; use decode"):
        sent(open_system("griffin_lim"), b"")


def test_a_terminal_is_neither_read_nor_written(monkeypatch, capsys, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert cli.main(["stream", "exp/x"]) == 1
    said = capsys.readouterr().err
    assert "stream: error: standard input is a terminal; give it the mel: vocoders stream ... < speech.mel" in said
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert cli.main(["stream", "exp/x"]) == 1
    assert "standard output is a terminal; lead it to a player" in capsys.readouterr().err


def run(*words, content=b"", before=""):
    command = f"{before} {sys.executable} -m vocoders stream {' '.join(map(str, words))}"
    return subprocess.run(["bash", "-c", command], input=content, capture_output=True, timeout=100)


def test_the_program(untrained, tmp_path):
    """Its bytes are those of decode; one line on standard error; a pipe that is closed early ends it without a word."""
    mel = np.random.default_rng(0).standard_normal((300, 20)).astype("<f4")
    options = ["--decode.steps", "3", "--device", "cpu", untrained]
    whole = run(*options, content=mel.tobytes())
    assert whole.returncode == 0 and len(whole.stdout) == 2 * 300 * 64
    (line,) = [line for line in whole.stderr.decode().splitlines() if "WARNING" not in line]
    assert line.startswith("vocoders stream: look-ahead ") and "(RTF " in line
    early = run(*options, "| head -c 1000; exit ${PIPESTATUS[0]}", content=mel.tobytes())
    assert (early.returncode, early.stdout) == (0, whole.stdout[:1000])
    assert [line for line in early.stderr.decode().splitlines() if "WARNING" not in line] == []
    cut = run(*options, content=mel.tobytes()[:-1])
    assert cut.returncode == 1 and b"stream: error: standard input ends within frame 299" in cut.stderr
