"""Samplers: functions from noise and a denoiser to speech.  They know nothing of networks.

``denoise(noisy [B, T], level)`` returns the expected speech [B, T] given the noisy signal and its level, a number.
"""

from vocoders.seeding import normal_like


def sample_ancestral(denoise, noise, schedule, *, generator=None, clip=1.0, temperature=1.0):
    """Ho et al. 2020, algorithm 2, with the posterior's variance; the expected speech is kept within +-``clip``.

    ``temperature`` scales the noise that each step adds; below 1 it makes up for a denoiser that leaves some behind.
    The step into ``level[0] = 1`` has deviation 0, so the last step is no special case.
    """
    wave = noise
    for n in reversed(range(len(schedule))):
        speech = denoise(wave, schedule.level[n + 1].item())
        if clip is not None:
            speech = speech.clamp(-clip, clip)
        mean, deviation = schedule.posterior(wave, speech, n)
        wave = mean + temperature * deviation * normal_like(wave, generator=generator)
    return wave
