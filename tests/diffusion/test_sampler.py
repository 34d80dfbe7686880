"""Ancestral sampling against closed forms.  Coarse schedules: on fine ones a wrong variance does not show."""

from itertools import pairwise

import pytest
import torch

from vocoders.diffusion.sampler import ancestral, ddim, dpm_solver, sample
from vocoders.diffusion.schedule import NoiseSchedule, log_snr

COARSE = [[1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5], [0.1, 0.3, 0.6, 0.9], [0.5]]


def taken(sampler, denoise, noise, schedule, *, generator=None, clip=1.0, **options):
    """What a sampler's steps make of noise, with fresh noise from ``generator``."""

    def fresh(_step):
        return torch.randn(noise.shape, generator=generator, dtype=noise.dtype)

    return sample(denoise, noise, sampler(schedule, **options), fresh=fresh, clip=clip)


@pytest.mark.parametrize("betas", COARSE)
def test_coarse_schedule_reaches_the_closed_form_variance_at_every_step(betas):
    """With the true score of N(0, v) the best denoiser is linear, so the variance after each step is known."""
    v, schedule, seen = 0.09, NoiseSchedule.from_list(betas), []

    def gain(level):  # E[speech | x] = gain x
        return level * v / (level**2 * v + 1 - level**2)

    def denoise(noisy, level):
        seen.append(noisy.var().item())
        return gain(level) * noisy

    noise = torch.randn(1, 400_000, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    seen.append(taken(ancestral, denoise, noise, schedule, generator=generator, clip=None).var())
    expected, alpha_bar = [1.0], torch.tensor([1.0] + [1 - b for b in betas]).double().cumprod(0).tolist()
    for n in range(len(betas), 0, -1):
        beta, now, before = betas[n - 1], alpha_bar[n], alpha_bar[n - 1]
        to_speech = before**0.5 * beta / (1 - now)
        to_noisy = (1 - beta) ** 0.5 * (1 - before) / (1 - now)
        shrink = to_speech * gain(now**0.5) + to_noisy
        expected.append(shrink**2 * expected[-1] + (1 - before) / (1 - now) * beta)
    assert [float(x) for x in seen] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("betas", COARSE)
def test_a_perfect_denoiser_returns_the_speech_exactly(betas):
    speech = torch.tensor([[0.5, -0.25, 0.0]])
    sampled = taken(ancestral, lambda x, level: speech, torch.randn(1, 3), NoiseSchedule.from_list(betas))
    assert torch.allclose(sampled, speech, atol=1e-6)


def test_levels_fall_from_the_noisiest_and_end_before_clean():
    schedule, visited = NoiseSchedule.from_list([0.1, 0.3, 0.6]), []
    taken(ancestral, lambda x, level: (visited.append(level), x)[1], torch.zeros(1, 2), schedule)
    assert visited == schedule.level[1:].flip(0).tolist()


def test_noise_differs_between_steps_and_repeats_with_the_seed():
    schedule = NoiseSchedule.from_list([0.1, 0.3, 0.6])

    def path(seed):
        inputs = []
        generator = torch.Generator().manual_seed(seed)
        taken(
            ancestral,
            lambda x, _: (inputs.append(x), torch.zeros_like(x))[1],
            torch.zeros(1, 50),
            schedule,
            generator=generator,
        )
        return inputs

    first, again, other = path(1), path(1), path(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not torch.equal(first[2], other[2])
    step_one = first[1]  # pure posterior noise, as the start is 0
    *_, deviation = schedule.posterior(2)
    to_noisy = (first[2] - 0).std() / step_one.std()
    assert step_one.std().item() == pytest.approx(deviation, rel=0.35) and to_noisy != 1


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_temperature_scales_the_noise_of_each_step(temperature):
    """From silence, with silence expected, what is left after one step is its noise alone."""
    schedule, inputs = NoiseSchedule.from_list([0.1, 0.9]), []
    generator = torch.Generator().manual_seed(0)

    def denoise(noisy, level):
        inputs.append(noisy)
        return torch.zeros_like(noisy)

    taken(ancestral, denoise, torch.zeros(1, 20_000), schedule, generator=generator, temperature=temperature)
    *_, deviation = schedule.posterior(1)
    assert inputs[1].std().item() == pytest.approx(temperature * deviation, rel=0.02)


def test_expected_speech_is_clipped_but_the_noisy_signal_is_not():
    schedule = NoiseSchedule.from_list([0.1, 0.3, 0.6])
    loud = taken(ancestral, lambda x, _: torch.full_like(x, 7.0), torch.randn(1, 50) * 3, schedule, clip=1.0)
    assert torch.allclose(loud, torch.ones(1, 50))
    inputs = []
    taken(ancestral, lambda x, _: (inputs.append(x), x)[1], torch.full((1, 4), 5.0), schedule, clip=1.0)
    assert inputs[0].max() == 5


V = 0.09


def gaussian(noisy, level):
    """The expected speech for the target N(0, V)."""
    return level * V / (level**2 * V + 1 - level**2) * noisy


def spread(steps, noisiest=0.05, cleanest=0.999):
    ends = [log_snr(torch.tensor(level, dtype=torch.float64)).item() for level in (cleanest, noisiest)]
    return NoiseSchedule.from_levels(torch.sigmoid(2 * torch.linspace(*ends, steps, dtype=torch.float64)).sqrt())


def sampled(sampler, schedule, *, denoise=gaussian, seed=1, size=1000, **options):
    noise = torch.randn(1, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    return taken(sampler, denoise, noise, schedule, generator=generator, clip=None, **options)


def curved(noisy, level):
    """A denoiser that is not linear: of a target at +-0.3 with equal probability."""
    return 0.3 * torch.tanh(0.3 * level * noisy / (1 - level**2))


@pytest.mark.parametrize("betas", COARSE)
@pytest.mark.parametrize("denoise", [gaussian, curved])
def test_the_same_sampler_under_two_names(betas, denoise):
    schedule = NoiseSchedule.from_list(betas)
    markov = sampled(ancestral, schedule, denoise=denoise)
    assert torch.allclose(sampled(ddim, schedule, denoise=denoise, eta=1.0), markov, atol=1e-9)
    first_order = sampled(dpm_solver, schedule, denoise=denoise, order=1, noisy=True)
    assert torch.allclose(first_order, markov, atol=1e-9)
    deterministic = sampled(ddim, schedule, denoise=denoise)
    assert torch.allclose(sampled(dpm_solver, schedule, denoise=denoise, order=1), deterministic, atol=1e-9)


@pytest.mark.parametrize("betas", COARSE)
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_has_the_closed_form_variance_at_every_step(betas, eta):
    """From x = a z0 + s z to the next by its definition: a' E + sqrt(s'^2 - f^2) (x - a E) / s + f z, E linear in x."""
    schedule, seen = NoiseSchedule.from_list(betas), []
    last = sampled(
        ddim, schedule, denoise=lambda x, level: (seen.append(x.var().item()), gaussian(x, level))[1],
        eta=eta, size=400_000,
    )  # fmt: skip
    expected = [1.0]
    levels = schedule.level.flip(0).tolist()
    for a, following in pairwise(levels):
        s2, next_s2 = 1 - a**2, 1 - following**2
        fresh2 = eta**2 * next_s2 / s2 * (1 - (a / following) ** 2)
        gain = a * V / (a**2 * V + s2)
        factor = following * gain + ((next_s2 - fresh2) / s2) ** 0.5 * (1 - a * gain)
        expected.append(factor**2 * expected[-1] + fresh2)
    assert [*seen, last.var().item()] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("order, least, most", [(1, 0.8, 1.2), (2, 1.8, 2.3)])
def test_the_order_of_the_solver_is_the_slope_of_its_error(order, least, most):
    """The exact solution for a Gaussian target keeps x over its deviation (the flow of Song et al. 2021)."""

    def error(steps):
        schedule, inputs = spread(steps), []
        sampled(
            dpm_solver, schedule, order=order,
            denoise=lambda x, level: (inputs.append(x), gaussian(x, level))[1],
        )  # fmt: skip
        start, end = ((a**2 * V + 1 - a**2) ** 0.5 for a in (schedule.level[-1].item(), schedule.level[1].item()))
        return (inputs[-1] - inputs[0] * end / start).abs().max().item()

    slope = torch.tensor([error(40) / error(80), error(80) / error(160)]).log2()
    assert least < slope.min() and slope.max() < most


def test_the_stochastic_solver_keeps_the_targets_variance_as_steps_grow():
    spoilt = abs(sampled(dpm_solver, spread(6, cleanest=0.9999), noisy=True, size=200_000).var().item() / V - 1)
    fine = abs(sampled(dpm_solver, spread(100, cleanest=0.9999), noisy=True, size=200_000).var().item() / V - 1)
    assert fine < 0.02 and fine < spoilt
