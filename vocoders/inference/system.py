"""What a decoder can decode with: a trained vocoder or a baseline, behind one signature."""

import hashlib
import logging
import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

import torch

from vocoders import config
from vocoders.checkpoint import load_vocoder
from vocoders.device import choose
from vocoders.errors import InputError
from vocoders.fast.denoiser import Denoiser
from vocoders.features.mel import MelSpec
from vocoders.inference.baselines import BASELINES
from vocoders.models import MODELS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class System:
    """``synthesize(mel [C, L], own, spec, generator) -> wave [T]`` on the CPU, and what system.json says.

    ``own`` is the utterance's own wave [T] for a system that ``copies``, else None.
    ``mel_spec`` is what it was trained on; None takes any.
    """

    synthesize: Callable
    mel_spec: MelSpec | None
    copies: bool
    description: dict


def open_system(name, *, checkpoint="best", options=None, device="auto", where="decode"):
    """A baseline by its name, or the vocoder in an experiment directory or checkpoint file.

    ``options`` are those of its synthesis; and for a vocoder perhaps ``denoise``, the strength of the denoiser, and
    ``schedule_name`` for tables.  ``where`` names their source in error messages.
    """
    options = dict(options or {})
    schedule_name = options.pop("schedule_name", None)
    if name in BASELINES:
        return baseline_system(name, options, where=where)
    device = choose(device)
    vocoder = load_vocoder(trained_path(name, checkpoint), which=checkpoint, device=device)
    return model_system(vocoder, options, device=device, where=where, schedule_name=schedule_name)


def trained_path(name, checkpoint):
    """The experiment directory or checkpoint file; a ``checkpoint`` that looks like a file stands for itself."""
    if "/" in checkpoint or checkpoint.endswith(".pt"):
        if not Path(checkpoint).is_file():
            raise InputError(
                f"--checkpoint {checkpoint}: no such file; give one that is there, or best, last or step-N"
            )
        return checkpoint
    if not Path(name).exists():
        known = ", ".join(BASELINES)
        raise InputError(
            f"{name}: neither an experiment directory, nor a checkpoint file, nor one of the baselines {known}; "
            f"{config.hint(name, BASELINES, 'train it first, or correct the path')}"
        )
    return name


def lay_options(options, changes):
    """``changes`` over ``options`` of synthesis: steps or a schedule replace both, and the schedule's name."""
    if "steps" in changes or "schedule" in changes:
        options = without_schedule(options)
    return config.merge(options, changes)


def without_schedule(options):
    """Options of synthesis but for those that say where its steps lie."""
    return {key: value for key, value in options.items() if key not in ("steps", "schedule", "schedule_name")}


def baseline_system(name, options, *, where="decode"):
    label, copy, hears = BASELINES[name]
    chosen = config.typed(copy, options, skip=4, where=where)

    def synthesize(mel, own, spec, generator):
        own = torch.from_numpy(own).float() if hears else None
        return copy(own, mel, spec, generator, **chosen)

    description = {"system": label, "kind": "baseline", "baseline": name, "options": options}
    return System(synthesize, None, hears, description)


def model_system(vocoder, options, *, device="cpu", where="decode", schedule_name=None):
    chosen, strength = _typed_options(vocoder.synthesize, options, skip=1, where=where)
    with _naming(where):
        evaluations = vocoder.evaluations(**chosen)
    for remark in vocoder.remarks(**chosen):
        log.warning("%s: %s", where, remark)
    with torch.inference_mode(), _naming(where):
        denoise = Denoiser(vocoder, options=chosen) if strength else None

    @torch.inference_mode()
    def synthesize(mel, own, spec, generator):
        with _naming(where):
            mel = mel[None].to(device)
            wave = vocoder.synthesize(mel, generator=generator, **chosen)
            wave = denoise(wave, mel, strength) if denoise else wave
        return wave[0].float().cpu()  # waits for the device, so that who measures the time measures all of it

    info = vocoder.checkpoint_info
    description = {
        "system": vocoder.describe(),
        "kind": "model",
        "model": info["model"],
        "options": options,
        "evaluations": evaluations,
        "schedule_name": schedule_name,
        "parameters": sum(parameter.numel() for parameter in vocoder.parameters()),
        "train_steps": info["step"],
        "training_seconds": info["seconds"],
        "checkpoint": str(info["path"]),
        "experiment": str(Path(info["path"]).parent),
        "weights": weights_hash(vocoder),
        "device": device,
    }
    return System(synthesize, vocoder.mel_spec, False, description)


def check_options(settings, options, *, where):
    """Raises InputError when the model of these settings of training does not take these options of decoding."""
    model = (settings.get("model") or {}).get("name")
    if model is None:
        return  # building it will say so
    options = {key: value for key, value in options.items() if key != "schedule_name"}
    _typed_options(MODELS[model].synthesize, options, skip=2, where=where)


def _typed_options(synthesize, options, *, skip, where):
    """(those of ``synthesize``, strength of the denoiser)"""
    mine = [*signature(synthesize).parameters][skip:]
    config.refuse_unknown(options, sorted({*mine, "denoise"} - {"generator"}), where)
    own = {key: value for key, value in options.items() if key != "denoise"}
    chosen = config.typed(synthesize, own, skip=skip, where=where)
    chosen.pop("generator", None)  # in the signature, but ours to give
    strength = options.get("denoise", 0.0)
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength < math.inf:
        raise InputError(f"{where}: denoise is the strength of the denoiser, a number from 0 on, found {strength!r}")
    return chosen, strength


@contextmanager
def _naming(where):
    """Puts the source of the options before what is wrong with them."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def weights_hash(module):
    """Hexadecimal digits that change with any parameter or buffer, and not with the file they come from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
