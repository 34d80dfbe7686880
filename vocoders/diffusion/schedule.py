"""Noise schedules.

Everything is written in the noise *level*, the square root of alpha-bar: 1 is clean speech, 0 is pure noise.  A
schedule of N steps has N + 1 levels with ``level[0] = 1``, so that the last step of sampling is no special case.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from vocoders.errors import InputError


@dataclass(frozen=True)
class LinearSchedule:
    """The usual training schedule: beta rises linearly from ``first`` to ``last`` in ``steps`` steps."""

    steps: int = 50
    first: float = 1e-4
    last: float = 0.05

    def build(self):
        return ScheduleRule("linear", self.steps, self.first, self.last).build()


@dataclass(frozen=True)
class ScheduleRule:
    """Betas of a sampling schedule by a rule, from ``first``, the cleanest.

    linear and exponential go to ``last`` in equal differences or ratios; fibonacci adds the two before (Chen et al.
    2021, section 4.2), beginning with ``first`` and twice that, and has no ``last``.
    """

    rule: Literal["linear", "exponential", "fibonacci"]
    steps: int
    first: float
    last: float | None = None

    def build(self):
        if (self.last is None) != (self.rule == "fibonacci"):
            raise InputError(f"schedule: the rule {self.rule} {'needs a' if self.last is None else 'has no'} last")
        for name in ("steps", "first", "last"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"schedule: {name}: expected a positive number, found {value:g}")
        if self.rule == "linear":
            return NoiseSchedule.linear(self.steps, self.first, self.last)
        if self.rule == "exponential":
            ratio = (self.last / self.first) ** (1 / max(self.steps - 1, 1))
            return NoiseSchedule.from_list([self.first * ratio**n for n in range(self.steps)])
        betas = [self.first, 2 * self.first]
        while len(betas) < self.steps:
            betas.append(betas[-1] + betas[-2])
        return NoiseSchedule.from_list(betas[: self.steps])


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """What sampling and training read of a schedule; float64 on the CPU, never state of a model.

    Step n = 1..N takes ``level[n - 1]`` to ``level[n]`` with noise of variance ``beta[n - 1]``.
    """

    beta: Tensor  # [N]

    def __post_init__(self):
        if not len(self.beta):
            raise InputError("schedule: expected at least one beta, found none")
        for n, beta in enumerate(self.beta.tolist(), 1):
            if not 0 < beta < 1:
                raise InputError(f"schedule: expected betas between 0 and 1, number {n} of {len(self)} is {beta:g}")
            if not 0 < self.level[n] < self.level[n - 1]:
                fault = "is too small to add any noise" if self.level[n] else "leaves nothing of the speech"
                raise InputError(f"schedule: beta number {n} of {len(self)}, {beta:g}, {fault}")

    @classmethod
    def linear(cls, steps, first, last):
        return cls(torch.linspace(first, last, steps, dtype=torch.float64))

    @classmethod
    def from_list(cls, betas):
        return cls(torch.tensor(betas, dtype=torch.float64))

    @classmethod
    def from_levels(cls, levels):
        """The schedule that visits these falling levels [N], from the cleanest to the noisiest.

        Raises InputError if they do not fall.
        """
        levels = torch.as_tensor(levels, dtype=torch.float64)
        if not bool((torch.cat([torch.ones(1, dtype=torch.float64), levels]).diff() < 0).all()):
            raise InputError(f"schedule: expected levels that fall from below 1, found {levels.tolist()}")
        alpha_bar = torch.cat([torch.ones(1, dtype=torch.float64), levels**2])
        return cls(1 - alpha_bar[1:] / alpha_bar[:-1])

    def __len__(self):
        return len(self.beta)

    @cached_property
    def level(self):
        """[N + 1], from 1 (clean) downwards."""
        return torch.cat([torch.ones(1, dtype=torch.float64), (1 - self.beta).cumprod(0).sqrt()])

    def posterior(self, n):
        """level[n] given level[n + 1] and speech: factors of the noisy signal and of the speech in its mean, and its
        standard deviation (Ho et al. 2020, eq. 6 and 7).

        The step into ``level[0] = 1`` returns the speech: 0, 1, 0.
        """
        if n == 0:
            return 0.0, 1.0, 0.0
        before, now, beta = self.level[n].item() ** 2, self.level[n + 1].item() ** 2, self.beta[n].item()
        of_noisy = (1 - beta) ** 0.5 * (1 - before) / (1 - now)
        of_speech = before**0.5 * beta / (1 - now)
        return of_noisy, of_speech, ((1 - before) / (1 - now) * beta) ** 0.5

    def spread(self, steps):
        """A schedule of ``steps`` steps over the same range of levels, evenly spaced in the log of the
        signal-to-noise ratio (Lu et al. 2022, DPM-Solver, section 3.4)."""
        cleanest, noisiest = log_snr(self.level[1]), log_snr(self.level[-1])
        if steps == 1:
            return NoiseSchedule.from_levels(self.level[-1:])
        grid = torch.linspace(cleanest.item(), noisiest.item(), steps, dtype=torch.float64)
        return NoiseSchedule.from_levels(torch.sigmoid(2 * grid).sqrt())

    def draw_levels(self, count, *, generator=None):
        """Levels [count] at steps drawn uniformly from 1..N (Ho et al. 2020, algorithm 1)."""
        return self.level[1 + torch.randint(len(self), [count], generator=generator)]

    def draw_continuous_levels(self, count, *, generator=None):
        """Levels [count] drawn uniformly between those of two neighbouring steps, the pair drawn uniformly (Chen et al.
        2021, section 3.2)."""
        step = torch.randint(len(self), [count], generator=generator)
        position = torch.rand(count, generator=generator, dtype=torch.float64)
        return self.level[step] + (self.level[step + 1] - self.level[step]) * position

    def draw_spread_levels(self, count, *, generator=None):
        """Levels [count] whose log signal-to-noise ratios lie uniformly in the range of the schedule.

        One level from each of ``count`` equal parts of the range: the same distribution with less variance per batch.
        """
        noisiest, cleanest = log_snr(self.level[-1]), log_snr(self.level[1])
        position = (torch.arange(count) + torch.rand(count, generator=generator, dtype=torch.float64)) / count
        return torch.sigmoid(2 * (noisiest + (cleanest - noisiest) * position)).sqrt()

    def step_at(self, level):
        """The fractional step whose level this is: ``step_at(level[n]) == n``, linear in the level between two steps,
        and held at 1 above ``level[1]``, which no training has seen (Kong et al. 2021, appendix on fast sampling)."""
        falling = self.level[1:].flip(0)  # searchsorted wants ascending values
        level = torch.as_tensor(level).to("cpu", torch.float64).clamp(falling[0], falling[-1])
        if len(self) == 1:
            return torch.ones_like(level)
        right = torch.searchsorted(falling, level).clamp(1, len(self) - 1)
        low, high = falling[right - 1], falling[right]
        return len(self) - (right - 1 + (level - low) / (high - low))


def log_snr(level):
    """Lambda = ln(a / s), half the log signal-to-noise ratio."""
    return level.log() - 0.5 * torch.log1p(-(level**2))


def diffuse(wave, noise, level):
    """q(x_level | x_0), the only place where speech meets noise: [B, T], [B, T], [B] -> [B, T]."""
    signal, deviation = signal_and_noise(level, wave)
    return signal * wave + deviation * noise


def signal_and_noise(level, like):
    """a = level and s = sqrt(1 - level^2) as [B, 1] of the type of ``like``; s is taken in float64, where it exists."""
    level = torch.as_tensor(level, dtype=torch.float64).reshape(-1, 1)
    return level.to(like), (1 - level**2).sqrt().to(like)
