"""What a training run shows: metrics.jsonl, TensorBoard, a progress bar."""

import json
import threading

import torch

from vocoders.io.files import append_jsonl, naming, read_jsonl, write_text
from vocoders.log import progress


class Monitor:
    """Writes what it is told; ``resume_from`` forgets whatever an interrupted run wrote after that step."""

    def __init__(self, directory, *, max_steps, resume_from):
        from torch.utils.tensorboard import SummaryWriter

        self.metrics = directory / "metrics.jsonl"
        self._forget_after(resume_from)
        self._print_failure, threading.excepthook = threading.excepthook, self._in_thread
        with naming(directory / "tensorboard"):
            self.board = SummaryWriter(directory / "tensorboard", purge_step=resume_from + 1)
        self.bar = progress(total=max_steps, initial=resume_from, unit="step", desc="training", smoothing=0.05)

    def record(self, split, step, values):
        append_jsonl(self.metrics, {"split": split, "step": step, **values})
        with naming(self.board.log_dir):
            for name, value in values.items():
                self.board.add_scalar(f"{split}/{name}", value, step)
        self.bar.set_postfix({f"{split} loss": f"{values['loss']:.4f}"})

    def advance(self):
        self.bar.update()

    def show(self, step, utterance, wave, mel, sample_rate):
        """A synthesized dev utterance: wave [T] and its own mel [C, L], the picture of what is heard."""
        with naming(self.board.log_dir):
            self.board.add_audio(f"dev/{utterance}", wave.clamp(-1, 1)[None], step, sample_rate=sample_rate)
            self.board.add_image(f"dev/{utterance}", picture(mel)[None], step)

    def close(self):
        self.bar.close()
        try:
            with naming(self.board.log_dir):
                self.board.close()
        finally:
            threading.excepthook = self._print_failure

    def _in_thread(self, failure):
        """TensorBoard writes in a thread, and raises what failed there (a full disk) in our next call as well."""
        if not issubclass(failure.exc_type, OSError):
            self._print_failure(failure)

    def _forget_after(self, step):
        records = read_jsonl(self.metrics)
        kept = [record for record in records if record["step"] <= step]
        if len(kept) < len(records):
            write_text(self.metrics, "".join(json.dumps(record) + "\n" for record in kept))


def picture(mel):
    """[C, L] as a grey image in [0, 1], low frequencies at the bottom."""
    low, high = torch.quantile(mel.flatten()[:1_000_000], 0.02), mel.max()
    return ((mel - low) / (high - low).clamp(min=1e-6)).clamp(0, 1).flip(0)
