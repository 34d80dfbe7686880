import io
import shutil
import struct

import numpy as np
import pytest
import soundfile

from vocoders.errors import InputError
from vocoders.io.audio import (
    WaveWriter,
    channels,
    open_wave,
    read_wav_header,
    read_wave,
    resample,
    to_int16,
    wav_bytes,
    write_wave,
)

SAMPLES = np.random.default_rng(0).integers(-32768, 32768, 16000).astype(np.int16)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
def test_16_bit_files_are_read_exactly(tmp_path, name):
    soundfile.write(tmp_path / name, SAMPLES, 22050)
    wave, rate = read_wave(tmp_path / name)
    assert rate == 22050 and wave.dtype == np.float32
    assert np.array_equal(wave, SAMPLES.astype(np.float32) / 32768)


def test_what_is_written_comes_back(tmp_path):
    assert write_wave(tmp_path / "a.wav", SAMPLES / 32768, 16000) == 0
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"
    assert np.array_equal(read_wave(tmp_path / "a.wav")[0] * 32768, SAMPLES)


def test_clipping_is_counted_and_does_not_wrap():
    samples, clipped = to_int16(np.array([0.5, 1.0, -1.0, 1.5, -3.0, 0.4 / 32768, -0.6 / 32768]))
    assert samples.tolist() == [16384, 32767, -32768, 32767, -32768, 0, -1]
    assert clipped == 2


def test_a_wave_that_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(InputError, match=r"a\.wav: 1 of 2 samples"):
        write_wave(tmp_path / "a.wav", np.array([0, np.inf]), 16000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("comment", ["", "from elsewhere, 48000 Hz"])
def test_pieces_are_the_file_that_libsndfile_writes(tmp_path, comment):
    with open_wave(tmp_path / "a.wav", 22050, comment=comment) as file:
        for piece in np.split(SAMPLES / 32768, [1, 1, 7000]):
            file.write(piece)
    assert file.samples == len(SAMPLES)
    assert (tmp_path / "a.wav").read_bytes() == wav_bytes(SAMPLES, 22050, comment=comment)
    if not comment:
        soundfile.write(tmp_path / "theirs.wav", SAMPLES, 22050)
        assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "theirs.wav").read_bytes()


def test_a_piece_that_is_not_finite_leaves_no_file(tmp_path):
    with (
        pytest.raises(InputError, match=r"a\.wav: 1 of 2 samples are not finite"),
        open_wave(tmp_path / "a.wav", 16000) as file,
    ):
        file.write(np.zeros(100))
        file.write(np.array([0, np.nan]))
    assert list(tmp_path.iterdir()) == []


def test_a_wav_that_was_not_finished_is_of_unknown_length(tmp_path):
    pipe = io.BytesIO()
    WaveWriter(pipe, 16000).write(SAMPLES / 32768)
    (tmp_path / "a.wav").write_bytes(pipe.getvalue())
    assert np.array_equal(read_wave(tmp_path / "a.wav")[0] * 32768, SAMPLES)
    pipe.seek(0)
    assert read_wav_header(pipe, "pipe") == (16000, None)


def wav_header(name, samples=SAMPLES, **options):
    content = io.BytesIO()
    soundfile.write(content, samples, 16000, format=name, **options)
    content.seek(0)
    return content


@pytest.mark.parametrize("name", ["WAV", "WAVEX"])
def test_the_audio_comes_behind_the_header(name):
    content = wav_header(name)
    assert read_wav_header(content, "pipe") == (16000, 2 * len(SAMPLES))
    assert np.array_equal(np.frombuffer(content.read(2 * len(SAMPLES)), "<i2"), SAMPLES)


@pytest.mark.parametrize(
    "content, message",
    [
        (io.BytesIO(b"fLaC and so on"), "pipe: not a WAV, it begins with b'fLaC'"),
        (io.BytesIO(), "pipe: no audio, 0 bytes"),
        (wav_header("WAV", np.stack([SAMPLES, SAMPLES], 1)), "pipe: expected one channel, found 2"),
        (wav_header("WAV", subtype="PCM_24"), "pipe: expected 16-bit PCM, found 24 bits of kind 1"),
        (wav_header("WAV", subtype="FLOAT"), "pipe: expected 16-bit PCM, found 32 bits of kind 3"),
        (io.BytesIO(wav_header("WAV").read(40)), "pipe: a WAV that ends before its audio begins"),
        (io.BytesIO(b"RIFF....WAVE" + struct.pack("<4sI", b"data", 8)), "ends before its audio begins"),
    ],
)
def test_a_wav_that_cannot_be_read_from_a_pipe(content, message):
    with pytest.raises(InputError, match=message):
        read_wav_header(content, "pipe")


def test_pipes_are_run(tmp_path):
    soundfile.write(tmp_path / "a.flac", SAMPLES, 16000)
    wave, rate = read_wave(f"cat {tmp_path}/a.flac | ")
    assert rate == 16000 and np.array_equal(wave * 32768, SAMPLES)


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x00\xf0\xff\x7f"])
def test_a_wav_of_unknown_length_is_not_truncated(tmp_path, length):
    soundfile.write(tmp_path / "a.wav", SAMPLES, 16000)
    content = (tmp_path / "a.wav").read_bytes()
    assert content[36:40] == b"data"
    (tmp_path / "a.wav").write_bytes(content[:40] + length + content[44:])
    assert np.array_equal(read_wave(f"cat {tmp_path}/a.wav |")[0] * 32768, SAMPLES)


@pytest.mark.skipif(not shutil.which("sox"), reason="needs the sox program")
def test_sox_pipes(tmp_path):
    soundfile.write(tmp_path / "a.wav", SAMPLES, 16000)
    wave, rate = read_wave(f"sox -V1 {tmp_path}/a.wav -t wav - |")
    assert rate == 16000 and np.array_equal(wave * 32768, SAMPLES)


@pytest.mark.parametrize("command", ["exit 3 |", "cat nosuchfile 2>/dev/null |", "printf x; exit 1 |"])
def test_a_failing_pipe_is_an_error(command):
    with pytest.raises(InputError, match=r"utt: .*the command failed with status [13]"):
        read_wave(command, where="utt")


def write_bad(folder, kind):
    path = folder / "bad.wav"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is a text file and no audio at all, of some length\n" * 10)
    elif kind == "no samples":
        soundfile.write(path, SAMPLES[:0], 16000)
    elif kind == "stereo":
        soundfile.write(path, np.stack([SAMPLES, SAMPLES], 1), 16000)
    elif kind == "nan":
        soundfile.write(path, np.array([0.0, 0.1, np.nan]), 16000, subtype="FLOAT")
    elif kind.startswith("truncated"):
        soundfile.write(path, SAMPLES, 16000)
        path.write_bytes(path.read_bytes()[: {"truncated": -1, "truncated header": 30}[kind]])
    return path


@pytest.mark.parametrize(
    "kind, message",
    [
        ("missing", "no such file"),
        ("empty", "no audio, the file has 0 bytes"),
        ("text", "not audio that libsndfile can read"),
        ("no samples", "the audio has no samples"),
        ("stereo", "expected one channel, found 2"),
        ("nan", "sample 2 is nan"),
        ("truncated", "truncated, 1 bytes are missing"),
        ("truncated header", "truncated"),
    ],
)
def test_bad_files_are_explained(tmp_path, kind, message):
    path = write_bad(tmp_path, kind)
    with pytest.raises(InputError, match=message) as caught:
        read_wave(path, where="data/wav.scp: utt")
    assert str(caught.value).startswith(f"data/wav.scp: utt: {path}: ")


def test_a_truncated_flac_is_noticed(tmp_path):
    soundfile.write(tmp_path / "a.flac", SAMPLES, 16000)
    (tmp_path / "a.flac").write_bytes((tmp_path / "a.flac").read_bytes()[:-5000])
    with pytest.raises(InputError):
        read_wave(tmp_path / "a.flac")


def test_resampling_keeps_a_tone():
    time = np.arange(48000) / 48000
    tone = resample(np.sin(2 * np.pi * 440 * time).astype(np.float32), 48000, 22050)
    expected = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    assert len(tone) == 22050 and tone.dtype == np.float32
    assert np.abs(tone - expected)[1000:-1000].max() < 1e-3


def test_channels_are_read_from_the_header(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([SAMPLES, SAMPLES], axis=1), 8000)
    (tmp_path / "b.wav").write_bytes(b"no audio")
    assert [channels(tmp_path / name) for name in ("a.wav", "b.wav", "none.wav")] == [2, 1, 1]
