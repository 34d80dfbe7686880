"""What the figures were measured on, and how much of its memory was used."""

import platform
import resource
from pathlib import Path

import torch


def machine(device, threads):
    """Plain values: processor, threads, device, PyTorch."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "processor": processor(),
        "threads": threads,
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "torch": torch.__version__,
    }


def processor(path="/proc/cpuinfo"):
    """Its name, where the system tells."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def sentence(found):
    """``machine``'s values for the head of a table."""
    device = "" if found["device"] == "cpu" else f"{found['device']}, "
    threads = "1 thread" if found["threads"] == 1 else f"{found['threads']} threads"
    return f"{device}{found['processor']}, {threads}, PyTorch {found['torch']}"


def peak_mib(device="cpu"):
    """The most that this process has had of a GPU's memory in tensors, or resident.

    The latter not by ru_maxrss where /proc is, as that begins with what the process had before it became this program.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return (found[0] if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024
