"""Which mel configuration a corpus gets, by its sampling rates."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vocoders.data.measure import Measurement
from vocoders.features.mel import MelSpec

DEFAULT = "mel_nvidia_22k.yaml"
PREFERRED = (DEFAULT, "mel_wavegrad_paper_24k.yaml")  # of the configurations of one rate


@dataclass(frozen=True)
class MelChoice:
    config: str  # as run.sh names it
    spec: MelSpec
    resample: bool
    why: str
    text: str | None = None  # of a configuration of its own


def choose_mel(measurements: Sequence[Measurement], conf: Path) -> MelChoice:
    """The commonest rate decides: a shared configuration that has it, one written for a lower rate, or resampling."""
    seconds = Counter()
    for one in measurements:
        seconds[one.rate] += one.seconds
    (rate, _), *others = seconds.most_common()
    found = f"{rate} Hz" + "".join(f", {other} Hz in {part / seconds.total():.1%}" for other, part in others)
    mixed = "; the others are resampled" if others else ""
    specs = {path.name: MelSpec.load(path) for path in sorted(conf.glob("mel_*.yaml"))}
    default = specs[DEFAULT]
    fitting = [name for name, spec in specs.items() if spec.sample_rate == rate]
    if fitting:
        name = next((name for name in PREFERRED if name in fitting), fitting[0])
        return MelChoice(f"conf/{name}", specs[name], bool(others), f"rate: {found}: conf/{name} has it{mixed}")
    if rate > default.sample_rate:
        why = f"resampled to {default.sample_rate} Hz, the rate of conf/{DEFAULT} and of what is published"
        return MelChoice(f"conf/{DEFAULT}", default, True, f"rate: {found}: {why}")
    name = f"local/mel_{rate // 1000}k.yaml"
    changes = _at_rate(default, rate)
    text = f"# {DEFAULT.removesuffix('.yaml')} at the rate of this corpus.\nbase: ../conf/{DEFAULT}\n"
    text += "".join(f"{key}: {value}\n" for key, value in changes.items())
    why = f"rate: {found}: no configuration in conf/ has it, so {name} was written{mixed}"
    return MelChoice(name, MelSpec(**{**default.as_dict(), **changes}), bool(others), why, text)


def _at_rate(spec: MelSpec, rate: int) -> dict[str, int]:
    """What of `spec` another rate changes: lengths in powers of two, which small models fold, near its own in time."""
    size, hop = (2 ** round(math.log2(length * rate / spec.sample_rate)) for length in (spec.n_fft, spec.hop_size))
    return {"sample_rate": rate, "n_fft": size, "win_size": size, "hop_size": hop, "f_max": min(8000, rate // 2)}
