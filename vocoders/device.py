"""Where tensors live."""

import torch

from vocoders.errors import InputError


def choose(name):
    """``cpu``, ``cuda`` (checked) or ``auto``, which is a GPU when there is one."""
    available = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if available else "cpu"
    if name.startswith("cuda") and not available:
        raise InputError(f"device {name}: this PyTorch ({torch.__version__}) sees no GPU; use --device cpu or --ngpu 0")
    return name
