"""Mels or speech on standard input to speech on standard output, as it comes.

Whatever the pieces, the audio is that of ``vocoders decode`` for an utterance of that name and seed, but that a network
in pieces may round otherwise.
"""

import math
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch

from vocoders.errors import InputError
from vocoders.fast.sweep import Node, Sweep, Track
from vocoders.fast.whole import ALL
from vocoders.features.mel import LogMel, padding
from vocoders.io.audio import WaveWriter, read_wav_header, to_int16
from vocoders.seeding import seeded


class Report(NamedTuple):
    """What a stream was like, in seconds; ``look_ahead`` is infinite for a system that waits for the end."""

    look_ahead: float
    first_audio: float  # from the first mel, or the first speech, to the first audio
    audio: float
    computing: float

    def __str__(self):
        ahead = f"{1000 * self.look_ahead:.0f} ms" if self.look_ahead < math.inf else "the whole utterance"
        return (
            f"look-ahead {ahead}, first audio {1000 * self.first_audio:.0f} ms after the first input; "
            f"{self.audio:.2f} s in {self.computing:.2f} s (RTF {self.computing / self.audio:.3g})"
        )


def stream(system, source, sink, *, input="mel", output="pcm", chunk_frames=16, seed=0, utterance="stream"):
    """Reads ``source`` to its end, writes to ``sink`` what is decided, and returns a ``Report``.

    Args:
        system: a vocoder (inference/system.py).
        source: binary file of frames of float32 (``input`` mel), of a WAV (wav), or of 16-bit samples (pcm), all
            little-endian and of one channel.
        sink: binary file of 16-bit samples (``output`` pcm), or of a WAV that does not tell its length (wav).
        chunk_frames: frames that are read at once.
        seed, utterance: what is random depends on both, as when decoding.

    Raises InputError for input that is empty, cut off, not finite or not of this vocoder's kind.
    """
    spec = system.mel_spec
    if spec is None:
        raise InputError(f"{system.description['system']} does not stream: it needs the whole utterance; use decode")
    if chunk_frames < 1:
        raise InputError(f"--chunk_frames: expected a number of frames, found {chunk_frames}")
    system.open(None, spec, seeded("warm-up"))(torch.zeros(spec.n_mels, chunk_frames), last=True)
    read, analysis = {"mel": (_mels, None), "wav": (_wav, _Analysis), "pcm": (_samples, _Analysis)}[input]
    analysis = analysis and analysis(spec)
    analyse = analysis.push if analysis else lambda piece, last: piece
    push = system.open(None, spec, seeded(seed, utterance))
    write = begin = first_audio = None
    samples, computing = 0, 0.0
    for piece, last in _with_last(read(source, spec, chunk_frames)):
        start = perf_counter()
        begin = begin or start
        wave = push(analyse(piece, last), last=last)
        computing += perf_counter() - start
        if len(wave):
            write = write or _opened(sink, output, spec.sample_rate)  # not before there is something
            write(wave.numpy())
            sink.flush()
            first_audio = first_audio or perf_counter() - begin
        samples += len(wave)
    frames = system.look_ahead + (analysis.look_ahead if analysis else 0)
    ahead = math.inf if system.look_ahead >= ALL else frames * spec.hop_size / spec.sample_rate
    return Report(ahead, first_audio, samples / spec.sample_rate, computing)


class _Analysis:
    """The mel of speech that comes in pieces: exactly that of the whole."""

    def __init__(self, spec):
        self.spec, self._transform = spec, LogMel(spec)
        reach = -(-max(padding(spec)) // spec.hop_size)  # frames whose windows see beyond their own hop
        hops, mel = Track(), Track()  # of float64 [1, hop_size, L]: a hop of speech is a frame
        self._sweep = Sweep([Node(self._mel, [hops], [mel], left=reach, right=reach)], hops, mel)
        self.look_ahead = self._sweep.delay
        self._frames, self._least = 0, max(padding(spec)) // spec.hop_size + 1

    def push(self, hops, last):
        """Speech [hop_size, n] to mel [C, n']."""
        self._frames += hops.shape[1]
        if last and self._frames < self._least:
            raise InputError(
                f"standard input: {self._frames * self.spec.hop_size} samples are too short for a mel, at least "
                f"{self._least * self.spec.hop_size} are needed"
            )
        mel = self._sweep.push(hops[None], last=last)
        return mel[0] if mel.ndim == 3 else torch.zeros(self.spec.n_mels, 0)  # nothing is known yet

    def _mel(self, a, b, hops):
        return [self._transform(hops.mT.flatten(1)).float()]


def _with_last(pieces):
    """Each with whether it is the last: an empty one, so that none waits for the next."""
    empty = None
    for piece in pieces:
        empty = piece[:, :0]
        yield piece, False
    if empty is None:
        raise InputError("standard input is empty: no mel, no speech")
    yield empty, True


def _mels(source, spec, frames):
    """Mels [C, n], n up to ``frames``, of frames of float32."""
    size, first = 4 * spec.n_mels, 0
    while data := source.read(frames * size):
        if not first:
            _refuse_wav(data)
        whole, rest = divmod(len(data), size)
        if rest:
            raise InputError(
                f"standard input ends within frame {first + whole}: {rest} of the {size} bytes of {spec.n_mels} "
                f"float32 numbers; is it a mel of {spec.n_mels} bands?"
            )
        mel = np.frombuffer(data, "<f4").reshape(-1, spec.n_mels)
        finite = np.isfinite(mel)
        if not finite.all():
            frame, band = np.argwhere(~finite)[0]
            value = mel[frame, band]
            raise InputError(f"standard input: frame {first + frame}, band {band} is {value}, not a finite number")
        yield torch.from_numpy(mel.T.astype(np.float32))
        first += whole


def _samples(source, spec, frames, *, size=None):
    """Speech [hop_size, n], n up to ``frames``, of 16-bit samples; what is no whole hop at the end is left out.

    ``size`` is the number of bytes that there should be, if it is known.
    """
    taken = 0
    while data := source.read(min(frames * spec.hop_size * 2, math.inf if size is None else size - taken)):
        if not taken:
            _refuse_wav(data)
        taken += len(data)
        if len(data) % 2:
            raise InputError(f"standard input ends within sample {taken // 2}; is it 16-bit PCM?")
        hops = np.frombuffer(data, "<i2")[: len(data) // 2 // spec.hop_size * spec.hop_size]
        if len(hops):
            yield torch.from_numpy(hops.astype(np.float64) / 32768).view(-1, spec.hop_size).T
    if size is not None and taken < size:
        raise InputError(f"standard input: truncated, {size - taken} bytes are missing at its end")
    if 0 < taken < 2 * spec.hop_size:
        raise InputError(f"standard input: {taken // 2} samples are less than a frame ({spec.hop_size})")


def _refuse_wav(data):
    """Its header would be taken for numbers, and what comes after it too."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        raise InputError("standard input is a WAV; give --input wav")


def _wav(source, spec, frames):
    """The same of a WAV."""
    rate, size = read_wav_header(source, "standard input")
    if rate != spec.sample_rate:
        raise InputError(
            f"standard input: sampling rate is {rate} Hz, the vocoder's is {spec.sample_rate} Hz; resample, e.g. with "
            f"sox - -r {spec.sample_rate} -t wav -"
        )
    return _samples(source, spec, frames, size=size)


def _opened(sink, output, rate):
    """A function that writes waves [T]."""
    if output == "wav":
        return WaveWriter(sink, rate, where="standard output").write
    return lambda wave: sink.write(to_int16(wave, where="standard output")[0].astype("<i2").tobytes())
