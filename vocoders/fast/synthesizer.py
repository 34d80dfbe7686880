"""Trained vocoders made ready to speak: one signature over every form of the network, any length, pieces and batches.

    voice = prepare(vocoder, device="auto", precision="auto", backend="auto")
    wave = voice.synthesize(mel, generator=generator)          # [B, C, L] -> [B, L * hop_size]
    for wave in voice.stream(mels, generator=generator): ...   # [C, n] each -> [T] each, the same samples
    wave = voice.open(generator=generator).push(mel)           # the same, a piece at a time

Backends: ``native``, our own kernels for CPUs, compiled on first use; ``eager``, plain PyTorch; ``compiled``,
torch.compile.  ``auto`` is native where it can be, compiled on a GPU, else eager.  What comes out is that of the
training form: in float32 to rounding, in bfloat16 nearly (egs/ljspeech/voc1/RESULTS.md).  On a GPU both round what
they convolve to TF32 unless ``torch.backends.cudnn.allow_tf32`` is set to False.
"""

import copy
import math
from typing import Literal, get_args

import torch

from vocoders import config
from vocoders.device import choose
from vocoders.errors import InputError
from vocoders.fast import backends
from vocoders.fast.denoiser import Denoiser
from vocoders.seeding import Noise

Precision = Literal["auto", "float32", "bfloat16"]
Backend = Literal["auto", "native", "eager", "compiled"]


def prepare(vocoder, *, device="auto", precision="float32", backend="auto", chunk_seconds=None):
    """A ``Synthesizer`` of a trained vocoder, which is left as it is but set to evaluate; on another device, of a copy.

    ``chunk_seconds`` bounds the memory: so much of the audio is worked on at once; null is the backend's own.
    Raises InputError for what this machine or this PyTorch cannot do.
    """
    asked = {"device": device, "precision": precision, "backend": backend, "chunk_seconds": chunk_seconds}
    device = choose(device)
    if chunk_seconds is not None and not 0 < chunk_seconds < math.inf:
        raise InputError(f"chunk_seconds: expected a positive number of seconds, found {chunk_seconds}")
    _check_choice("precision", precision, Precision)
    _check_choice("backend", backend, Backend)
    if next(vocoder.parameters()).device != torch.empty(0, device=device).device:
        vocoder = copy.deepcopy(vocoder).to(device)  # others may be at work with it where it is
    chosen = backends.choose(vocoder.eval(), device=device, precision=precision, backend=backend)
    return Synthesizer(vocoder, chosen, asked, device=device)


class Synthesizer:
    """A vocoder on a device, in a precision, by a backend; make one with ``prepare``.

    Its training form, which knows the rest (describe(), remarks(), evaluations() ...), is its ``vocoder``.
    """

    def __init__(self, vocoder, chosen, asked, *, device):
        self.vocoder, self.device = vocoder, device
        self.mel_spec, self.hop_size, self.sample_rate = vocoder.mel_spec, vocoder.hop_size, vocoder.sample_rate
        self.backend, self.precision = chosen.backend, chosen.precision
        self._network, self._open, self._asked = chosen.network, chosen.open_sweep, asked
        seconds = chosen.chunk_seconds if asked["chunk_seconds"] is None else asked["chunk_seconds"]
        self.chunk_frames = max(1, round(seconds * vocoder.sample_rate / vocoder.hop_size))
        self._denoisers = {}

    def prepare(self, **changes):
        """The same vocoder prepared otherwise: ``device``, ``precision``, ``backend``, ``chunk_seconds``.

        What is not named stays as it was asked for: what was ``auto`` is chosen anew.
        """
        return prepare(self.vocoder, **{**self._asked, **changes})

    def __call__(self, mel, **options):
        return self.synthesize(mel, **options)

    @torch.inference_mode()
    def synthesize(self, mel, *, lengths=None, generator=None, denoise=0.0, **options):
        """[B, C, L] -> [B, L * hop_size], float32, with the ``options`` of the vocoder's own ``synthesize``.

        Args:
            mel: [B, C, L]; rows of a batch may be padded.
            lengths: frames of each row, where they differ; what is beyond is zero in what is returned, and each row is
                what it would be alone.
            generator: source of the noise, one or a list of one for each row.
            denoise: strength of the denoiser.

        Raises InputError for a mel of another shape, one that is not finite, lengths that do not fit.
        """
        mel = self._placed(mel)
        lengths = self._lengths(lengths, mel)
        if lengths is not None:  # what is interpolated between frames goes on with the last one, as in a row alone
            frame = torch.arange(mel.shape[-1], device=mel.device).minimum(lengths[:, None] - 1)
            mel = mel.gather(2, frame[:, None].expand_as(mel))
        _refuse_what_is_not_finite(mel)
        noise = Noise.drawn(generator, len(mel))
        if self._network.batches or len(mel) == 1:
            return self._synthesize(mel, lengths, noise, denoise, options)
        whole = mel.new_zeros(len(mel), mel.shape[-1] * self.hop_size)
        for n in range(len(mel)):
            frames = mel.shape[-1] if lengths is None else int(lengths[n])
            row = self._synthesize(mel[n : n + 1, :, :frames], None, noise.row(n), denoise, options)
            whole[n, : row.shape[1]] = row[0]
        return whole

    @torch.inference_mode()
    def open(self, *, generator=None, denoise=0.0, **options):
        """A ``Stream``: one utterance, of which the mel comes in pieces."""
        return Stream(self._sweep(Noise.drawn(generator, 1), None, denoise, options), self.chunk_frames, self._placed)

    def stream(self, mels, *, generator=None, denoise=0.0, **options):
        """An iterable of mels [C, n], n from 1, to waves [T] as soon as they are decided; together what ``synthesize``
        makes of the mels together.  Some of the first are empty: see ``look_ahead``."""
        opened = self.open(generator=generator, denoise=denoise, **options)
        for mel in mels:
            yield opened.push(mel)
        yield opened.push(torch.zeros(self.mel_spec.n_mels, 0), last=True)

    @property
    def batches(self):
        """Whether rows of a batch are computed together."""
        return self._network.batches

    @torch.inference_mode()
    def look_ahead(self, *, denoise=0.0, **options):
        """Frames of the mel after a sample that must be known before it is decided."""
        return self._sweep(Noise([0]), None, denoise, options).delay

    def _synthesize(self, mel, lengths, noise, denoise, options):
        sweep = self._sweep(noise, lengths, denoise, options)
        wave = _push(sweep, mel, self.chunk_frames, last=True)
        if lengths is None:
            return wave
        ended = torch.arange(wave.shape[1], device=wave.device) >= lengths[:, None] * self.hop_size
        return wave.masked_fill(ended, 0.0)

    def _sweep(self, noise, lengths, denoise, options):
        denoise = (self._denoiser(options), denoise) if denoise else None
        return self._open(self.vocoder, self._network, noise, lengths=lengths, denoise=denoise, **options)

    def _denoiser(self, options):
        key = repr(sorted(options.items()))
        if key not in self._denoisers:
            with torch.inference_mode():
                self._denoisers[key] = Denoiser(self.vocoder, options=options)
        return self._denoisers[key]

    def _placed(self, mel):
        """The mel [B, C, L] where and as networks take it; native ones would read whatever lies in the memory."""
        bands = self.mel_spec.n_mels
        if mel.dim() != 3 or mel.shape[1] != bands or not len(mel):
            raise InputError(f"mel: expected [rows, {bands} bands, frames], found {list(mel.shape)}")
        return mel.to(self.device, torch.float32)

    def _lengths(self, lengths, mel):
        if lengths is None:
            return None
        lengths = torch.as_tensor(lengths, device=mel.device)
        fit = lengths.shape == (len(mel),) and not lengths.is_floating_point()
        if not fit or not 1 <= int(lengths.min()) <= int(lengths.max()) <= mel.shape[-1]:
            raise InputError(
                f"lengths: expected {len(mel)} numbers from 1 to {mel.shape[-1]}, found {lengths.tolist()}"
            )
        return lengths


class Stream:
    """One utterance in pieces: ``push(mel [C, n], last=False)`` gives what of the wave is decided now, [T]."""

    def __init__(self, sweep, chunk_frames, placed):
        self._sweep, self._chunk_frames, self._placed = sweep, chunk_frames, placed
        self._ended = False

    @torch.inference_mode()
    def push(self, mel, *, last=False):
        """Together the pieces are what ``synthesize`` makes of the mels together; n may be 0.

        Raises InputError as ``synthesize`` does, and ValueError after the last piece.
        """
        if self._ended:
            raise ValueError("the stream has had its last piece; open another for another utterance")
        mel = self._placed(mel[None])
        _refuse_what_is_not_finite(mel)
        self._ended = last
        return _push(self._sweep, mel, self._chunk_frames, last=last)[0]


def _push(sweep, mel, frames, *, last):
    """At most so many frames at once, as they bound the memory."""
    pieces = mel.split(frames, -1)
    waves = [sweep.push(piece, last=last and n == len(pieces)) for n, piece in enumerate(pieces, 1)]
    return waves[0] if len(waves) == 1 else torch.cat(waves, 1)


def _refuse_what_is_not_finite(mel):
    """The native networks' relu takes a NaN for 0, so that it would not be heard."""
    wrong = int((~mel.isfinite()).sum())
    if wrong:
        raise InputError(f"mel: {wrong} of {mel.numel()} values are not finite")


def _check_choice(name, value, choices):
    known = get_args(choices)
    if value not in known:
        raise InputError(f"{name} {value}: {config.hint(value, known, 'choose one of ' + ', '.join(known))}")
