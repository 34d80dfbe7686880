"""The training loop.  It knows steps, losses and files; it does not know models.

A run is a function of (configuration, data, step): batch, crops and noise of a step are drawn from generators seeded by
it, the learning rate is computed from it.  So a checkpoint is weights, optimizer and step, and resuming from one gives
what an undisturbed run would have given, bit for bit on the same machine.
"""

import logging
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import torch

from vocoders import checkpoint
from vocoders.errors import InputError
from vocoders.features.mel import LogMel
from vocoders.interface import SpeechBatch
from vocoders.seeding import seeded
from vocoders.training.average import WeightAverage
from vocoders.training.monitor import Monitor

logger = logging.getLogger(__name__)


class Trainer:
    """Trains ``model`` in ``directory``, from its newest checkpoint if there is one.

    ``settings`` and ``optimizer_settings`` are typed sections of ``config``, the plain mapping that checkpoints carry.
    """

    def __init__(self, model, *, settings, optimizer_settings, config, directory, device="cpu"):
        self.model, self.device = model.to(device), torch.device(device)
        self.settings, self.optimizer_settings, self.config = settings, optimizer_settings, config
        self.directory = Path(directory)
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            betas=optimizer_settings.betas,
            weight_decay=optimizer_settings.weight_decay,
            fused=True,
        )
        self.average = WeightAverage(model, settings.average) if settings.average is not None else None
        self.step, self.seconds = 0, 0.0
        self.best = {"step": None, "loss": None}
        self._interrupted = False

    @property
    def averaged_model(self):
        """What is evaluated and decoded."""
        return self.average.model if self.average else self.model

    def resume(self):
        """Goes to the newest checkpoint; returns whether there was one."""
        found = checkpoint.steps(self.directory)
        if not found:
            return False
        contents = checkpoint.load(list(found.values())[-1])
        self.model.load_state_dict(contents["model"])
        if self.average:
            self.average.model.load_state_dict(contents["average"])
        self.optimizer.load_state_dict(contents["optimizer"])
        self.step, self.seconds, self.best = contents["step"], contents["seconds"], contents["best"]
        self._link()
        return True

    def run(self, loader, dev_batches, *, utterances_of=None, samples=()):
        """Trains up to ``max_steps``.

        Args:
            loader: batches from step ``self.step`` on, without end.
            dev_batches: a list of batches to evaluate on.
            utterances_of: step -> ids of the utterances in its batch, to name those of a bad one.
            samples: (utterance, mel [C, L]) pairs to synthesize at each evaluation.
        """
        monitor = Monitor(self.directory, max_steps=self.settings.max_steps, resume_from=self.step)
        batches = iter(loader)
        try:
            with self._finishing_the_step_on_interrupt():
                clock = Clock(self.seconds, self.step)
                while self.step < self.settings.max_steps and not self._interrupted:
                    with clock.waiting():
                        batch = self._to_device(next(batches))
                    values = self.update(batch, utterances_of)
                    self.step += 1
                    monitor.advance()
                    self._after_step(values, clock, monitor, dev_batches, samples)
        finally:
            monitor.close()
        if self._interrupted:
            self._save()
            raise KeyboardInterrupt

    def _after_step(self, values, clock, monitor, dev_batches, samples):
        settings, last = self.settings, self.step == self.settings.max_steps
        if self.step % settings.log_every == 0 or last:
            record = {name: float(value) for name, value in values.items()}
            monitor.record("train", self.step, {**record, **clock.lap(self.step)})
        if self.step % settings.evaluate_every == 0 or last:
            self.seconds = clock.seconds
            with clock.paused():
                monitor.record("dev", self.step, self._evaluate(dev_batches))
                self._save()
                self._show(samples, monitor)
        self.seconds = clock.seconds

    def update(self, batch, utterances_of=None):
        """One step of gradient descent; returns named tensors."""
        self.model.train()
        rate = self.optimizer_settings.rate_at(self.step, self.settings.max_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        losses = self._losses(self.model, batch, seeded(self.settings.seed, "noise", self.step))
        loss = losses["loss"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip or float("inf"))
        if not (loss.isfinite() and norm.isfinite()):
            self._save_the_patient(batch, utterances_of, loss, norm)
        self.optimizer.step()
        if self.average:
            self.average.update(self.step)
        return {**{name: value.detach() for name, value in losses.items()}, "grad_norm": norm, "lr": rate}

    @torch.no_grad()
    def _evaluate(self, batches):
        """Mean losses over ``batches``, with the same noise at every evaluation."""
        model = self.averaged_model.eval()
        rows = [self._losses(model, self._to_device(b), seeded("dev", n)) for n, b in enumerate(batches)]
        weight = torch.tensor([float(len(b.wave)) for b in batches])
        means = {key: torch.stack([row[key].cpu() for row in rows]) @ weight / weight.sum() for key in rows[0]}
        result = {key: value.item() for key, value in means.items()}
        if self.best["loss"] is None or result["loss"] < self.best["loss"]:
            self.best = {"step": self.step, "loss": result["loss"]}
        return result

    def _losses(self, model, batch, generator):
        bfloat16 = self.settings.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            return model(batch, generator=generator)

    def _save(self):
        contents = {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "config": self.config,
            "mel": self.model.mel_spec.as_dict(),
        }
        checkpoint.save(self.directory / f"step-{self.step}.pt", contents)
        self._link()

    def _link(self):
        checkpoint.link(self.directory, "last", self.step)
        if self.best["step"] is not None:
            checkpoint.link(self.directory, "best", self.best["step"])
        checkpoint.prune(self.directory, keep=self.settings.keep, but={self.step, self.best["step"]})

    def _show(self, samples, monitor):
        model = self.averaged_model.eval()
        log_mel = LogMel(model.mel_spec).to(self.device)
        for utterance, mel in samples:
            generator = seeded(self.settings.seed, "sample", utterance)
            wave = model.synthesize(mel[None].to(self.device), generator=generator, **self.settings.sample_options)
            monitor.show(self.step, utterance, wave[0].cpu(), log_mel(wave)[0].cpu(), model.sample_rate)

    def _save_the_patient(self, batch, utterances_of, loss, norm):
        path = self.directory / f"nonfinite-step-{self.step}.pt"
        checkpoint.save(path, {"batch": tuple(batch), "model": self.model.state_dict(), "step": self.step})
        excerpts = ", ".join(utterances_of(self.step)) if utterances_of else "unknown"
        raise InputError(
            f"{self.directory}: loss {loss.item()} with gradient norm {norm.item()} at step {self.step}; the batch, "
            f"utterances {excerpts}, is saved in {path.name}; lower the learning rate or set train.clip"
        )

    def _to_device(self, batch):
        return SpeechBatch(*(tensor.to(self.device, non_blocking=True) for tensor in batch))

    @contextmanager
    def _finishing_the_step_on_interrupt(self):
        """Ctrl-C and a scheduler's SIGTERM end the loop after the current step, so that it can be saved whole."""

        def note(*_):
            self._interrupted = True

        previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


class Clock:
    """Seconds of training in all, and what share of them went into waiting for data since the last lap."""

    def __init__(self, seconds, step):
        self._start, self._waited, self._paused = time.perf_counter() - seconds, 0.0, 0.0
        self._lap = (self.seconds, self._waited, step)

    @property
    def seconds(self):
        return time.perf_counter() - self._start - self._paused

    @contextmanager
    def waiting(self):
        begin = time.perf_counter()
        yield
        self._waited += time.perf_counter() - begin

    @contextmanager
    def paused(self):
        begin = time.perf_counter()
        yield
        self._paused += time.perf_counter() - begin

    def lap(self, step):
        seconds, waited, last_step = self._lap
        self._lap = now, waited_now, _ = (self.seconds, self._waited, step)
        spent = max(now - seconds, 1e-9)
        return {
            "data_wait": (waited_now - waited) / spent,
            "steps_per_second": (step - last_step) / spent,
            "seconds": now,
        }
