"""The ``train:`` and ``optimizer:`` sections of a configuration, and the learning rate as a function of the step."""

import math
from dataclasses import dataclass, field
from typing import Literal

from vocoders.errors import InputError


@dataclass(frozen=True)
class TrainSettings:
    """How long and on what.

    Args:
        max_steps: updates in all.
        batch_size: excerpts per update.
        segment_frames: length of an excerpt in mel frames.
        evaluate_every: steps between evaluations on the dev set; each writes a checkpoint.
        log_every: steps between lines of metrics.jsonl.
        keep: newest checkpoints to keep beside the best.
        precision: float32, or bfloat16 for autocast of the forward pass.
        average: decay of the moving average of the weights that is evaluated and decoded; null for none.
        clip: largest norm of the gradient; null for none.
        seed: of initial weights, batches, crops and noise.
        workers: processes that read data; 0 reads in the training process.
        short_limit: share of utterances that may be shorter than an excerpt.
        dev_segments: excerpts of the dev set to evaluate.
        samples: dev utterances synthesized for TensorBoard at each evaluation.
        sample_options: options of synthesis for them.
    """

    max_steps: int
    batch_size: int = 16
    segment_frames: int = 62
    evaluate_every: int = 5000
    log_every: int = 100
    keep: int = 3
    precision: Literal["float32", "bfloat16"] = "float32"
    average: float | None = None
    clip: float | None = None
    seed: int = 0
    workers: int = 2
    short_limit: float = 0.05
    dev_segments: int = 64
    samples: int = 2
    sample_options: dict = field(default_factory=dict)

    def __post_init__(self):
        for name in (
            "max_steps",
            "batch_size",
            "segment_frames",
            "evaluate_every",
            "log_every",
            "keep",
            "dev_segments",
        ):
            if getattr(self, name) < 1:
                raise InputError(f"train.{name}: expected a positive number, found {getattr(self, name)}")
        for name in ("samples", "workers"):
            if getattr(self, name) < 0:
                raise InputError(f"train.{name}: expected 0 or more, found {getattr(self, name)}")


@dataclass(frozen=True)
class OptimizerSettings:
    """Adam (decoupled weight decay) and its learning rate.

    Args:
        learning_rate: the highest.
        betas: decay rates of the moments.
        weight_decay: decoupled.
        warmup_steps: linear rise from 0.
        decay: constant, or cosine down to ``final`` times the highest at max_steps.
        final: see decay.
    """

    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    warmup_steps: int = 0
    decay: Literal["constant", "cosine"] = "constant"
    final: float = 0.02

    def rate_at(self, step, max_steps):
        """The learning rate of update number ``step``, counted from 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.decay == "constant":
            return self.learning_rate
        done = (step - self.warmup_steps) / max(1, max_steps - self.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.learning_rate * (self.final + (1 - self.final) * cosine)
