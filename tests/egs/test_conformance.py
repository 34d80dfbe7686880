"""Every recipe egs/<corpus>/<task> is choices and links, takes what it says, and runs from its corpus to its report."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from corpora import CORPORA

from vocoders import checkpoint, config
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec
from vocoders.inference.system import check_options
from vocoders.io.files import read_jsonl
from vocoders.io.tables import read_table
from vocoders.models import MODELS

ROOT = Path(__file__).resolve().parents[2]


def known_recipes():
    """Those that git knows, as others are a user's own; all where there is no git."""
    listed = subprocess.run(["git", "ls-files", "egs/*/*/run.sh"], cwd=ROOT, capture_output=True, text=True)
    known = [ROOT / name for name in listed.stdout.split() if name.count("/") == 3]
    return sorted(run_sh.parent for run_sh in known or ROOT.glob("egs/*/*/run.sh"))


RECIPES = known_recipes()
EACH_RECIPE = pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
OWN = {"run.sh", "local", "RESULTS.md", "figure.png"}
MADE = {"data", "downloads", "dump", "exp", "study"}
LINES = {"run.sh": 20, ".sh": 100, ".py": 150}
TINY = ["--train_config", "conf/diffwave_tiny.yaml", "--decode_config", "conf/decode_6steps.yaml", "--nj", "1"]
TINY += ["--ngpu", "0", "--baselines", "", "--metrics", "mr_stft", "--stop-stage", "5"]


def run(*words, cwd):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=cwd, env=environment)


def declared(script):
    """Option -> its help, of a script's block of options."""
    block = re.search(r"^# begin options\n(.*?)^# end options$", script.read_text(), re.M | re.S)
    return dict(re.findall(r"^([a-z_]+)=[^#\n]*(?:# *(.+))?$", block[1], re.M)) if block else {}


def helped(recipe, script="./run.sh"):
    """Option -> its present value, of what a script prints with --help."""
    done = run(script, "--help", cwd=recipe)
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^  --(\w+) +(.+?)  ", done.stdout, re.M))


def wrong_files(recipe):
    """What is not as the template wants it, a sentence each."""
    shared = ROOT / "egs/TEMPLATE" / recipe.name
    links = {path.name: f"../../TEMPLATE/{recipe.name}/{path.name}" for path in [*shared.glob("*.sh"), shared / "conf"]}
    links["utils"] = "../../../utils"
    for name, target in links.items():
        path = recipe / name
        if not path.is_symlink() or os.readlink(path) != target:
            yield f"{path}: expected a link to {target}; a copy would miss what is mended there"
    for path in recipe.iterdir():
        if path.name not in OWN | MADE | links.keys():
            yield f"{path}: belongs in local/, or in TEMPLATE for all"
    own = [path for path in (recipe / "local").rglob("*") if "__pycache__" not in path.parts]
    yield from (f"{path}: leads nowhere" for path in [*recipe.iterdir(), *own] if not path.exists())
    for name in ("run.sh", "local/data_download.sh", "local/data_prep.sh"):
        if not (recipe / name).is_file():
            yield f"{recipe / name}: missing"
    for path in [recipe / "run.sh", *own]:
        limit = LINES.get(path.name, LINES.get(path.suffix))
        if limit and len(path.read_text().splitlines()) > limit:
            yield f"{path}: more than {limit} lines"
        if path.suffix == ".sh" and not os.access(path, os.X_OK):
            yield f"{path}: not executable"
    if not (recipe / "run.sh").read_text().rstrip().endswith('"$@"'):
        yield f'{recipe}/run.sh: does not end in "$@", so it takes no options'


def test_recipes_are_found():
    assert {"mini/voc1", "ljspeech/voc1"} <= {f"{path.parent.name}/{path.name}" for path in RECIPES}


@EACH_RECIPE
def test_it_is_choices_and_links(recipe):
    assert not list(wrong_files(recipe))


def test_what_is_wrong_is_seen(tmp_path):
    """The checks above, on a recipe with one fault of each kind."""
    recipe = tmp_path / "egs/bad/voc1"
    shutil.copytree(ROOT / "egs/ljspeech/voc1", recipe, symlinks=True, ignore=shutil.ignore_patterns(*MADE))
    shutil.copytree(ROOT / "egs/TEMPLATE", tmp_path / "egs/TEMPLATE", symlinks=True)
    shutil.copytree(ROOT / "utils", tmp_path / "utils")
    assert not list(wrong_files(recipe))
    (recipe / "voc.sh").unlink()
    shutil.copy(ROOT / "egs/TEMPLATE/voc1/voc.sh", recipe / "voc.sh")
    (recipe / "extra.txt").touch()
    (recipe / "local/gone").symlink_to("nowhere")
    (recipe / "local/data_prep.sh").chmod(0o644)
    (recipe / "local/data_download.sh").unlink()
    (recipe / "run.sh").write_text("# more\n" * 21)
    said = " ".join(wrong_files(recipe))
    faults = [
        "a copy would",
        "belongs in local/",
        "leads nowhere",
        "not executable",
        "missing",
        "20 lines",
        "no options",
    ]
    assert [fault for fault in faults if fault not in said] == []


@EACH_RECIPE
def test_every_option_is_documented_and_taken(recipe):
    stages, preparation = recipe / f"{recipe.name[:3]}.sh", recipe / "local/data_prep.sh"
    for script, command in ((stages, "./run.sh"), (preparation, "local/data_prep.sh")):
        options = declared(script)
        assert [name for name, words in options.items() if not words] == [], f"{script}: options without a comment"
        if options:
            assert helped(recipe, command).keys() == options.keys()
    choices = re.findall(
        r"--(\w+) (?!\")([^\s\"]\S*)", re.sub(r"^#.*$", "", (recipe / "run.sh").read_text(), flags=re.M)
    )
    assert choices and dict(choices).items() <= helped(recipe).items()
    done = run("./run.sh", "--nosuch", "1", cwd=recipe)
    assert done.returncode == 2 and "no option --nosuch" in done.stderr


@EACH_RECIPE
def test_it_is_in_the_table_of_recipes(recipe):
    name = f"{recipe.parent.name}/{recipe.name}"
    assert f"\n| [{name}]({name}) | " in (ROOT / "egs/README.md").read_text(encoding="utf-8"), (
        f"egs/README.md: the table of recipes has no row '| [{name}]({name}) | corpus | default configuration |'"
    )


@EACH_RECIPE
def test_its_configurations_load_and_models_fit_its_mels(recipe):
    """Those of a model are built for the mels of run.sh, or refused with a sentence; that of run.sh itself is built."""
    options = helped(recipe)
    mel_config = recipe / options["mel_config"]
    assert builds((recipe / options["train_config"]).resolve(), mel_config.resolve())
    found = {"mel": 0, "model": 0, "decode": 0}
    for path in [*sorted((recipe / "conf").glob("*.yaml")), *sorted((recipe / "local").glob("*.yaml"))]:
        settings = config.load(path)
        if path.name.startswith("mel_"):
            MelSpec.load(path)
        elif "model" in settings:
            builds(path.resolve(), mel_config.resolve())
        elif path.name.startswith("decode"):
            assert any(takes(model, settings, path) for model in MODELS.names()), f"{path}: options of no model"
        kind = "mel" if path.name.startswith("mel_") else "model" if "model" in settings else "decode"
        found[kind] += 1
    assert all(found.values())


@cache
def builds(path, mel_config):
    """Whether the model is built; InputError is the sentence, and anything else fails the test."""
    section, spec = config.load(path)["model"], MelSpec.load(mel_config)
    try:
        try:
            with torch.device("meta"):  # the largest have a gigabyte of weights
                checkpoint.build_model(section, spec)
        except NotImplementedError:  # a constant is computed, which needs numbers
            checkpoint.build_model(section, spec)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
        return False
    return True


def takes(model, options, path):
    try:
        check_options({"model": {"name": model}}, options, where=str(path))
    except InputError:
        return False
    return True


@EACH_RECIPE
def test_all_stages_on_a_tiny_corpus_with_the_files_as_they_are(recipe, tmp_path):
    corpus = recipe.parent.name
    assert corpus in CORPORA, f"tests/egs/corpora.py: add a function {corpus}(folder), which makes a tiny corpus"
    for folder in ("egs", "utils"):
        ignore = shutil.ignore_patterns(*MADE, "RESULTS.md", "__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=ignore)
    copy = tmp_path / recipe.relative_to(ROOT)
    shipped = contents(tmp_path)
    options = CORPORA[corpus](tmp_path / "corpus")
    done = run("./run.sh", *TINY, *options, cwd=copy)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]

    after = contents(tmp_path)
    assert {name for name in shipped if after[name] != shipped[name]} == set()
    results = (copy / "RESULTS.md").read_text()
    assert (copy / "exp/report.html").stat().st_size > 10_000
    for name in helped(copy)["eval_sets"].split():
        decoded = copy / "exp/train_diffwave_tiny/decode_6steps_best" / name
        scored = [row["utt"] for row in read_jsonl(decoded / "scores.jsonl")]
        assert scored == list(read_table(copy / "data" / name / "wav.scp"))
        assert f"### {name}\n" in results and "DiffWave" in results.split(f"### {name}\n")[1]


def contents(root):
    """What was shipped: not what recipes make, which comes beside it."""
    files = [path for folder in ("egs", "utils") for path in (root / folder).rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if not path.is_symlink()}


def test_the_stage_script_stays_short():
    assert len((ROOT / "egs/TEMPLATE/voc1/voc.sh").read_text().splitlines()) <= 150
