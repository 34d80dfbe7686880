"""What a decoder can decode with: a trained vocoder or a baseline, behind one signature."""

import hashlib
import logging
import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import signature
from pathlib import Path

import torch

from vocoders import config
from vocoders.checkpoint import load_vocoder
from vocoders.device import choose
from vocoders.errors import InputError
from vocoders.fast.synthesizer import prepare
from vocoders.fast.whole import ALL
from vocoders.features.mel import MelSpec
from vocoders.inference.baselines import BASELINES
from vocoders.models import MODELS

log = logging.getLogger(__name__)
DEFAULTS = {"precision": "float32", "backend": "auto"}


@dataclass(frozen=True)
class System:
    """``open(own, spec, generator)`` begins an utterance and returns ``push(mel [C, n], last=False) -> wave [T]``, that
    takes the mel in pieces, n from 0, and gives what of the wave is decided, on the CPU.

    ``own`` is the utterance's own wave [T] for a system that ``copies``, else None.
    ``together(mels [B, C, L], lengths, generators) -> waves [B, T]`` is several at once, for a system that can.
    ``again()`` is the same system, for another process.
    """

    open: Callable
    description: dict  # what system.json says
    mel_spec: MelSpec | None = None  # what it was trained on; None takes any
    copies: bool = False
    chunk_frames: int = ALL  # in which it works
    look_ahead: int = ALL  # frames after a sample that must be known before it is decided
    together: Callable | None = None
    again: Callable | None = None


def open_system(name, *, checkpoint="best", options=None, where="decode", **preparation):
    """A baseline by its name, or the vocoder in an experiment directory or checkpoint file.

    ``options`` are those of its synthesis; and for a vocoder perhaps ``denoise``, the strength of the denoiser, and
    ``schedule_name`` for tables.  ``where`` names their source in error messages.  ``preparation`` is that of
    fast/synthesizer.py: ``device``, ``precision``, ``backend``, ``chunk_seconds``.
    """
    options = dict(options or {})
    schedule_name = options.pop("schedule_name", None)
    if name in BASELINES:
        for key in ("precision", "backend"):
            if preparation.get(key, DEFAULTS[key]) != DEFAULTS[key]:
                raise InputError(f"--{key} {preparation[key]}: the baseline {name} has no choice; leave it out")
        return baseline_system(name, options, where=where)
    choose(preparation.get("device", "cpu"))  # what cannot be is told before anything is read
    vocoder = load_vocoder(trained_path(name, checkpoint), which=checkpoint)
    file = str(Path(vocoder.checkpoint_info["path"]).resolve())  # best may soon be another
    again = partial(open_system, file, options=options, where=where, **preparation)
    return model_system(vocoder, options, where=where, schedule_name=schedule_name, again=again, **preparation)


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


def read_options(files, overrides, *, verb):
    """(options of synthesis, their source in words) of YAML files, each laid over the one before, and of the dotted
    keys ``decode.*`` on the command line of ``verb``."""
    changes = config.override({}, overrides or {})
    config.refuse_unknown(changes, ["decode"], verb)
    given = [(file, config.load(file, lay=lay_options)) for file in files if file]
    given += [("--decode", changes["decode"])] if changes else []
    options = {}
    for _source, found in given:
        options = lay_options(options, found)
    return options, " and ".join(source for source, _found in given) or "decode"


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

    def open_utterance(own, spec, generator):
        own, pieces = torch.from_numpy(own).float() if hears else None, []

        def push(mel, last=False):
            pieces.append(mel)
            return copy(own, torch.cat(pieces, 1), spec, generator, **chosen) if last else torch.zeros(0)

        return push

    description = {"system": label, "kind": "baseline", "baseline": name, "options": options}
    again = partial(baseline_system, name, options, where=where)
    return System(open_utterance, description, copies=hears, again=again)


def model_system(
    vocoder,
    options,
    *,
    device="cpu",
    precision="float32",
    backend="auto",
    chunk_seconds=None,
    where="decode",
    schedule_name=None,
    again=None,
):
    chosen, strength = _typed_options(vocoder.synthesize, options, skip=1, where=where)
    with _naming(where):
        evaluations = vocoder.evaluations(**chosen)
    for remark in vocoder.remarks(**chosen):
        log.warning("%s: %s", where, remark)
    voice = prepare(vocoder, device=device, precision=precision, backend=backend, chunk_seconds=chunk_seconds)
    chosen["denoise"] = strength
    with _naming(where):
        look_ahead = voice.look_ahead(**chosen)

    def open_utterance(own, spec, generator):
        stream = voice.open(generator=generator, **chosen)

        def push(mel, last=False):
            with _naming(where):
                wave = stream.push(mel, last=last)
            return wave.cpu()  # waits for the device, so that who measures the time measures all of it

        return push

    def together(mels, lengths, generators):
        with _naming(where):
            return voice.synthesize(mels, lengths=lengths, generator=generators, **chosen).cpu()

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
        "device": voice.device,
        "backend": voice.backend,
        "precision": voice.precision,
    }
    return System(
        open_utterance,
        description,
        mel_spec=vocoder.mel_spec,
        chunk_frames=voice.chunk_frames,
        look_ahead=look_ahead,
        together=together if voice.batches else None,
        again=again,
    )


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
