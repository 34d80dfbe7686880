"""What is measured: the model of a configuration with random weights, or a trained one; its options and its mels."""

from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path

import torch
from torch import nn

from vocoders import config
from vocoders.checkpoint import build_model, load_vocoder
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.features.source import open_features
from vocoders.inference.baselines import BASELINES
from vocoders.inference.system import lay_options, without_schedule
from vocoders.interface import SpeechBatch
from vocoders.seeding import normal_like, seeded

OWN = ("mel", "decode")  # what a system may name for itself


@dataclass(frozen=True)
class SystemChoice:
    """A configuration, experiment directory or checkpoint file, and files that go with it."""

    source: str
    mel_config: str | None = None
    decode_config: str | None = None
    checkpoint: str = "best"
    overrides: dict = field(default_factory=dict)

    @classmethod
    def parse(cls, text, **others):
        """From ``SOURCE[,mel=FILE][,decode=FILE]``; ``others`` are fields that it does not set."""
        source, *parts = text.split(",")
        own = dict(part.partition("=")[::2] for part in parts)
        config.refuse_unknown(own, OWN, text)
        if source in BASELINES:
            raise InputError(f"{source}: a baseline, and no model to measure; name a configuration or an experiment")
        if not Path(source).exists():
            raise InputError(f"{source}: no such configuration, experiment directory or checkpoint file")
        return cls(source, **{**others, **{f"{name}_config": file for name, file in own.items()}})

    def __str__(self):
        return ", ".join(filter(None, [self.source, self.is_configuration and self.mel_config, self.decode_config]))

    @property
    def is_configuration(self):
        return self.source.endswith((".yaml", ".yml"))

    def open(self, *, seed=0, device="cpu"):
        """The vocoder and the typed options of its ``synthesize``."""
        vocoder = self.untrained(seed) if self.is_configuration else load_vocoder(self.source, which=self.checkpoint)
        vocoder = vocoder.to(device).eval().requires_grad_(False)
        options = config.load(self.decode_config, lay=lay_options) if self.decode_config else {}
        options.pop("schedule_name", None)
        if "denoise" in options:
            raise InputError(f"{self.decode_config}: the model is measured without the denoiser; leave denoise out")
        where = self.decode_config or "decode"
        config.refuse_unknown(options, option_names(vocoder), where)
        typed = config.typed(vocoder.synthesize, options, skip=1, where=where)
        return vocoder, {key: typed[key] for key in options}

    def settings(self):
        """The configuration."""
        settings = config.load(self.source, self.overrides)
        if "model" not in settings:
            raise InputError(f"{self.source}: has no section model, so it is no configuration of one")
        return settings

    def untrained(self, seed=0):
        """The model of a configuration with random weights."""
        section = self.settings()["model"]
        if self.mel_config is None:
            raise InputError(f"{self.source}: --mel_config is needed, the mel settings that the model is for")
        torch.manual_seed(seed)
        model = build_model(section, MelSpec.load(self.mel_config))
        model.initialize([made_batch(model, frames=max(32, model.min_frames), seed=seed)])
        return with_noise_for_zeros(model, seed)


@torch.no_grad()
def with_noise_for_zeros(model, seed=0):
    """The model, with small random numbers where weights start at zero: else whole branches would compute zeros."""
    generator = seeded(seed, "zeros")
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, std=0.02, generator=generator)
    return model


def made_batch(model, *, frames, size=1, seed=0):
    """Noise in the place of speech, of the level of speech."""
    mel = made_mel(model, frames=frames, size=size, seed=seed)
    wave = 0.1 * torch.randn(size, frames * model.hop_size, generator=seeded(seed, "wave"))
    return SpeechBatch(wave.to(mel), mel)


def made_mel(model, *, frames, size=1, seed=0):
    """[size, C, frames] of noise: how long a network takes does not depend on what it is given."""
    neutral = model.neutral_mel(frames)
    return neutral + normal_like(neutral, [size, *neutral.shape[1:]], generator=seeded(seed, "mel"))


def read_mel(features, model, *, frames, size=1):
    """The same out of a feature directory: its utterances end to end, and again if they are too few."""
    reader, spec = open_features(features)
    if spec != model.mel_spec:
        difference = "; ".join(spec.difference(model.mel_spec))
        raise InputError(f"{features}: its mels are not those of the model (features != model: {difference})")
    found, missing = [], frames * size
    while missing > 0:
        for utterance in reader.utterances:
            found.append(torch.from_numpy(reader.mel(utterance))[:, :missing])
            missing -= found[-1].shape[1]
            if missing <= 0:
                break
    mel = torch.cat(found, 1)  # [C, frames * size]
    return mel.unflatten(1, (size, frames)).transpose(0, 1).to(next(model.parameters()).device).contiguous()


def label(vocoder, options):
    """What a row of a table calls it: network, steps, and the sampler if it is not the published one."""
    evaluations, sampler = vocoder.evaluations(**options), options.get("sampler", "ancestral")
    steps = f"{evaluations} steps" if takes_steps(vocoder) else None
    return ", ".join(filter(None, [vocoder.describe(), steps, sampler if sampler != "ancestral" else None]))


def option_names(vocoder):
    """Of its ``synthesize``, but for the mel and where noise comes from."""
    _mel, *names = signature(vocoder.synthesize).parameters
    return [name for name in names if name != "generator"]


def takes_steps(vocoder):
    return "steps" in option_names(vocoder)


def with_steps(options, steps):
    """These options of synthesis with another number of steps."""
    return {**without_schedule(options), "steps": steps}


def unlike(described, choices):
    """The descriptions, with their source in the name of those that are called the same."""
    names = [each["system"] for each in described]
    return [
        {**each, "system": f"{each['system']} ({choice})" if names.count(each["system"]) > 1 else each["system"]}
        for each, choice in zip(described, map(str, choices))
    ]
