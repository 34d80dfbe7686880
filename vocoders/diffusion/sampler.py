"""Samplers: functions from noise and a denoiser to speech.  They know nothing of networks.

``denoise(noisy [B, T], level)`` returns the expected speech [B, T] given the noisy signal and its level, a number;
``noise`` [B, T] is what x is at the last level of the schedule.  The expected speech is kept within +-``clip`` at every
step.  ``temperature`` scales the noise that a step adds; below 1 it makes up for a denoiser that leaves some behind.
Every step into ``level[0] = 1`` returns the expected speech, so the last step is no special case of the formulas.
"""

import math
from functools import partial

from vocoders.diffusion.schedule import log_snr
from vocoders.seeding import normal_like


def sample_ancestral(denoise, noise, schedule, *, generator=None, clip=1.0, temperature=1.0):
    """Ho et al. 2020, algorithm 2, with the posterior's variance: one step back along the Markov chain."""
    wave = noise
    for n in reversed(range(len(schedule))):
        speech = _clipped(denoise(wave, schedule.level[n + 1].item()), clip)
        mean, deviation = schedule.posterior(wave, speech, n)
        wave = mean + temperature * deviation * normal_like(wave, generator=generator)
    return wave


def sample_ddim(denoise, noise, schedule, *, generator=None, clip=1.0, temperature=1.0, eta=0.0):
    """DDIM (Song et al. 2021, equation 12): the noise found in x is kept; ``eta`` is the share drawn anew.

    0 is deterministic, 1 the ancestral sampler.
    """
    wave = noise
    for n in reversed(range(len(schedule))):
        (a, s), (next_a, next_s) = _signal_and_noise(schedule, n + 1), _signal_and_noise(schedule, n)
        speech = _clipped(denoise(wave, a), clip)
        found = (wave - a * speech) / s  # from the clipped speech, so that the two agree
        fresh = eta * next_s / s * (1 - (a / next_a) ** 2) ** 0.5
        wave = next_a * speech + (next_s**2 - fresh**2) ** 0.5 * found
        if fresh:
            wave = wave + temperature * fresh * normal_like(wave, generator=generator)
    return wave


def sample_dpm_solver(denoise, noise, schedule, *, generator=None, clip=1.0, temperature=1.0, order=2, noisy=False):
    """DPM-Solver++ (Lu et al. 2022, arXiv:2211.01095, algorithm 2 and appendix A.6), multistep, on the expected speech.

    ``order`` 1 is DDIM; 2 extrapolates from the step before, except into the last level.  ``noisy`` is the form that
    solves the stochastic equation.
    """
    wave, before, last_h = noise, None, None
    for n in reversed(range(len(schedule))):
        (a, s), (next_a, next_s) = _signal_and_noise(schedule, n + 1), _signal_and_noise(schedule, n)
        speech = _clipped(denoise(wave, a), clip)
        if n == 0:
            return speech  # lambda is infinite there
        h = (log_snr(schedule.level[n]) - log_snr(schedule.level[n + 1])).item()
        ahead = speech
        if order == 2 and before is not None:
            ahead = speech + (speech - before) * (h / (2 * last_h))
        decay = math.exp(-h)
        kept = decay if noisy else 1.0
        wave = next_s / s * kept * wave + next_a * (1 - kept * decay) * ahead
        if noisy:
            wave = wave + temperature * next_s * (1 - decay**2) ** 0.5 * normal_like(wave, generator=generator)
        before, last_h = speech, h
    return wave


def _signal_and_noise(schedule, n):
    level = schedule.level[n].item()
    return level, (1 - level**2) ** 0.5


def _clipped(speech, clip):
    return speech if clip is None else speech.clamp(-clip, clip)


SAMPLERS = {
    "ancestral": sample_ancestral,
    "ddim": sample_ddim,
    "dpm_solver": sample_dpm_solver,
    "sde_dpm_solver": partial(sample_dpm_solver, noisy=True),
}
