"""README.md and egs/README.md say what is so: their commands run, and what they name exists.

A ```bash block is run, in a copy of the recipes and all blocks of a file in one shell, as a reader would.  One that
cannot be is followed by ``<!-- not run by tests: why -->``, is listed in NOT_RUN, and has its options checked.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from inspect import signature
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from vocoders import checkpoint, cli, config
from vocoders.diffusion.vocoder import DiffusionVocoder
from vocoders.features.mel import MelSpec
from vocoders.io.audio import write_wave
from vocoders.io.tables import read_table
from vocoders.models import MODELS
from vocoders.scoring.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = "egs/TEMPLATE/voc1"
README, RECIPES = (ROOT / name for name in ("README.md", "egs/README.md"))
TEXTS = {path: path.read_text(encoding="utf-8") for path in (README, RECIPES)}
PAGES = pytest.mark.parametrize("page", [README, RECIPES], ids=["README", "egs"])
NOT_RUN = {  # page -> the command of each block that is not run
    README: [
        "make -C tools demo",
        "make -C tools test",
        "./run.sh",
        "./run.sh --download_dir /path/to/LJSpeech-1.1 --num_dev 2 --num_eval 4 --ngpu 0 "
        "--train_config conf/diffwave_small.yaml --decode_config conf/decode_small.yaml",
        "./run.sh --download_dir /path/to/LJSpeech-1.1 --num_dev 2 --num_eval 4 --ngpu 0 "
        "--train_config conf/waveglow_small.yaml --decode_config conf/decode_waveglow_small.yaml",
        './run.sh --stage 4 ${small} --decode_config conf/decode_sde_dpm_solver.yaml --decode_steps "6 12 25 50"',
        "./run.sh --stage 4 ${small} --decode_config exp/train_wavegrad_small/schedule_6.yaml",
        "tools/venv/bin/vocoders compare egs/*/voc1",
        "vocoders listen --collect --key exp/listening/key.json results/*.json",
        "vocoders bench infer --compare --precision float32,bfloat16 --mel_config conf/mel_nvidia_22k.yaml "
        "conf/diffwave.yaml,decode=conf/decode_diffwave_base_fast6.yaml conf/waveglow.yaml "
        "conf/wavegrad.yaml,mel=conf/mel_nvidia_22k_hop300.yaml,decode=conf/decode_wavegrad_6.yaml",
        "vocoders bench train conf/diffwave.yaml --mel_config conf/mel_nvidia_22k.yaml --train.batch_size 4",
        "acoustic_model | vocoders stream exp/train_diffwave --decode.steps 6 | aplay -f S16_LE -r 22050",
    ],
    RECIPES: [
        './run.sh --ngpu 0 --train_config conf/diffwave_tiny.yaml --train_args "" '
        "--decode_config conf/decode_6steps.yaml",
        './run.sh --stage 3 --train_args "--train.max_steps 2000 --optimizer.learning_rate 1e-3" --tag lr1e-3',
        "vocoders decode exp/train_diffwave /path/to/feats.scp exp/train_diffwave/decode_espnet/eval "
        "--mel_config /path/to/config.yaml --stats /path/to/feats_stats.npz --convert_mel true",
        "vocoders export-features --log log10 dump/mel_nvidia_22k/eval export_log10/eval",
        'vocoders report --only "train_wavegrad_small_l?_seed*" --pool_seeds true '
        '--against "train_wavegrad_small_l1_seed*" exp',
        "./run.sh --mel_config conf/mel_wavegrad_paper_24k.yaml --train_config conf/wavegrad.yaml",
        "./run.sh --download_dir /path/to/VCTK-Corpus --num_dev 1 --num_eval 1 --ngpu 0 "
        "--train_config conf/diffwave_tiny.yaml --decode_config conf/decode_6steps.yaml --metrics mr_stft,log_mel_mae "
        '--data_args "--num_unseen 2 --halve true"',
        "vocoders report --by_speaker true --results RESULTS.md --block speakers exp",
    ],
}


class Block(NamedTuple):
    language: str
    text: str
    excuse: str | None  # why it is not run

    @property
    def commands(self):
        return re.sub(r" *\\\n *", " ", self.text).splitlines()


def blocks(page, language):
    pattern = r"^```(\w+)\n(.*?)^```\n(?:<!-- not run by tests: (.+?) -->\n)?"
    found = [Block(*match.groups()) for match in re.finditer(pattern, TEXTS[page], re.M | re.S)]
    assert len(found) == TEXTS[page].count("```") // 2
    return [block for block in found if block.language == language]


def prose(page):
    """Without blocks of code."""
    return re.sub(r"^```.*?^```$", "", TEXTS[page], flags=re.M | re.S)


def rows(page, header):
    """The table with this header line, as lists of cells."""
    _rule, *lines = TEXTS[page].split(header + "\n", 1)[1].splitlines()
    table = takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def words(text):
    """What is in `backquotes`."""
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture
def checkout(tmp_path):
    """What a reader has after ``make -C tools``, without what recipes made."""
    made = shutil.ignore_patterns("data", "downloads", "dump", "exp", "RESULTS.md")
    for folder in ("egs", "utils"):
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=made)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/venv").symlink_to(sys.prefix)
    return tmp_path


def run(script, cwd):
    """One shell for all lines, which ends at the first that fails, and says which."""
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    environment["OMP_NUM_THREADS"] = "1"
    command = ["bash", "-euxo", "pipefail", "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def test_the_commands_of_the_readme(checkout):
    ran = [block for block in blocks(README, "bash") if not block.excuse]
    said = run("\n".join(f"(\n{block.text})" for block in ran), checkout)
    assert "--train_config" in said and "usage: vocoders VERB" in said
    assert re.search(r"^torch +\d", said, re.M)


def test_adding_a_recipe_word_for_word(checkout, shared_data):
    """Twenty wavs of 8 kHz without transcripts reach stage 2; what is printed is what the page shows."""
    wavs = checkout / "wavs"
    wavs.mkdir()
    for name in (f"{d}_{s}_{n}.wav" for d in range(5) for s in ("george", "nicolas") for n in (10, 11)):
        shutil.copy(shared_data / f"fsdd/recordings/{name}", wavs)
    three, index, again, *_ = [block.text for block in blocks(RECIPES, "bash") if not block.excuse]
    found, listed, queue = blocks(RECIPES, "text")
    said = run((three + index).replace("/path/to/wavs", str(wavs)), checkout)
    assert said.startswith(found.text) and said.endswith(listed.text) and "PROGRAM" in queue.text

    recipe = checkout / "egs/digits/voc1"
    (mel,) = blocks(RECIPES, "yaml")
    assert (recipe / "local/mel_8k.yaml").read_text() == mel.text
    replace_function(recipe / "local/data_prep.py", blocks(RECIPES, "python")[0].text)
    run(again, recipe)
    assert read_table(recipe / "data/eval/text")["george-1_george_10"] == "one"
    for name in ("train", "dev", "eval"):
        assert MelSpec.load(recipe / "dump/mel_8k" / name).sample_rate == 8000
    assert not [path for path in recipe.iterdir() if path.is_symlink() and not path.exists()]


def replace_function(path, text):
    """What an editor does when told to replace a function by another of its name."""
    (function,) = ast.parse(text).body
    source = path.read_text()
    (old,) = [node for node in ast.parse(source).body if getattr(node, "name", None) == function.name]
    lines = source.splitlines(keepends=True)
    path.write_text("".join([*lines[: old.lineno - 1], text, *lines[old.end_lineno :]]))


def test_the_python_example(tmp_path, monkeypatch):
    (block,) = blocks(README, "python")
    experiment, recording = re.findall(r'"(egs/[^"]+)"', block.text)
    spec, settings = (ROOT / TEMPLATE / "conf" / name for name in ("mel_nvidia_22k.yaml", "diffwave_tiny.yaml"))
    spec, settings = MelSpec.load(spec), config.load(settings)
    save_untrained(tmp_path / experiment, settings, spec)
    (tmp_path / recording).parent.mkdir(parents=True)
    write_wave(tmp_path / recording, 0.1 * np.random.default_rng(0).standard_normal(10000), 22050)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(block.text, str(README), "exec"), names)
    assert names["copy"].shape == (1, 10000 // 256 * 256)
    assert (tmp_path / "copy.wav").stat().st_size > 2 * 9984


def save_untrained(directory, settings, spec):
    directory.mkdir(parents=True)
    contents = {"model": checkpoint.build_model(settings["model"], spec).state_dict(), "average": None}
    about = {"step": 0, "seconds": 0.0, "config": settings, "mel": spec.as_dict()}
    checkpoint.save(directory / "step-0.pt", {**contents, **about})
    checkpoint.link(directory, "best", 0)


def test_the_names_in_the_python_example_are_those_of_the_mini_recipe():
    experiment, recording = re.findall(r'"(egs/[^"]+)"', blocks(README, "python")[0].text)
    recipe = ROOT / "egs/mini/voc1"
    (train_config,) = re.findall(r"--train_config conf/(\w+)\.yaml", (recipe / "run.sh").read_text())
    assert experiment == f"egs/mini/voc1/exp/train_{train_config}"
    prompts = (recipe / "local/prompts.txt").read_text().splitlines()
    assert recording == f"egs/mini/voc1/downloads/mini-1.0/wavs/MN001-{len(prompts):04}.wav"  # the last: evaluated


@PAGES
def test_only_what_is_listed_is_not_run(page):
    assert [block.commands[-1] for block in blocks(page, "bash") if block.excuse] == NOT_RUN[page]


def recipe_commands():
    """Every ./run.sh of a block that is not run, with the block's variables put in."""
    for block in (block for page in (README, RECIPES) for block in blocks(page, "bash") if block.excuse):
        variables = dict(re.findall(r'^(\w+)="(.*)"$', block.text, re.M))
        for command in block.commands:
            if command.startswith("./run.sh"):
                yield re.sub(r"\$\{(\w+)\}", lambda match, known=variables: known[match[1]], command)


@pytest.mark.parametrize("command", list(recipe_commands()))
def test_recipes_take_the_options_of_what_is_not_run(command):
    said = run(f"{command} --help", ROOT / "egs/ljspeech/voc1")
    for name, value in re.findall(r'--(\w+) ((?!")\S+)', command.split('"')[0]):
        assert re.search(rf"--{name} +{re.escape(value)} ", said)
        assert not value.startswith("conf/") or (ROOT / TEMPLATE / value).is_file()


def test_recipe_commands_are_found():
    commands = list(recipe_commands())
    assert len(commands) >= 8 and sum("--train_config conf/wavegrad_small.yaml" in command for command in commands) == 5


@pytest.mark.parametrize("target", ["demo", "test", "env"])
def test_make_has_the_targets(target):
    assert subprocess.run(["make", "-n", "-C", ROOT / "tools", target], capture_output=True).returncode == 0


@PAGES
def test_options_exist(page):
    """Every --name in the text is an option of voc.sh, of data_prep.sh, of the job runner or of a verb."""
    known = {name for path in ROOT.glob("egs/*/voc1/**/*.sh") for name in declared(path)}
    known |= {name for path in PROGRAMS for name in signature(import_program(path).main).parameters}
    known |= {"gpu", "append", "logdir", "help"}  # utils/run.py, tensorboard
    for word in re.findall(r"(?<![\w-])--([a-z][\w.-]*)", TEXTS[page].replace("<!--", "")):
        assert word.replace("-", "_") in known or exists_in_a_configuration(word), word


def declared(script):
    """The options of a shell script."""
    block = re.search(r"^# begin options$(.*?)^# end options$", script.read_text(), re.M | re.S)
    return re.findall(r"^(\w+)=", block[1], re.M) if block else []


def exists_in_a_configuration(key):
    section, _, name = key.partition(".")
    settings, synthesize = import_module("vocoders.training.settings"), DiffusionVocoder.synthesize
    classes = {"train": [settings.TrainSettings], "optimizer": [settings.OptimizerSettings], "decode": [synthesize]}
    classes["model"] = [MODELS[model] for model in MODELS.names()]
    return any(name in signature(known).parameters for known in classes.get(section, []))


PROGRAMS = [path for path in (ROOT / "vocoders/cli").rglob("*.py") if path.stem != "__init__"]


def import_program(path):
    return import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


@PAGES
def test_verbs_exist(page):
    used = re.findall(r"(?:`|^)vocoders ([a-z][a-z-]+)", TEXTS[page], re.M)
    assert set(used) - {"is"} <= set(cli._summaries())  # `vocoders is not installed`


@PAGES
def test_links_lead_somewhere(page):
    text = re.sub(r"<!-- demo results: begin -->.*<!-- demo results: end -->", "", TEXTS[page], flags=re.S)
    links = re.findall(r"\]\(([^)#:]+)(#[^)]+)?\)", text)
    assert links
    for path, anchor in links:
        target = page.parent / path
        assert target.exists(), path
        assert not anchor or anchor[1:] in headings(target.resolve()), anchor


def headings(page):
    titles = re.findall(r"^#+ (.+)$", TEXTS[page], re.M)
    return [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


@PAGES
def test_paths_exist(page):
    """What is in backquotes and begins with a folder of the repository, or of a recipe."""
    folders = r"(?:egs|utils|tools|vocoders|tests|local|conf|TEMPLATE|mini|ljspeech)/"
    for word in filter(re.compile(rf"{folders}\S*$").match, words(prose(page))):
        makes = {"tools/venv", "local/mel_8k.yaml"}
        roots = (ROOT, ROOT / "egs", ROOT / "egs/ljspeech/voc1", ROOT / TEMPLATE / "new")
        assert word in makes or any((root / word).exists() for root in roots), word


def test_every_configuration_is_in_the_table():
    named = [name for row in rows(README, "| file | what |") for name in words(row[0])]
    assert sorted(named) == sorted(path.name for path in (ROOT / TEMPLATE / "conf").iterdir())


def test_every_score_is_in_the_table_with_its_direction():
    told = {row[0]: row[1] for row in rows(README, "| score | better | what it is |")}
    scores = [score for name in METRICS.names() for score in METRICS[name].scores.values()]
    expected = {score.label: {"higher": "↑", "lower": "↓"}[score.better] for score in scores}
    assert told == {**expected, "RTF": "↓"}


@pytest.mark.parametrize(
    ("page", "header"),
    [(README, "| stage | program | reads | writes |"), (RECIPES, "| stage | leaves | run again |")],
    ids=["README", "egs"],
)
def test_the_stages_are_those_of_the_stage_script(page, header):
    script = (ROOT / TEMPLATE / "voc.sh").read_text()
    table = rows(page, header)
    assert [row[0].split(",")[0] for row in table] == re.findall(r"begin_stage (\d)", script)
    programs = [word for row in table for word in words(row[1])] if page == README else []
    for program in programs:
        assert program in script.replace("extract=(", ""), program


def test_every_recipe_of_the_table_is_there():
    named = [re.match(r"\[(.+?)\]", row[0])[1] for row in rows(RECIPES, "| recipe | corpus | default configuration |")]
    there = {str(path.parent.relative_to(ROOT / "egs")) for path in ROOT.glob("egs/*/*/run.sh")}
    assert set(named) <= {*there, "TEMPLATE"}  # the other way round is in tests/egs


def test_troubles_are_quoted_as_they_are_printed():
    folders = ("vocoders", "utils", "egs/TEMPLATE", "tools/installers")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sh")]
    sources = "\n".join(path.read_text() for path in files)
    for row in rows(README, "| message | what to do |"):
        for piece in [piece for word in words(row[0]) for piece in word.split("…")]:
            assert piece.strip() in sources, piece


def test_the_demo_table_is_of_a_real_run():
    text = re.search(r"<!-- demo results: begin -->(.*)<!-- demo results: end -->", TEXTS[README], re.S)[1]
    (picture,) = re.findall(r"!\[.+?\]\((.+?)\)", text)
    assert (ROOT / picture).is_file(), picture
    for system in ("recording", "Griffin-Lim", "WORLD", "DiffWave"):
        assert re.search(rf"^\| {system}.*\d\.\d", text, re.M), system
    assert "(filled" not in TEXTS[README]


def test_the_options_of_decoding_are_those_of_synthesis():
    table = {
        words(row[0])[0]: (row[1], words(row[2])) for row in rows(RECIPES, "| option | of | default | what it is |")
    }
    known = {"any": {"denoise": None}, "diffusion": {"schedule_name": None}}
    for name in MODELS.names():
        kind = "diffusion" if issubclass(MODELS[name], DiffusionVocoder) else MODELS[name].__name__
        options = signature(MODELS[name].synthesize).parameters
        known.setdefault(kind, {}).update({key: options[key].default for key in [*options][2:] if key != "generator"})
    assert {key: kind for key, (kind, _default) in table.items()} == {
        key: kind for kind in known for key in known[kind]
    }
    assert table["sampler"][1] == [known["diffusion"]["sampler"]]
