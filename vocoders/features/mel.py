"""Log-mel spectrograms: every setting that two front ends can differ in, and the transform it stands for.

    spec = MelSpec.load("conf/mel_nvidia_22k.yaml")
    mel = LogMel(spec)(wave)                    # [B, T] -> [B, C, L]; T = L * hop_size

``MelSpec`` travels with everything made from it: features, checkpoints, decoded sets.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from vocoders import config
from vocoders.errors import InputError
from vocoders.features.filter_bank import filter_bank
from vocoders.io.files import write_text

COMPRESSION = ("log", "floor", "silence", "reference", "unit_range")  # the settings that `convert` can change


@dataclass(frozen=True)
class MelSpec:
    """One mel front end.

    Args:
        sample_rate: in Hz.
        n_fft: length of the Fourier transform.
        win_size: length of the periodic Hann window, zero-padded on both sides to n_fft.
        hop_size: samples per frame.
        n_mels: number of bands.
        f_min: lower edge of the lowest band, in Hz.
        f_max: upper edge of the highest band, in Hz; null is half of the sampling rate.
        mel_scale: "slaney" (linear below 1 kHz, librosa's default) or "htk" (2595 log10(1 + f / 700)).
        mel_norm: "slaney" scales each filter to area 1 over frequency in Hz, null leaves its peak at 1.
        power: exponent of the spectrum that the filters are applied to: 1 magnitude, 2 power.
        stft_normalized: whether the spectrum is divided by the root of the window's energy (torchaudio).
        center: true: frame i is centred on sample i * hop_size, with n_fft / 2 reflected samples at the
            ends; false: on the middle of hop i, with (n_fft - hop_size) / 2 reflected samples (HiFi-GAN).
        log: "ln", "log10" or "db" (20 log10 of a magnitude, 10 log10 of a power).
        floor: smallest value that enters the logarithm; null: none, and `silence` says what log(0) becomes.
        silence: the mel value of an exact zero when there is no floor.
        reference: subtracted after the logarithm, in its unit.
        unit_range: [low, high] in the logarithm's unit, mapped to [0, 1] and clamped; null: not scaled.
    """

    sample_rate: int
    n_fft: int
    win_size: int
    hop_size: int
    n_mels: int
    f_min: float = 0.0
    f_max: float | None = None
    mel_scale: Literal["slaney", "htk"] = "slaney"
    mel_norm: Literal["slaney"] | None = "slaney"
    power: Literal[1, 2] = 1
    stft_normalized: bool = False
    center: bool = True
    log: Literal["ln", "log10", "db"] = "ln"
    floor: float | None = 1e-5
    silence: float | None = None
    reference: float = 0.0
    unit_range: tuple[float, float] | None = None

    def __post_init__(self):
        set_once = object.__setattr__
        set_once(self, "f_min", float(self.f_min))
        set_once(self, "f_max", self.sample_rate / 2 if self.f_max is None else float(self.f_max))
        set_once(self, "reference", float(self.reference))
        for name in ("floor", "silence"):
            value = getattr(self, name)
            set_once(self, name, None if value is None else float(value))
        if self.unit_range is not None:
            set_once(self, "unit_range", tuple(float(value) for value in self.unit_range))
        self._validate()

    def _validate(self):
        for name in ("sample_rate", "n_fft", "win_size", "hop_size", "n_mels"):
            if getattr(self, name) < 1:
                raise InputError(f"mel.{name}: expected a positive number, found {getattr(self, name)}")
        if self.win_size > self.n_fft:
            raise InputError(f"mel.win_size: {self.win_size} does not fit in n_fft {self.n_fft}")
        if self.hop_size > self.win_size:
            raise InputError(f"mel.hop_size: {self.hop_size} skips samples, the window has only {self.win_size}")
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise InputError(
                f"mel.f_min, mel.f_max: expected 0 <= f_min < f_max <= {self.sample_rate / 2:g} (half of the "
                f"sampling rate), found {self.f_min:g} and {self.f_max:g}"
            )
        choices = {
            "mel_scale": ("slaney", "htk"),
            "mel_norm": ("slaney", None),
            "power": (1, 2),
            "log": ("ln", "log10", "db"),
        }
        for name, values in choices.items():
            if getattr(self, name) not in values:
                raise InputError(f"mel.{name}: expected one of {values}, found {getattr(self, name)!r}")
        if (self.floor is None) == (self.silence is None):
            raise InputError("mel.floor, mel.silence: set exactly one; silence is what log(0) becomes without a floor")
        if self.floor is not None and self.floor <= 0:
            raise InputError(f"mel.floor: expected a positive number, found {self.floor}")
        if self.unit_range is not None and not self.unit_range[0] < self.unit_range[1]:
            raise InputError(f"mel.unit_range: expected [low, high] with low < high, found {list(self.unit_range)}")

    @classmethod
    def load(cls, path):
        """From a YAML file, or from the ``mel.yaml`` of a feature directory."""
        path = Path(path)
        path = path / "mel.yaml" if path.is_dir() else path
        options = config.load(path)
        try:
            return config.build(cls, options, where="mel")
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def save(self, path):
        write_text(path, f"# mel {self.hash}\n" + config.dump(self.as_dict()))

    def as_dict(self):
        """Plain values, for YAML, JSON and checkpoints; ``MelSpec(**values)`` is the way back."""
        values = asdict(self)
        return {**values, "unit_range": None if self.unit_range is None else list(self.unit_range)}

    @property
    def hash(self):
        """Twelve hexadecimal digits that two specs share only if they are equal."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:12]

    def difference(self, other):
        """One line per setting that differs: ``hop_size: 256 != 300``."""
        pairs = [(f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]
        return [f"{name}: {mine} != {theirs}" for name, mine, theirs in pairs if mine != theirs]

    def convertible_to(self, other):
        """Whether ``convert`` is exact: the same linear mel, with nothing lost that the other keeps."""
        same = all(line.split(":")[0] in COMPRESSION for line in self.difference(other))
        (low, high), (other_low, other_high) = self._kept(), other._kept()
        return same and low <= other_low * (1 + 1e-6) and high >= other_high * (1 - 1e-6)

    def compress(self, linear):
        """What the front end does to the output of its filters: floor, logarithm, reference, range."""
        values = self._log(linear if self.floor is None else linear.clamp(min=self.floor))
        if self.floor is None:
            values = values.masked_fill(linear == 0, self.silence + self.reference)
        values = values - self.reference
        if self.unit_range is None:
            return values
        low, high = self.unit_range
        return ((values - low) / (high - low)).clamp(0, 1)

    def expand(self, mel):
        """The inverse of ``compress``; what it floored or clamped comes back as the floor or the clamp."""
        values = mel
        if self.unit_range is not None:
            low, high = self.unit_range
            values = values * (high - low) + low
        linear = torch.exp((values + self.reference) * self._unit)
        return linear if self.floor is not None else linear.masked_fill(mel == self.silence, 0)

    def to_magnitude(self, mel):
        """Band magnitudes in the units of a plain STFT, whatever the log, range, power and normalisation.

        From a power mel they are the root of the band's power, at least the (weighted) mean magnitude in it.
        """
        linear = self.expand(mel)
        magnitude = linear if self.power == 1 else linear.sqrt()
        return magnitude * window_norm(self) if self.stft_normalized else magnitude

    @property
    def _unit(self):
        """The natural logarithm of one step of ``log``."""
        return {"ln": 1.0, "log10": math.log(10), "db": math.log(10) * self.power / 20}[self.log]

    def _log(self, linear):
        return linear.log() / self._unit

    def _kept(self):
        """The smallest and largest linear value that survive ``compress`` and ``expand``."""
        low, high = self.floor or 0.0, math.inf
        if self.unit_range is None:
            return low, high
        ends = [math.exp((value + self.reference) * self._unit) for value in self.unit_range]
        return max(low, ends[0]), ends[1]


class LogMel(nn.Module):
    """wave [B, T] -> mel [B, C, L], L = T / hop_size; float32 or float64 as the wave is."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        # kept in float64, used in the precision of the wave
        self.register_buffer("window", window(spec), persistent=False)
        self.register_buffer("filters", filter_bank(spec), persistent=False)  # [C, n_fft / 2 + 1]

    def forward(self, wave):
        spec, frames = self.spec, wave.shape[-1] // self.spec.hop_size
        if wave.shape[-1] != frames * spec.hop_size:
            raise ValueError(f"{wave.shape[-1]} samples are not a multiple of hop_size {spec.hop_size}")
        left, right = padding(spec)
        if wave.shape[-1] <= max(left, right):
            raise ValueError(f"{wave.shape[-1]} samples are too few to reflect {max(left, right)} of them at an end")
        padded = F.pad(wave[:, None], (left, right), mode="reflect")[:, 0]
        sizes, window = (spec.n_fft, spec.hop_size, spec.win_size), self.window.to(wave.dtype)
        # centred, there is one frame too many: the last one is dropped
        stft = torch.stft(padded, *sizes, window, center=False, return_complex=True)
        magnitude = stft[..., :frames].abs()  # [B, n_fft / 2 + 1, L]
        spectrum = magnitude if spec.power == 1 else magnitude.square()
        scale = window_norm(spec) ** -spec.power if spec.stft_normalized else 1
        return spec.compress((self.filters * scale).to(wave.dtype) @ spectrum)


def convert(mel, from_spec, to_spec):
    """The mel of one spec as that of another; only between specs where nothing is lost."""
    if not from_spec.convertible_to(to_spec):
        raise ValueError(f"mels cannot be converted exactly: {'; '.join(from_spec.difference(to_spec))}")
    return to_spec.compress(from_spec.expand(mel.double())).to(mel.dtype)


def padding(spec):
    """Samples reflected before and behind a wave."""
    if spec.center:
        return spec.n_fft // 2, spec.n_fft - spec.n_fft // 2
    return (spec.n_fft - spec.hop_size) // 2, (spec.n_fft - spec.hop_size + 1) // 2


def window(spec):
    """The periodic Hann window, float64 [win_size]."""
    return torch.hann_window(spec.win_size, dtype=torch.float64)


def window_norm(spec):
    """Root of the window's energy (3/8 size for periodic Hann), what a normalised STFT is divided by."""
    return math.sqrt(3 / 8 * spec.win_size)
