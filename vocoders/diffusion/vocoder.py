"""What all diffusion vocoders have in common, which is everything but the network and what it is told of a level."""

import math
from typing import Literal, NamedTuple

import torch

from vocoders.diffusion.prediction import NoisePrediction, ScaledPrediction
from vocoders.diffusion.sampler import SAMPLERS, Step, sample
from vocoders.diffusion.schedule import NoiseSchedule, ScheduleRule, diffuse, log_snr
from vocoders.errors import InputError
from vocoders.features.fitted import BandNormalization, FrameLevel, NoNormalization, SpectralLevel, frames_to_samples
from vocoders.interface import Vocoder
from vocoders.seeding import Noise, normal_like

DECIBELS = 20 / math.log(10)  # of a logarithm of a ratio of amplitudes
TOLERANCE = 3.0  # dB
DISTANCES = {"l1": torch.Tensor.abs, "l2": torch.Tensor.square}

Prediction = Literal["noise", "energy_scaled", "spectrum_scaled"]
Levels = Literal["steps", "continuous", "log_snr"]
Distance = Literal["l1", "l2"]


class Sampling(NamedTuple):
    """What options of synthesis mean: the steps, noisiest first, and the bound of the expected speech at each."""

    steps: list[Step]
    clip: float | None
    start_deviation: float


class DiffusionVocoder(Vocoder):
    """Learns to find speech in noisy speech.  Subclasses set ``network`` and define ``condition``.

    network(noisy [B, T], conditioner, condition [B]) -> [B, T]; ``conditioner = network.prepare(mel [B, C, L])`` is
    whatever the network makes of the mel once for all steps.
    """

    network: torch.nn.Module

    def __init__(self, mel_spec, *, schedule, prediction, distance, levels, normalize_mel):
        super().__init__(mel_spec)
        self.schedule = schedule.build()
        self.distance = DISTANCES[distance]
        self.draw_levels = {
            "steps": self.schedule.draw_levels,
            "continuous": self.schedule.draw_continuous_levels,
            "log_snr": self.schedule.draw_spread_levels,
        }[levels]
        self.normalize = BandNormalization(mel_spec.n_mels) if normalize_mel else NoNormalization()
        level = {"noise": None, "energy_scaled": FrameLevel, "spectrum_scaled": SpectralLevel}[prediction]
        self.speech_level = level and level(mel_spec)

    @property
    def min_frames(self):
        return 2 * self.speech_level.edge + 1 if isinstance(self.speech_level, SpectralLevel) else 1

    def condition(self, level):
        """What the network is told about noise levels [B], as a float64 tensor [B]."""
        raise NotImplementedError

    def initialize(self, batches):
        self.normalize.fit(batches)
        if self.speech_level:
            self.speech_level.fit(batches)

    def loss(self, batch, *, generator=None):
        level = self.draw_levels(len(batch.wave), generator=generator).to(batch.wave.device)
        noise = normal_like(batch.wave, generator=generator)
        prediction = self.prediction(batch.mel)
        output = self._output(prediction, diffuse(batch.wave, noise, level), self._conditioner(batch.mel), level)
        return {"loss": self.distance(prediction.residual(output, batch.wave, noise, level)).mean()}

    @torch.no_grad()
    def synthesize(
        self,
        mel,
        *,
        sampler: Literal["ancestral", "ddim", "dpm_solver", "sde_dpm_solver"] = "ancestral",
        schedule: list[float] | ScheduleRule | None = None,
        steps: int | None = None,
        clip: float | None = 1.0,
        temperature: float = 1.0,
        eta: float | None = None,
        start_deviation: float = 1.0,
        generator: torch.Generator | None = None,
    ):
        """Speech for a mel: [B, C, L] -> [B, L * hop_size], float32.

        Args:
            mel: what the model was trained on, in the units of ``mel_spec``.
            sampler: how the noise is taken away (diffusion/sampler.py).
            schedule: betas of the sampling schedule, from the cleanest step to the noisiest, or a rule for them.
            steps: instead of a schedule, the number of steps to spread over the trained range of levels.
            clip: bound of the expected speech at each step; null for none.
            temperature: factor of the noise that each step adds, if the sampler adds any; 1 as published.
            eta: of ddim: share of the noise that is drawn anew at each step.
            start_deviation: factor of the noise that sampling begins with; 1 as published.
            generator: source of the noise.
        """
        given = {"sampler": sampler, "schedule": schedule, "steps": steps, "temperature": temperature, "eta": eta}
        sampling = self.sampling(**given, clip=clip, start_deviation=start_deviation)
        prediction, conditioner = self.prediction(mel), self._conditioner(mel)

        def denoise(noisy, level):
            level = torch.full([len(noisy)], level, dtype=torch.float64, device=noisy.device)
            return prediction.speech(self._output(prediction, noisy, conditioner, level), noisy, level)

        noise, samples = Noise.drawn(generator, len(mel)), mel.shape[-1] * self.hop_size
        level = torch.tensor(sampling.steps[0].level, dtype=torch.float64).expand(len(mel))
        start = prediction.start(start_deviation * noise(0, 0, samples).to(mel), level)
        return sample(denoise, start, sampling.steps, fresh=lambda n: noise(n, 0, samples), clip=clip)

    def sampling(
        self,
        *,
        sampler="ancestral",
        schedule=None,
        steps=None,
        clip=1.0,
        temperature=1.0,
        eta=None,
        start_deviation=1.0,
    ):
        """These options of ``synthesize`` as a ``Sampling``.  Raises InputError where they contradict each other."""
        if eta is not None and sampler != "ddim":
            raise InputError(f"eta is an option of the sampler ddim, not of {sampler}")
        if temperature != 1 and not _adds_noise(sampler, eta):
            raise InputError(f"temperature scales the noise of the steps, and {sampler} adds none; leave it out")
        given = {"temperature": temperature, **({} if eta is None else {"eta": eta})}
        return Sampling(SAMPLERS[sampler](self._sampling_schedule(schedule, steps), **given), clip, start_deviation)

    def evaluations(self, *, schedule=None, steps=None, **_others):
        return len(self._sampling_schedule(schedule, steps))

    def without_noise(self, options):
        adding = _adds_noise(options.get("sampler", "ancestral"), options.get("eta"))
        return {**options, "start_deviation": 0.0, **({"temperature": 0.0} if adding else {})}

    def neutral_mel(self, frames):
        return self.normalize.inverse(super().neutral_mel(frames))

    def remarks(self, *, schedule=None, steps=None, **_others):
        trained, chosen = self.schedule, self._sampling_schedule(schedule, steps)
        ours, theirs = (DECIBELS * log_snr(each.level[-1]).item() for each in (chosen, trained))
        if abs(ours - theirs) <= TOLERANCE:
            return []
        return [
            f"the schedule begins at a signal-to-noise ratio of {ours:.1f} dB, the noise that was trained goes to "
            f"{theirs:.1f} dB; it may be one for another training, or leave the network little to do"
        ]

    def _sampling_schedule(self, schedule, steps):
        if schedule is not None and steps is not None:
            count = schedule.steps if isinstance(schedule, ScheduleRule) else len(schedule)
            raise InputError(f"give either a schedule or steps; the schedule has {count} steps, steps is {steps}")
        if steps is not None:
            if steps < 1:
                raise InputError(f"steps: expected a positive number, found {steps}")
            return self.schedule.spread(steps)
        if schedule is None:
            return self.schedule
        return schedule.build() if isinstance(schedule, ScheduleRule) else NoiseSchedule.from_list(schedule)

    def prediction(self, mel):
        """What the network's output means, given the mel (diffusion/prediction.py)."""
        level = self.speech_level
        if level is None:
            return NoisePrediction()
        if isinstance(level, FrameLevel):
            return ScaledPrediction(frames_to_samples(level(mel), self.hop_size, center=self.mel_spec.center))
        by_bin = {"multiply": level.filter, "emphasis": level.emphasis, "margin": level.filter.margin}
        return ScaledPrediction(level(mel), **by_bin)

    @property
    def prediction_reach(self):
        """Frames on each side of a sample that its prediction's input, speech or start may depend on."""
        level = self.speech_level
        if level is None:
            return 0
        return 1 + (-(-level.filter.reach // self.hop_size) if isinstance(level, SpectralLevel) else 0)

    def _conditioner(self, mel):
        return self.network.prepare(self.normalize(mel))

    def _output(self, prediction, noisy, conditioner, level):
        condition = self.condition(level).to(noisy.device)  # in float64: DiffWave multiplies steps by 1e4 rad
        return self.network(prediction.input(noisy, level), conditioner, condition).float()


def _adds_noise(sampler, eta):
    return sampler in ("ancestral", "sde_dpm_solver") or (sampler == "ddim" and bool(eta))
