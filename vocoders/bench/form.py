"""The forms in which a model is measured: the training form as it is, or one of vocoders.fast."""

from itertools import product
from typing import NamedTuple

import torch

from vocoders import config
from vocoders.errors import InputError

TRAINING = "training"
BACKENDS = ("auto", "eager", "compiled", "native", TRAINING)
PRECISIONS = ("auto", "float32", "bfloat16")


class Form(NamedTuple):
    """What a contender is; picklable."""

    backend: str = "auto"
    precision: str = "auto"
    allocator: str = "default"

    @property
    def is_training_form(self):
        return self.backend == TRAINING


REFERENCES = [Form(TRAINING, "float32", allocator) for allocator in ("default", "tuned")]


def chosen_forms(backend, precision, *, compare):
    """The forms of comma-separated backends and precisions, and with ``compare`` the references after them.

    Raises InputError for a name there is not, and where there is nothing to compare.
    """
    backends, precisions = _names(backend, BACKENDS, "--backend"), _names(precision, PRECISIONS, "--precision")
    forms = list(dict.fromkeys(_plain(Form(*pair)) for pair in product(backends, precisions)))
    if not compare:
        return forms
    others = [form for form in forms if form not in REFERENCES]
    if not others:
        raise InputError("--compare: nothing to compare, as only the training form is chosen; name another --backend")
    return others + REFERENCES


def _plain(form):
    """The training form has one precision of its own."""
    is_auto = form.is_training_form and form.precision == "auto"
    return form._replace(precision="float32") if is_auto else form


def _names(text, known, where):
    names = text.split(",")
    for name in names:
        if name not in known:
            raise InputError(f"{where}: there is no {name!r}; {config.hint(name, known)}")
    return names


def prepare(vocoder, form, device):
    """The vocoder in this form, on the device."""
    if form.is_training_form:
        return TrainingForm(vocoder.to(device), form.precision)
    from vocoders.fast.synthesizer import prepare

    return prepare(vocoder, device=device, precision=form.precision, backend=form.backend)


class TrainingForm:
    """A vocoder as it was trained, behind what vocoders.fast's forms offer; bfloat16 is autocast."""

    backend = TRAINING

    def __init__(self, vocoder, precision):
        self.vocoder, self.precision = vocoder, precision
        self.hop_size, self.sample_rate, self.mel_spec = vocoder.hop_size, vocoder.sample_rate, vocoder.mel_spec
        self.device = next(vocoder.parameters()).device

    @torch.inference_mode()
    def synthesize(self, mel, *, lengths=None, generator=None, **options):
        assert lengths is None  # it has no masks
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return self.vocoder.synthesize(mel.to(self.device), generator=generator, **options).float()

    def stream(self, mel_chunks, *, generator=None, **options):
        """One wave, when the last chunk has come: it knows no other way."""
        mel = torch.cat(list(mel_chunks), 1)
        yield self.synthesize(mel[None], generator=generator, **options)[0]

    def look_ahead(self, **options):
        """None: all of the utterance."""
        return None


def name(form, backend, precision):
    """For tables; ``backend`` and ``precision`` are what the form came to be."""
    if form.is_training_form:
        cast = " autocast" if precision == "bfloat16" else ""
        allocator = ", tuned malloc" if form.allocator == "tuned" else ""
        return f"training, {precision}{cast}{allocator}"
    return f"{backend}, {precision}"
