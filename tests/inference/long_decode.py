"""What ``vocoders decode`` needs for one utterance of so many seconds: peak resident memory, and time.  Not a test.

    python tests/inference/long_decode.py 10 100 1000 3600
    python tests/inference/long_decode.py 10 100 --model wavegrad_tiny --decode "--decode.steps 6 --backend eager"

The vocoder is untrained, of a configuration in conf/; the mel is that of a wandering voice, or as good as.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from vocoders import checkpoint, config
from vocoders.features.mel import MelSpec
from vocoders.io.features import FeatureWriter, write_index

CONF = Path(__file__).parents[2] / "egs/TEMPLATE/voc1/conf"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int, nargs="+")
    parser.add_argument("--model", default="diffwave_tiny", help="a configuration of training")
    parser.add_argument("--mel", default="mel_nvidia_22k")
    parser.add_argument("--decode", default="--decode.steps 6 --device cpu", help="options of vocoders decode")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        spec = MelSpec.load(CONF / f"{options.mel}.yaml")
        experiment = save_untrained(Path(directory) / "exp", config.load(CONF / f"{options.model}.yaml"), spec)
        for seconds in options.seconds:
            features = Path(directory) / f"dump{seconds}"
            writer = get_context("spawn").Process(target=write_features, args=(features, spec, seconds))
            writer.start()
            writer.join()
            words = [*shlex.split(options.decode), experiment, features, Path(directory) / f"out{seconds}"]
            memory, took = measure([sys.executable, "-m", "vocoders", "decode", *map(str, words)])
            print(f"{seconds} s of audio: {memory / 2**20:.0f} MiB at most, {took:.1f} s", flush=True)


def measure(command):
    """(bytes of its peak resident memory, seconds) of a command."""
    start = perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(process.returncode)
    return usage.ru_maxrss * 1024, perf_counter() - start


def write_features(directory, spec, seconds):
    random = np.random.default_rng(0)
    frames = seconds * spec.sample_rate // spec.hop_size
    mel = random.standard_normal((frames, spec.n_mels), dtype=np.float32) - 5
    with FeatureWriter(directory / "feats.1.h5") as part:
        part.write("long", np.zeros(frames * spec.hop_size, np.int16), mel)
    spec.save(directory / "mel.yaml")
    write_index(directory)


def save_untrained(directory, settings, spec):
    directory.mkdir()
    torch.manual_seed(0)
    contents = {"model": checkpoint.build_model(settings["model"], spec).state_dict(), "average": None}
    about = {"step": 0, "seconds": 0.0, "config": settings, "mel": spec.as_dict()}
    checkpoint.save(directory / "best.pt", {**contents, **about})
    return directory


if __name__ == "__main__":
    main()
