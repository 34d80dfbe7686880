"""Samplers: the steps from noise to speech, as numbers.  They know nothing of networks.

A sampler is a function of a schedule that returns ``Step``s from the noisiest to the cleanest.  Every sampler here is
linear in what a step knows, so a step is a few factors, and whoever takes it may do so for any part of a signal.
``temperature`` scales the noise that a step adds; below 1 it makes up for a denoiser that leaves some behind.
Every step into ``level[0] = 1`` returns the expected speech, so the last step is no special case of the formulas.
"""

import math
from functools import partial
from typing import NamedTuple

from vocoders.diffusion.schedule import log_snr


class Step(NamedTuple):
    """From x at ``level`` to the next cleaner one: the sum of what is known times these factors."""

    level: float
    of_wave: float  # x
    of_speech: float  # the expected speech given x
    of_noise: float = 0.0  # fresh noise
    of_before: float = 0.0  # the speech that the step before expected

    def advance(self, wave, speech, noise=None, before=None):
        """[B, T] each -> [B, T]; those whose factor is 0 may be missing."""
        if not self.of_wave:  # the last one: as it is, whatever rounding would make of it
            return self.of_speech * speech
        following = self.of_wave * wave + self.of_speech * speech
        if self.of_noise:
            following = following + self.of_noise * noise
        return following + self.of_before * before if self.of_before else following


def sample(denoise, noise, steps, *, fresh=None, clip=1.0):
    """Takes all steps: from ``noise`` [B, T], which is x at the first level, to speech [B, T].

    ``denoise(noisy [B, T], level)`` returns the expected speech [B, T] given the noisy signal and its level, a number;
    it is kept within +-``clip`` at every step.  ``fresh(n)`` is the noise [B, T] of step n, counted from 1.
    """
    wave, before = noise, None
    for n, step in enumerate(steps, 1):
        speech = clipped(denoise(wave, step.level), clip)
        wave = step.advance(wave, speech, fresh(n).to(wave) if step.of_noise else None, before)
        before = speech
    return wave


def clipped(speech, clip):
    return speech if clip is None else speech.clamp(-clip, clip)


def ancestral(schedule, *, temperature=1.0):
    """Ho et al. 2020, algorithm 2, with the posterior's variance: one step back along the Markov chain."""
    return [
        Step(schedule.level[n + 1].item(), of_wave, of_speech, temperature * deviation)
        for n in reversed(range(len(schedule)))
        for of_wave, of_speech, deviation in [schedule.posterior(n)]
    ]


def ddim(schedule, *, temperature=1.0, eta=0.0):
    """DDIM (Song et al. 2021, equation 12): the noise found in x is kept; ``eta`` is the share drawn anew.

    0 is deterministic, 1 the ancestral sampler.  The noise found is that beside the clipped speech, so that both agree.
    """
    steps = []
    for n in reversed(range(len(schedule))):
        (a, s), (next_a, next_s) = _signal_and_noise(schedule, n + 1), _signal_and_noise(schedule, n)
        drawn = eta * next_s / s * (1 - (a / next_a) ** 2) ** 0.5
        kept = (next_s**2 - drawn**2) ** 0.5 / s
        steps.append(Step(a, kept, next_a - kept * a, temperature * drawn))
    return steps


def dpm_solver(schedule, *, temperature=1.0, order=2, noisy=False):
    """DPM-Solver++ (Lu et al. 2022, arXiv:2211.01095, algorithm 2 and appendix A.6), multistep, on the expected speech.

    ``order`` 1 is DDIM; 2 extrapolates from the step before, except into the last level.  ``noisy`` is the form that
    solves the stochastic equation.
    """
    steps, last_h = [], None
    for n in reversed(range(1, len(schedule))):
        (a, s), (next_a, next_s) = _signal_and_noise(schedule, n + 1), _signal_and_noise(schedule, n)
        h = (log_snr(schedule.level[n]) - log_snr(schedule.level[n + 1])).item()
        ahead = h / (2 * last_h) if order == 2 and last_h else 0.0
        decay = math.exp(-h)
        kept = decay if noisy else 1.0
        of_speech = next_a * (1 - kept * decay)
        drawn = next_s * (1 - decay**2) ** 0.5 if noisy else 0.0
        steps.append(
            Step(a, next_s / s * kept, of_speech * (1 + ahead), temperature * drawn, of_before=-of_speech * ahead)
        )
        last_h = h
    return [*steps, Step(schedule.level[1].item(), 0.0, 1.0)]  # into the clean level lambda is infinite


def _signal_and_noise(schedule, n):
    level = schedule.level[n].item()
    return level, (1 - level**2) ** 0.5


SAMPLERS = {
    "ancestral": ancestral,
    "ddim": ddim,
    "dpm_solver": dpm_solver,
    "sde_dpm_solver": partial(dpm_solver, noisy=True),
}
