"""What is installed, what each part gives, and what goes without it."""

import platform
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

PYTHON = (3, 10)


@dataclass(frozen=True)
class Part:
    """A Python package, or the program ``sox``."""

    name: str
    gives: str  # what it is for; for an optional part, what is lost without it
    required: bool = False
    module: str = ""  # imported to see that it works; others are only looked up, which takes no time


@dataclass(frozen=True)
class Found:
    part: Part
    version: str | None  # None: missing or broken
    note: str = ""

    @property
    def lacking(self):
        return self.part.required and self.version is None


PARTS = [
    Part("torch", "models, training, synthesis", required=True, module="torch"),
    Part("numpy", "arrays", required=True),
    Part("scipy", "filters, statistics", required=True),
    Part("h5py", "feature files", required=True),
    Part("kaldiio", "Kaldi pipes in wav.scp", required=True),
    Part("soundfile", "reading and writing audio", required=True),
    Part("pyloudnorm", "listening tests", required=True),
    Part("soxr", "resampling", required=True),
    Part("librosa", "mel filter banks, cross-checks", required=True),
    Part("jsonargparse", "configuration and command line", required=True),
    Part("pyyaml", "configuration files", required=True),
    Part("tqdm", "progress bars", required=True),
    Part("threadpoolctl", "scores that no number of cores changes", required=True),
    Part("tensorboard", "training curves", required=True),
    Part("matplotlib", "pictures in the report", required=True),
    Part("pillow", "pictures in the report", required=True),
    Part("jinja2", "the report's page", required=True),
    Part("networkx", "which systems are alike, in vocoders compare", required=True),
    Part("num2words", "numbers in transcripts", required=True),
    Part("torchaudio", "cross-checks of mels and resampling", module="torchaudio"),
    Part("sox", 'wav.scp lines such as "sox a.flac -t wav - |"'),
    Part("pesq", "score PESQ", module="pesq"),
    Part("pystoi", "scores STOI and ESTOI"),
    Part("pyworld", "scores on F0 and voicing, MCD, baseline WORLD", module="pyworld"),
    Part("pysptk", "score MCD", module="pysptk"),
    Part("speechmos", "score DNSMOS"),
    Part("onnxruntime", "score DNSMOS"),
    Part("espeakng-loader", "the corpus that egs/mini makes"),
]


def survey(parts=PARTS):
    """A ``Found`` for Python and for each part."""
    return [find_python(), *map(find, parts)]


def find_python():
    part = Part("python", ".".join(map(str, PYTHON)) + " or newer", required=True)
    if sys.version_info < PYTHON:
        return Found(part, None, f"found {platform.python_version()}")
    return Found(part, platform.python_version())


def find(part):
    """Looks one part up; broken counts as missing, with the reason as the note."""
    if part.name == "sox":
        return find_sox(part)
    try:
        found = version(part.name)
    except PackageNotFoundError:
        return Found(part, None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what a package will do one day
            module = import_module(part.module) if part.module else None
    except (ImportError, OSError, RuntimeError) as error:
        return Found(part, None, f"{found} is installed but broken: {' '.join(str(error).split())[:90]}")
    return Found(part, found, describe_torch(module) if part.name == "torch" else "")


def find_sox(part):
    program = shutil.which("sox")
    if program is None:
        return Found(part, None)
    text = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    return Found(part, text.strip().rpartition("v")[2] or "unknown")


def describe_torch(torch):
    """Where it computes."""
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = f"{cuda} GPU, " if cuda else "no GPU, "
    return f"{devices}{torch.get_num_threads()} CPU threads"


def table(found):
    """The survey as text."""
    rows = [(one.part.name, one.version or "missing", purpose(one)) for one in found]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:<{widths[0]}}  {state:<{widths[1]}}  {text}" for name, state, text in rows)


def purpose(found):
    lost = "" if found.version else "needed for " if found.part.required else "you go without: "
    return f"{lost}{found.part.gives}" + (f" ({found.note})" if found.note else "")
