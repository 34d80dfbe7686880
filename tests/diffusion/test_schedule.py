"""Schedules against published figures and the algebra of the forward process."""

import pytest
import torch

from vocoders.diffusion.schedule import LinearSchedule, NoiseSchedule, ScheduleRule, diffuse, log_snr
from vocoders.errors import InputError

BASE, LARGE = NoiseSchedule.linear(50, 1e-4, 0.05), NoiseSchedule.linear(200, 1e-4, 0.02)


@pytest.mark.parametrize(
    "training, betas, steps",
    [  # Kong et al. 2021, table of aligned steps for the fast schedules
        (BASE, [1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5], [0, 0.894, 4.087, 10.452, 22.993, 42.919]),
        (LARGE, [1e-4, 1e-3, 0.01, 0.05, 0.2, 0.7], [0, 3.2007, 13.4303, 33.8203, 73.9825, 170.605]),
    ],
)
def test_fast_schedules_align_with_training_as_published(training, betas, steps):
    aligned = training.step_at(NoiseSchedule.from_list(betas).level[1:]) - 1
    assert aligned.tolist() == pytest.approx(steps, abs=2e-3)


def test_last_levels_are_the_published_ones():
    assert BASE.level[-1].item() == pytest.approx(0.5288, abs=1e-4)
    assert LARGE.level[-1].item() == pytest.approx(0.3636, abs=1e-4)
    assert NoiseSchedule.linear(1000, 1e-6, 0.01).level[-1].item() == pytest.approx(0.08138, abs=1e-5)


def test_step_at_inverts_level():
    steps = torch.arange(1, 51, dtype=torch.float64)
    assert torch.allclose(BASE.step_at(BASE.level[1:]), steps)


def test_levels_outside_training_are_held_at_its_ends():
    assert BASE.step_at(torch.tensor([0.99999, 0.01])).tolist() == [1, 50]


def test_posterior_is_that_of_bayes():
    """q(x_n | x_n+1, x_0) is the product of two Gaussians: x_n given speech, and x_n+1 given x_n."""
    schedule, n, speech, noisy = (
        NoiseSchedule.from_list([0.1, 0.3, 0.6]),
        1,
        torch.tensor([0.4]),
        torch.tensor([-0.7]),
    )
    a, alpha = schedule.level[n].item(), 1 - schedule.beta[n].item()
    prior, likelihood = 1 / (1 - a**2), alpha / (1 - alpha)  # precisions, as functions of x_n
    variance = 1 / (prior + likelihood)
    mean = variance * (prior * a * speech + likelihood * noisy / alpha**0.5)
    of_noisy, of_speech, found_deviation = schedule.posterior(n)
    assert (of_noisy * noisy + of_speech * speech).item() == pytest.approx(mean.item(), rel=1e-6)
    assert found_deviation == pytest.approx(variance**0.5, rel=1e-6)


def test_the_last_step_returns_the_speech_without_noise():
    of_noisy, of_speech, deviation = BASE.posterior(0)
    before, now, beta = 1.0, BASE.level[1].item() ** 2, BASE.beta[0].item()
    assert (of_noisy, deviation) == (0, 0) and of_speech == pytest.approx(before**0.5 * beta / (1 - now)) == 1


def test_spread_covers_the_trained_range_evenly():
    schedule = BASE.spread(6)
    assert schedule.level[1].item() == pytest.approx(BASE.level[1].item(), rel=1e-9)
    assert schedule.level[-1].item() == pytest.approx(BASE.level[-1].item(), rel=1e-9)
    published = [0.99995, 0.9996, 0.9971, 0.9786, 0.8646, 0.5288]  # lambda -0.473 .. 4.605 in steps of 1.0156
    assert schedule.level[1:].tolist() == pytest.approx(published, abs=1e-4)
    gaps = log_snr(schedule.level[1:]).diff()
    assert torch.allclose(gaps, gaps[:1].expand(5), rtol=1e-6)


def test_drawn_levels_are_all_steps_of_the_schedule_and_no_others():
    drawn = BASE.draw_levels(5000, generator=torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == set(BASE.level[1:].tolist())


def test_spread_levels_are_uniform_in_log_snr():
    lambdas = log_snr(BASE.draw_spread_levels(4000, generator=torch.Generator().manual_seed(0))).sort().values
    low, high = log_snr(BASE.level[-1]), log_snr(BASE.level[1])
    expected = low + (high - low) * (torch.arange(4000) + 0.5) / 4000
    assert (lambdas - expected).abs().max() < (high - low) / 4000


def test_continuous_levels_lie_uniformly_between_steps_that_are_drawn_uniformly():
    """So the share below each step's level is that step's place in the schedule (Chen et al. 2021, section 3.2)."""
    schedule = NoiseSchedule.from_list([0.1, 0.3, 0.6, 0.9])
    levels = schedule.draw_continuous_levels(40_000, generator=torch.Generator().manual_seed(0))
    assert levels.max() < 1 and levels.min() > schedule.level[-1]
    for n in range(5):
        middle = (schedule.level[n] + schedule.level[min(n + 1, 4)]) / 2
        assert (levels > schedule.level[n]).double().mean().item() == pytest.approx(n / 4, abs=0.01)
        assert (levels > middle).double().mean().item() == pytest.approx(min(n + 0.5, 4) / 4, abs=0.01)


@pytest.mark.parametrize(
    "betas, sentence",
    [
        ([0.1, 1.2], "between 0 and 1, number 2 of 2 is 1.2"),
        ([0.0, 0.1], "between 0 and 1, number 1 of 2 is 0"),
        ([-1e-7], "between 0 and 1, number 1 of 1 is -1e-07"),
        ([0.1, 1e-17], "number 2 of 2, 1e-17, is too small to add any noise"),
        ([], "at least one beta, found none"),
    ],
)
def test_bad_betas_are_refused(betas, sentence):
    with pytest.raises(InputError, match=sentence):
        NoiseSchedule.from_list(betas)


@pytest.mark.parametrize("levels", [[0.5, 0.9], [0.9, 0.9], [1.0, 0.5], [float("nan")]])
def test_levels_that_do_not_fall_are_refused(levels):
    with pytest.raises(InputError, match="expected levels that fall from below 1"):
        NoiseSchedule.from_levels(levels)


def test_diffusion_keeps_unit_variance_and_the_level():
    g = torch.Generator().manual_seed(0)
    wave, noise = torch.randn(1, 200_000, generator=g), torch.randn(1, 200_000, generator=g)
    noisy = diffuse(wave, noise, torch.tensor([0.3]))
    assert noisy.var().item() == pytest.approx(1, rel=0.02)
    assert (noisy * wave).mean().item() == pytest.approx(0.3, abs=0.01)


def test_linear_schedule_builds_what_it_says():
    assert LinearSchedule(steps=3, first=0.1, last=0.3).build().beta.tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_rules_build_the_published_schedules():
    """The 25 steps of WaveGrad are Fibonacci numbers; 50 and 1000 are linear (Chen et al. 2021, section 4.2)."""
    fibonacci = ScheduleRule("fibonacci", 25, 1e-6).build()
    assert fibonacci.beta[:6].tolist() == pytest.approx([1e-6, 2e-6, 3e-6, 5e-6, 8e-6, 13e-6])
    assert fibonacci.beta[-1].item() == pytest.approx(0.121393)
    assert fibonacci.level[-1].item() == pytest.approx(0.84765, abs=1e-5)
    assert ScheduleRule("linear", 50, 1e-4, 0.05).build().level[-1].item() == pytest.approx(0.52884, abs=1e-5)
    assert ScheduleRule("linear", 1000, 1e-4, 0.005).build().level[-1].item() == pytest.approx(0.27884, abs=1e-5)


def test_an_exponential_schedule_has_equal_ratios():
    beta = ScheduleRule("exponential", 5, 1e-6, 1e-2).build().beta
    assert beta.tolist() == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
    assert ScheduleRule("exponential", 1, 0.1, 0.1).build().beta.tolist() == [0.1]


def test_rules_need_what_they_need():
    with pytest.raises(InputError, match="linear needs a last"):
        ScheduleRule("linear", 5, 1e-6).build()
    with pytest.raises(InputError, match="fibonacci has no last"):
        ScheduleRule("fibonacci", 5, 1e-6, 0.1).build()
    with pytest.raises(InputError, match="between 0 and 1"):
        ScheduleRule("fibonacci", 40, 1e-6).build()
