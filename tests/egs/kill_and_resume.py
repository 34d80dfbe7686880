"""Kills the mini recipe at random moments and compares what it ends with to an undisturbed run.

  python tests/egs/kill_and_resume.py --kills 10 --seed 0

Stages 2 (features), 3 (training) and 4 (decoding) run once in peace.  In a second copy of the recipe ``kill -9``
hits all processes of the stage at once, and the same command follows, until it is let through.  Every other moment
is drawn from the time that the stage took in peace, the others wait until the stage has done a random share of its
work: so they fall into the start of programs, between them, and into reading, writing, training and decoding.
Needs /proc.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vocoders import checkpoint
from vocoders.io.features import FeatureReader
from vocoders.io.files import read_jsonl

ROOT = Path(__file__).resolve().parents[2]
MADE = ("data", "downloads", "dump", "exp", "RESULTS.md")  # what a recipe makes of itself
POLL_SECONDS = 0.01
LINGER_SECONDS = 0.2  # at most so long after the share of work is reached
LATEST = 0.9  # share of a stage after which it may be over before the kill


def main():
    options = parse()
    with tempfile.TemporaryDirectory() as scratch:
        peaceful = copy_recipe(Path(scratch) / "peaceful", prompts=options.prompts)
        finish(peaceful, "--stop-stage", "1", "--num_dev", "2", "--num_eval", "6")
        disturbed = Path(scratch) / "disturbed" / peaceful.relative_to(Path(scratch) / "peaceful")
        shutil.copytree(Path(scratch) / "peaceful", Path(scratch) / "disturbed", symlinks=True)
        calm = {number: measure(stage, peaceful, options) for number, stage in STAGES.items()}
        landed = disturb(disturbed, calm, options)
        try:
            counts = compare(peaceful, disturbed)
        except Difference as difference:
            sys.exit(f"different: {difference}")
    print("identical: {} features, {} tensors, {} metrics, {} wavs".format(*counts))
    if landed < options.kills:
        sys.exit(f"only {landed} of {options.kills} kills came before the end of their stage; try another --seed")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="how many, spread evenly over the stages")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--prompts", type=int, help="make the corpus from the first so many prompts only")
    parser.add_argument("--by", choices=("both", "work"), default="both", help="work: draw no moment from times")
    parser.add_argument("--steps", type=int, default=300, help="of training")
    parser.add_argument("--nj", type=int, default=2, help="parallel jobs of the features")
    parser.add_argument("--baselines", default="recording griffin_lim world", help="to decode beside the model")
    return parser.parse_args()


def copy_recipe(directory, *, prompts=None):
    """The mini recipe in a copy of the repository's recipes, as in a fresh checkout; returns its directory."""
    for name in ("utils", "egs/TEMPLATE", "egs/ljspeech", "egs/mini"):
        shutil.copytree(ROOT / name, directory / name, symlinks=True, ignore=shutil.ignore_patterns(*MADE))
    recipe = directory / "egs/mini/voc1"
    if prompts:
        file = recipe / "local/prompts.txt"
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:prompts]))
    return recipe


def start(recipe, *options, **streams):
    """Starts the recipe, with the programs of this environment, in a session of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["./run.sh", "--train_config", "conf/diffwave_tiny.yaml", "--decode_config", "conf/decode_6steps.yaml"]
    environment = {**os.environ, "PATH": path}
    return subprocess.Popen([*command, *options], cwd=recipe, env=environment, start_new_session=True, **streams)


def finish(recipe, *options):
    """Runs the recipe; returns its output, and ends this program when it fails."""
    process = start(recipe, *options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{recipe}: status {process.returncode}\n{output}")
    return output


# How far a stage is


@dataclass(frozen=True)
class Stage:
    name: str
    work: Callable  # (recipe, time of the start) -> amount done, as files show it
    unit: str

    @property
    def number(self):
        return next(number for number, stage in STAGES.items() if stage is self)

    def options(self, options):
        """Of the recipe's command line."""
        train = f"--train.max_steps {options.steps} --train.evaluate_every {options.steps // 10} --train.workers 1"
        stage = ["--stage", str(self.number), "--stop-stage", str(self.number)]
        return [
            *stage,
            "--nj",
            str(options.nj),
            "--tag",
            "kill",
            "--train_args",
            train,
            "--baselines",
            options.baselines,
        ]


def feature_bytes(recipe, since):
    """Of finished parts, and of those that are being written since then."""
    whole, partial = (list(stats(recipe.glob(f"dump/*/*/{name}"))) for name in ("feats.*.h5", ".feats.*.h5"))
    return sum(stat.st_size for stat in whole + [stat for stat in partial if stat.st_mtime >= since])


def steps_trained(recipe, since):
    metrics = next(recipe.glob("exp/*/metrics.jsonl"), None)
    return max((record["step"] for record in read_jsonl(metrics)), default=0) if metrics else 0


def waves_written(recipe, since):
    return len([path for path in recipe.glob("exp/**/wav/*.wav") if not path.name.startswith(".")])


def stats(paths):
    for path in paths:
        try:
            yield path.stat()
        except FileNotFoundError:  # renamed meanwhile
            continue


STAGES = {
    2: Stage("features", feature_bytes, "bytes"),
    3: Stage("training", steps_trained, "steps"),
    4: Stage("decoding", waves_written, "waves"),
}


@dataclass(frozen=True)
class Calm:
    """What an undisturbed run of a stage took."""

    seconds: float
    first: float  # seconds until the first work showed
    work: float


def measure(stage, recipe, options):
    begin, first = time.time(), None
    process = start(recipe, *stage.options(options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if first is None and stage.work(recipe, begin):
            first = time.time() - begin
        time.sleep(POLL_SECONDS)
    seconds, work = time.time() - begin, stage.work(recipe, begin)
    if process.returncode:
        finish(recipe, *stage.options(options))  # fails again, and shows why
    print(f"stage {stage.number} in peace: {seconds:.1f} s, first work after {first:.1f} s, {work} {stage.unit}")
    return Calm(seconds, first, work)


# Killing


def disturb(recipe, calm, options):
    """Kills each stage its share of times and lets it finish; returns how many kills landed."""
    draw, landed, left = random.Random(options.seed), 0, 0
    print(f"{'kill':>4}  {'stage':<10} {'after':>7}  {'drawn by':<8}  work that showed")
    for stage in STAGES.values():
        left += len(range(stage.number - 2, options.kills, 3))  # beside those that came too late for the stage before
        while left:
            row = kill_once(
                recipe, stage, calm[stage.number], draw, left, landed % 2 == 0 or options.by == "work", options
            )
            if row is None:
                break
            landed, left = landed + 1, left - 1
            print(f"{landed:4}  {stage.name:<10} {row}", flush=True)
        finish(recipe, *stage.options(options))
    return landed


def kill_once(recipe, stage, calm, draw, left, by_work, options):
    """Runs the stage and kills it; returns the row of the table, or None when it was over before."""
    done = stage.work(recipe, time.time())
    share = LATEST * draw.betavariate(1, left)  # of what is left, the least of ``left`` draws: room for the others
    target, linger = done + share * (calm.work - done), draw.uniform(0, LINGER_SECONDS)
    moment = share * (calm.first + (1 - done / calm.work) * (calm.seconds - calm.first))
    begin = time.time()
    process = start(recipe, *stage.options(options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while (stage.work(recipe, begin) <= target) if by_work else (time.time() - begin < moment):
        if process.poll() is not None:
            return None
        time.sleep(POLL_SECONDS)
    time.sleep(linger if by_work else 0)
    if process.poll() is not None:
        return None
    after = time.time() - begin
    kill_tree(process.pid)
    process.wait()
    kind, shown = "work" if by_work else "time", stage.work(recipe, begin)
    return f"{after:6.2f}s  {kind:<8}  {shown} of {calm.work} {stage.unit}"


def kill_tree(pid):
    """``kill -9`` for a process and all that come from it, held first, so that none notices the end of another."""
    held = []
    while new := [process for process in descendants(pid) if process not in held]:
        for process in new:
            send(process, signal.SIGSTOP)
        held += new
    for process in reversed(held):
        send(process, signal.SIGKILL)


def descendants(pid):
    """``pid`` and its children and theirs, parents first."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for process in found:
        found += children.get(process, [])
    return found


def send(pid, number):
    with suppress(ProcessLookupError):  # it has ended
        os.kill(pid, number)


# Comparing


class Difference(Exception):
    """What differs first."""


def compare(one, other):
    """Numbers of features, tensors, lines of metrics and waves; raises Difference."""
    counts = [
        sum(compare_features(one / name, other / name) for name in below(one, "dump/*/*")),
        *compare_training(*(next(recipe.glob("exp/*_kill")) for recipe in (one, other))),
        sum(compare_waves(one / name, other / name) for name in below(one, "exp/**/wav")),
    ]
    for name in sorted(files(one) ^ files(other)):
        raise Difference(f"{name} is in {'one' if (one / name).exists() else 'the other'} only")
    return counts


def compare_features(one, other):
    """Number of arrays."""
    same(one.name, *((path / "feats.scp").read_text() for path in (one, other)))
    a, b = FeatureReader(one), FeatureReader(other)
    for utterance in a.utterances:
        for kind in ("wave", "mel"):
            x, y = (getattr(reader, kind)(utterance) for reader in (a, b))
            same(f"{kind} of {utterance}", x.shape, y.shape)
            same(f"{kind} of {utterance}", True, np.array_equal(x, y))
    for part in one.glob("feats.*.h5"):
        same(part.name, part.read_bytes(), (other / part.name).read_bytes())
    return 2 * len(a.utterances)


def compare_training(one, other):
    """Numbers of tensors and of lines of metrics."""
    (a, b) = (dict(leaves(checkpoint.load(path / "last.pt"))) for path in (one, other))
    same("names in last.pt", a.keys(), b.keys())
    tensors = [name for name, value in a.items() if isinstance(value, torch.Tensor)]
    for name in a.keys() - {"seconds"}:
        is_same = torch.equal(a[name], b[name]) if name in tensors else a[name] == b[name]
        same(f"last.pt: {name}", True, is_same)
    same("best.pt", os.readlink(one / "best.pt"), os.readlink(other / "best.pt"))
    (a, b) = (read_jsonl(path / "metrics.jsonl") for path in (one, other))
    keys = ("split", "step", "loss", "grad_norm", "lr")
    same("metrics.jsonl", *([[record.get(key) for key in keys] for record in records] for records in (a, b)))
    return len(tensors), len(a)


def compare_waves(one, other):
    """Number of waves."""
    same(f"{one.parent}/wav.scp", *((path.parent / "wav.scp").read_text() for path in (one, other)))
    records = [read_jsonl(path.parent / "decode.jsonl") for path in (one, other)]
    same(f"{one.parent}/decode.jsonl", *(sorted((r["utt"], r["samples"]) for r in rows) for rows in records))
    waves = sorted(path.name for path in one.iterdir())
    for name in waves:
        same(one / name, (one / name).read_bytes(), (other / name).read_bytes())
    return len(waves)


def same(what, one, other):
    if one != other:
        raise Difference(f"{what}: {str(one)[:200]} in peace, {str(other)[:200]} after the kills")


def leaves(tree, prefix=""):
    """(dotted name, value) of what is in nested mappings and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, (list, tuple)) else None
    if items is None:
        yield prefix, tree
        return
    for key, value in items:
        yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))


def below(recipe, pattern):
    return sorted(path.relative_to(recipe) for path in recipe.glob(pattern))


def files(recipe):
    """Of features and experiments; names in TensorBoard's directory hold the time."""
    found = [path for name in ("dump", "exp") for path in (recipe / name).rglob("*")]
    return {path.relative_to(recipe) for path in found if "tensorboard" not in path.parts and not path.is_dir()}


if __name__ == "__main__":
    main()
