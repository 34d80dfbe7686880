"""Ancestral sampling against closed forms.  Coarse schedules: on fine ones a wrong variance does not show."""

import pytest
import torch

from vocoders.diffusion.sampler import sample_ancestral
from vocoders.diffusion.schedule import NoiseSchedule

COARSE = [[1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5], [0.1, 0.3, 0.6, 0.9], [0.5]]


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
    seen.append(sample_ancestral(denoise, noise, schedule, generator=torch.Generator().manual_seed(1), clip=None).var())
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
    sampled = sample_ancestral(lambda x, level: speech, torch.randn(1, 3), NoiseSchedule.from_list(betas))
    assert torch.allclose(sampled, speech, atol=1e-6)


def test_levels_fall_from_the_noisiest_and_end_before_clean():
    schedule, visited = NoiseSchedule.from_list([0.1, 0.3, 0.6]), []
    sample_ancestral(lambda x, level: (visited.append(level), x)[1], torch.zeros(1, 2), schedule)
    assert visited == schedule.level[1:].flip(0).tolist()


def test_noise_differs_between_steps_and_repeats_with_the_seed():
    schedule = NoiseSchedule.from_list([0.1, 0.3, 0.6])

    def path(seed):
        inputs = []
        generator = torch.Generator().manual_seed(seed)
        sample_ancestral(
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
    _, deviation = schedule.posterior(torch.zeros(1), torch.zeros(1), 2)
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

    sample_ancestral(denoise, torch.zeros(1, 20_000), schedule, generator=generator, temperature=temperature)
    _, deviation = schedule.posterior(torch.zeros(1), torch.zeros(1), 1)
    assert inputs[1].std().item() == pytest.approx(temperature * deviation, rel=0.02)


def test_expected_speech_is_clipped_but_the_noisy_signal_is_not():
    schedule = NoiseSchedule.from_list([0.1, 0.3, 0.6])
    loud = sample_ancestral(lambda x, _: torch.full_like(x, 7.0), torch.randn(1, 50) * 3, schedule, clip=1.0)
    assert torch.allclose(loud, torch.ones(1, 50))
    inputs = []
    sample_ancestral(lambda x, _: (inputs.append(x), x)[1], torch.full((1, 4), 5.0), schedule, clip=1.0)
    assert inputs[0].max() == 5
