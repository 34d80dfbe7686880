"""From a configuration and two feature directories to a trained experiment."""

import logging
import os
import signal
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from vocoders import checkpoint, config, provenance
from vocoders.data.sampler import StepSampler
from vocoders.data.segments import RandomSegments, fixed_segments
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.interface import SpeechBatch
from vocoders.io.features import FeatureReader
from vocoders.io.files import remove_partials, sha256, write_json, write_text
from vocoders.training.settings import OptimizerSettings, TrainSettings
from vocoders.training.trainer import Trainer

logger = logging.getLogger(__name__)

SECTIONS = ("model", "train", "optimizer")
FREE = (
    "train.workers",
    "train.keep",
    "train.log_every",
)  # may change within an experiment: results stay the same


def train(settings, train_directory, dev_directory, experiment, *, device="cpu"):
    """Trains what the mapping ``settings`` says, or goes on where an earlier run stopped.

    Raises InputError when the configuration is wrong or not that of the experiment, or the features do not fit.
    """
    config.refuse_unknown(settings, SECTIONS, "the configuration")
    train_settings = config.build(TrainSettings, settings.get("train", {}), where="train")
    optimizer_settings = config.build(OptimizerSettings, settings.get("optimizer", {}), where="optimizer")
    mel_spec = common_spec(train_directory, dev_directory)
    torch.manual_seed(train_settings.seed)
    model = checkpoint.build_model(settings.get("model", {}), mel_spec)
    _check_model(model, train_settings)
    excerpts = {
        "frames": train_settings.segment_frames,
        "hop_size": mel_spec.hop_size,
        "short_limit": train_settings.short_limit,
    }
    segments, dev = RandomSegments(FeatureReader(train_directory), **excerpts), FeatureReader(dev_directory)
    dev_batches = fixed_segments(
        dev, batch_size=train_settings.batch_size, count=train_settings.dev_segments, **excerpts
    )
    experiment = Path(experiment)
    data = {"train": _digest(train_directory), "dev": _digest(dev_directory)}
    # now that all has been checked
    claim(experiment, {**settings, "mel": mel_spec.as_dict(), "data": data}, segments.utterances)
    remove_partials(experiment)
    trainer = Trainer(
        model,
        settings=train_settings,
        optimizer_settings=optimizer_settings,
        config=settings,
        directory=experiment,
        device=device,
    )
    if not trainer.resume():
        _initialize(model, trainer, segments, train_settings)
    count = sum(p.numel() for p in model.parameters())
    logger.info(
        "%s, %s parameters, on %s, from step %d to %d",
        model.describe(),
        f"{count:,}",
        device,
        trainer.step,
        train_settings.max_steps,
    )
    sampler = StepSampler(
        len(segments), batch_size=train_settings.batch_size, seed=train_settings.seed, start=trainer.step
    )
    trainer.run(
        _loader(segments, sampler, train_settings, device),
        dev_batches,
        utterances_of=lambda step: [segments.utterances[index] for index, _ in sampler.batch(step)],
        samples=_samples(dev, train_settings),
    )
    logger.info("best dev loss %.4f at step %d of %d", trainer.best["loss"], trainer.best["step"], trainer.step)


def _check_model(model, settings):
    """Refuses settings of training that this model cannot be trained with."""
    if settings.segment_frames < model.min_frames:
        raise InputError(
            f"train.segment_frames: this model needs at least {model.min_frames} frames of these features, "
            f"found {settings.segment_frames}"
        )
    config.typed(model.synthesize, settings.sample_options, skip=1, where="train.sample_options")


def claim(experiment, effective, utterances):
    """Writes ``config.yaml`` in a new experiment; in an old one, it must be the same but for what changes no result.

    What it will be trained on is written beside it.
    """
    path = experiment / "config.yaml"
    if path.exists():
        there = config.flat(config.load(path))
        here = config.flat(effective)
        changed = [key for key in {**there, **here} if there.get(key) != here.get(key) and not _free(key, here)]
        if changed:
            lines = "; ".join(f"{key}: {there.get(key)} there, {here.get(key)} now" for key in changed[:8])
            raise InputError(
                f"{experiment}: holds an experiment with another configuration ({lines}); give this one a name of its "
                f"own with --tag, or remove the directory"
            )
    write_text(path, config.dump(effective))
    write_text(experiment / checkpoint.TRAINED_ON, "".join(f"{utt}\n" for utt in utterances))
    write_json(experiment / "provenance.json", provenance.collect())


def common_spec(*directories):
    """The mel spec of feature directories that must share one."""
    first, *others = directories
    spec = MelSpec.load(first)
    for other in others:
        difference = spec.difference(MelSpec.load(other))
        if difference:
            raise InputError(
                f"{first} and {other} hold different features ({'; '.join(difference)}); "
                f"extract both with one mel_config"
            )
    return spec


def _digest(directory):
    """What a feature directory holds: its utterances and their lengths."""
    return sha256(Path(directory) / "utt2num_frames")[:12]


def _free(key, here):
    # with a constant learning rate a longer run begins with exactly the shorter one
    longer = key == "train.max_steps" and here.get("optimizer.decay", "constant") == "constant"
    return key in FREE or longer


def _initialize(model, trainer, segments, settings):
    """Constants of the data, from the first batches; the average must have them too."""
    sampler = StepSampler(len(segments), batch_size=settings.batch_size, seed=settings.seed)
    count = min(200, -(-len(segments) * 4 // settings.batch_size))
    batches = [_stack([segments[item] for item in sampler.batch(step)]) for step in range(count)]
    device = next(model.parameters()).device
    model.to("cpu").initialize(batches)
    model.to(device)
    if trainer.average:
        trainer.average.model.load_state_dict(model.state_dict())


def _stack(excerpts):
    return SpeechBatch(*map(torch.stack, zip(*excerpts)))


def _loader(segments, sampler, settings, device):
    return DataLoader(
        segments,
        batch_sampler=sampler,
        num_workers=settings.workers,
        prefetch_factor=4 if settings.workers else None,
        pin_memory=torch.device(device).type == "cuda",
        worker_init_fn=_quiet_worker,
    )


def _quiet_worker(_):
    os.nice(5)  # the training process must not wait for a core while data is ready
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer ends its workers itself


def _samples(reader, settings, seconds_limit=400):
    chosen = reader.utterances[: settings.samples]
    return [(u, torch.from_numpy(reader.mel(u, 0, seconds_limit))) for u in chosen]
