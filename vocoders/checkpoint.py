"""Checkpoints: plain tensors and plain settings, enough to rebuild a model without its recipe.

    step-2000.pt   {"format", "model", "average", "optimizer", "step", "seconds", "best", "config", "mel"}
    last.pt, best.pt   links to the newest one and to the one of lowest dev loss
    train_utterances   ids of what it was trained on, a line each

They load with ``weights_only=True``: a file from elsewhere cannot run code.
"""

import io
import os
import pickle
import re
from pathlib import Path

import torch

from vocoders import config
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.io.files import atomic_path
from vocoders.models import MODELS

FORMAT = 1
TRAINED_ON = "train_utterances"
DAMAGE = (RuntimeError, OSError, EOFError, ValueError, LookupError, pickle.UnpicklingError)  # what torch.load may raise


def build_model(section, mel_spec):
    """The model that a ``model:`` section describes, for features described by ``mel_spec``."""
    options = dict(section)
    name = options.pop("name", None)
    if name is None:
        raise InputError(f"model has no name; choose one of: {', '.join(MODELS.names())}")
    return config.build(MODELS[name], options, mel_spec, where="model")


def save(path, contents):
    """Writes all or nothing."""
    content = io.BytesIO()  # writing itself, torch would make a RuntimeError of a full disk
    torch.save({"format": FORMAT, **contents}, content)
    with atomic_path(path) as partial:
        partial.write_bytes(content.getbuffer())


def load(path):
    """The contents of a checkpoint file, on the CPU.  Raises InputError when it is missing, damaged or not ours."""
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint") from None
    except PermissionError:
        raise
    except DAMAGE as error:
        is_foreign = isinstance(error, pickle.UnpicklingError)  # whose text is about torch's versions
        reason = "not plain tensors and values" if is_foreign else _first_line(error)[:120]
        raise InputError(
            f"{path}: damaged or not a checkpoint ({reason}); use another one, or delete it and train on from the one "
            f"before it"
        ) from None
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of this program (format {FORMAT})")
    return contents


def load_vocoder(path, *, which="best", device="cpu"):
    """The trained vocoder in an experiment directory (its checkpoint ``which``: best, last, step-N) or a file.

    Its weights are the averaged ones where training kept an average.  ``checkpoint_info`` says where it comes from.
    """
    path = find(path, which)
    contents = load(path)
    try:
        model = build_model(contents["config"]["model"], MelSpec(**contents["mel"]))
        model.load_state_dict(contents["average"] or contents["model"])
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{path}: its weights do not fit its own configuration ({_first_line(error)})") from None
    model.checkpoint_info = {
        "path": str(path),
        "model": contents["config"]["model"]["name"],
        **{key: contents[key] for key in ("step", "seconds", "config")},
    }
    return model.to(device).eval().requires_grad_(False)


def find(path, which):
    """The checkpoint file meant by an experiment directory and ``which``, or by a file."""
    path = Path(path)
    if not path.is_dir():
        return path
    file = path / f"{which}.pt"
    if not file.exists():
        there = sorted(p.stem for p in path.glob("*.pt"))
        raise InputError(f"{file}: no such checkpoint; {path} has: {', '.join(there) or 'none, train first'}")
    return file


def trained_on(directory):
    """The ids of the utterances that the experiment was trained on; none are known of a file from elsewhere."""
    path = Path(directory) / TRAINED_ON
    return set(path.read_text(encoding="utf-8").split()) if path.is_file() else set()


def steps(directory):
    """step -> file, ascending, of the checkpoints in an experiment directory."""
    found = [(re.fullmatch(r"step-(\d+)\.pt", path.name), path) for path in Path(directory).glob("step-*.pt")]
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def link(directory, name, step):
    """Makes ``name.pt`` mean the checkpoint of ``step``, atomically."""
    aside = Path(directory) / f".{name}.link"
    aside.unlink(missing_ok=True)
    aside.symlink_to(f"step-{step}.pt")
    os.replace(aside, Path(directory) / f"{name}.pt")


def prune(directory, *, keep, but):
    """Deletes all but the newest ``keep`` checkpoints and those of the steps in ``but``."""
    found = steps(directory)
    for step in list(found)[:-keep]:
        if step not in but:
            found[step].unlink()


def _first_line(error):
    return (str(error).splitlines() or [repr(error)])[0]
