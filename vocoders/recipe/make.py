"""From a folder of recordings to a recipe whose data directories are valid.

The recipe is made aside and renamed when all of it is right; before that nothing is there.
"""

import logging
import math
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from vocoders import config
from vocoders.data.corpus import Corpus, fault_of_name, identifier, shown
from vocoders.data.directory import DataDirectory, some
from vocoders.data.measure import Measurement, measure_all
from vocoders.data.report import Examined, data_report, warnings
from vocoders.errors import InputError
from vocoders.io.audio import channels
from vocoders.io.files import write_text
from vocoders.log import progress
from vocoders.recipe.guess import guess_audio, guess_speaker, guess_transcript
from vocoders.recipe.rate import MelChoice, choose_mel

log = logging.getLogger(__name__)

SHOWN = 3  # what cannot be used, in a sentence
TRAIN_CONFIG = "conf/diffwave.yaml"
SHORT_LIMIT = 0.05  # share of a set that training leaves out as shorter than an excerpt; more it refuses
MIN_SEGMENT = 8  # frames; with fewer nothing is learned
STOI_SECONDS = 0.4
NOT_CUT = {".mp3", ".opus"}  # sox, which cuts out a channel, often cannot read these


@dataclass(frozen=True)
class Found:
    """A corpus, and the sentences that say how it was understood."""

    folder: Path
    corpus: Corpus
    measurements: dict[str, Measurement]  # by utterance
    speakers: int
    bad: dict[Path, str]  # why recordings are left out
    sentences: list[str]


def new_recipe(folder, recipe, *, template=None, max_bad: int = 0, nj: int = 4) -> list[str]:
    """Makes the recipe and returns what was found, chosen and made, a sentence each.

    Raises InputError, with nothing made, when the folder or the place of the recipe will not do, or more than `max_bad`
    recordings cannot be used.
    """
    folder, recipe = Path(os.path.abspath(folder)), Path(os.path.abspath(recipe))
    template = _template(recipe, template)
    found = understand(folder, identifier(recipe.parent.name), max_bad, nj)
    mel = choose_mel(list(found.measurements.values()), template / "conf")
    made_parent = not recipe.parent.exists()
    aside = recipe.with_name(f".{recipe.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)  # left by a run that was killed
    aside.mkdir(parents=True)
    try:
        _fill(aside, template, found)
        sets, doubts = _prepare(aside, found)
        options, remarks = _suit_short(sets, mel, template)
        _choose(aside, recipe.parent.name, found, mel, options)
        _run(aside, "./run.sh", "--help")
        aside.rename(recipe)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if made_parent and not recipe.exists():
            recipe.parent.rmdir()
    sizes = ", ".join(f"{name} {len(one.measurements)}" for name, one in sets.items())
    return [*found.sentences, mel.why, *remarks, *doubts, f"sets: {sizes}; every speaker gives a share of each"]


def understand(folder: Path, name: str, max_bad: int, nj: int) -> Found:
    """Guesses, reads every recording, and leaves out what cannot be used."""
    audio, twins, about_audio = guess_audio(folder)
    recordings = [path for path in Corpus(audio=audio, speaker={"name": name}).recordings(folder) if path not in twins]
    bad = {path: why for path in recordings if (why := fault_of_name(path))}
    stereo = [path for path in recordings if channels(path) > 1]
    bad |= {
        path: f"{path}: has several channels; convert it to wav or flac"
        for path in stereo
        if path not in bad and path.suffix.lower() in NOT_CUT
    }
    transcript, about_text = guess_transcript(folder, recordings)
    paths = [path for path in recordings if path not in bad]
    speaker, about_speaker = guess_speaker(folder, paths, transcript, name)
    sentences = [about_audio, about_text, about_speaker]
    stereo = [path for path in stereo if path not in bad]
    if stereo:
        sentences.append(f"channels: {len(stereo)} recording(s) have several, of which the first is taken")
    corpus = Corpus(audio=audio, speaker=speaker, transcript=transcript, channel=1 if stereo else None)
    measurements, unusable = _read_all(folder, corpus, paths, nj)
    with_text, unpaired, faults = corpus.pairs(folder, recordings)
    bad = faults | unusable | bad  # of several reasons the last here is told: it can be printed
    if transcript:
        bad |= {path: f"{path}: no transcript" for path in paths if path not in with_text and path not in bad}
    if len(bad) > max_bad:
        for reason in list(bad.values())[SHOWN:]:
            log.warning("%s", reason)
        raise InputError(
            f"{len(bad)} of {len(recordings)} recording(s) cannot be used: {some(list(bad.values()), between='; ')}; "
            f"mend or remove them, or leave them out with --max-bad {len(bad)}"
        )
    if bad:
        listed = some(list(bad.values()), limit=SHOWN, between="; ")
        sentences.append(f"left out: {listed}" + ("; local/corpus.yaml has all" if len(bad) > SHOWN else ""))
    if unpaired:
        sentences.append(f"transcripts of no recording: {len(unpaired)}: {some(list(map(shown, unpaired)))}")
    bad = twins | bad
    names = tuple(str(path.relative_to(folder)) for path in bad)
    corpus = replace(corpus, leave_out=names, max_unpaired=len(unpaired))
    utterances = corpus.utterances(folder)
    speakers = {utterance.speaker for utterance in utterances}
    corpus = replace(corpus, **set_sizes(len(utterances), len(speakers)))
    measured = {utterance.id: measurements[utterance.audio] for utterance in utterances}
    return Found(folder, corpus, measured, len(speakers), bad, sentences)


def set_sizes(total: int, speakers: int) -> dict[str, int]:
    """How large dev and eval are.

    A twentieth for each, at most 100; of few utterances more, as ten have an interval worth its name; one of each
    speaker where that is not more than a tenth.
    """
    if total < 3:
        raise InputError(f"{total} recording(s) are too few: train, dev and eval need at least one each")
    each = speakers if speakers <= total // 10 else 1
    few = {"num_dev": min(5, total // 10), "num_eval": min(10, total // 5)}
    return {name: max(1, size, each, min(100, total // 20)) for name, size in few.items()}


def _read_all(folder: Path, corpus: Corpus, paths: Sequence[Path], nj: int) -> tuple[dict, dict]:
    """(source -> measurement, recording -> why it cannot be used); of the same samples only the first can."""
    sources = {str(path.relative_to(folder)): corpus.source(path) for path in paths}
    results = progress(measure_all(sources, nj, where=str(folder)), total=len(paths), unit="file", desc="reading")
    measurements, bad, seen = {}, {}, {}
    for path, source, result in zip(paths, sources.values(), results):
        if isinstance(result, str):
            bad[path] = f"{path}: {result.partition(f'{source}: ')[2]}"
        elif first := seen.get(result.digest):
            bad[path] = f"{path}: the same samples as {first}"
        else:
            measurements[source] = result
            seen[result.digest] = path.relative_to(folder)
    return measurements, bad


def _template(recipe: Path, given) -> Path:
    """The one beside the recipe's corpus if there is one: it moves with the repository.  Else the installation's."""
    beside = recipe.parent.parent / "TEMPLATE"
    places = [Path(given)] if given else [beside, Path(__file__).resolve().parents[2] / "egs/TEMPLATE"]
    place = next((place for place in places if place.is_dir()), None)
    if place is None:
        raise InputError(f"no folder {' or '.join(map(str, places))}; name the repository's egs/TEMPLATE by --template")
    if not (place / recipe.name / "new" / "run.sh").is_file():
        tasks = sorted(path.parent.parent.name for path in place.glob("*/new/run.sh"))
        raise InputError(f"{recipe} must end in the name of a task ({', '.join(tasks)}), such as egs/CORPUS/{tasks[0]}")
    if recipe.exists():
        raise InputError(f"{recipe} is already there; choose another name, or move it away")
    return (place / recipe.name).resolve()


def _fill(recipe: Path, template: Path, found: Found) -> None:
    """Links, local/, and what the corpus is."""
    shutil.copytree(template / "new", recipe, dirs_exist_ok=True)
    inside = recipe.resolve().parents[1] == template.parents[1]
    for shared in [*sorted(template.glob("*.sh")), template / "conf", template.parents[2] / "utils"]:
        # relative inside the repository, so that links move with it
        (recipe / shared.name).symlink_to(os.path.relpath(shared, recipe.resolve()) if inside else shared)
    corpus_yaml = recipe / "local/corpus.yaml"
    write_text(corpus_yaml, fill(corpus_yaml.read_text(encoding="utf-8"), found.corpus, found.bad, found.folder))


def _choose(recipe: Path, name: str, found: Found, mel: MelChoice, options: Sequence[str]) -> None:
    """Writes run.sh, and the mel configuration where the corpus has its own."""
    if mel.text:
        write_text(recipe / mel.config, mel.text)
    choices = [
        f"--nj 2 --download_dir {shlex.quote(str(found.folder))}",
        f"--mel_config {mel.config}" + (" --resample true" if mel.resample else "") + f" --train_config {TRAIN_CONFIG}",
        *options,
    ]
    run_sh = recipe / "run.sh"
    text = run_sh.read_text(encoding="utf-8").replace("CORPUS: what it is", f"{name}: {_described(found)}")
    text = text.replace("OPTIONS", " \\\n    ".join(choices))
    run_sh.write_text(text, encoding="utf-8")  # which stays executable


def fill(text: str, corpus: Corpus, bad: dict[Path, str], folder: Path) -> str:
    """The template of ``corpus.yaml`` with the values of `corpus`; its comments stay."""
    lines = []
    for line in text.splitlines():
        key, colon, rest = line.partition(":")
        if not colon or not hasattr(corpus, key):
            lines.append(line)
        elif key == "leave_out" and bad:
            _, mark, comment = rest.partition("#")
            lines.append(f"{key}: {mark}{comment}".rstrip())
            lines += [f"  - {_yaml(str(path.relative_to(folder)))} # {_reason(why)}" for path, why in bad.items()]
        else:
            _, mark, comment = rest.partition(" #")
            value = getattr(corpus, key)
            entry = f"{key}: {_yaml(list(value) if isinstance(value, tuple) else value)}"
            lines.append(f"{entry:<32}{mark}{comment}".rstrip())
    return "\n".join(lines) + "\n"


def _yaml(value) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True).removesuffix("...\n").strip()


def _reason(why: str) -> str:
    return " ".join(why.rpartition(": ")[2].split())


def _described(found: Found) -> str:
    measurements = list(found.measurements.values())
    hours = sum(one.seconds for one in measurements) / 3600
    rates = ", ".join(str(rate) for rate in sorted({one.rate for one in measurements}))
    speakers = found.speakers
    texts = "with transcripts" if found.corpus.transcript else "no transcripts"
    return f"{len(measurements)} recordings of {speakers} speaker(s), {hours:.2f} hours, {rates} Hz, {texts}."


def _prepare(recipe: Path, found: Found) -> tuple[dict[str, Examined], list[str]]:
    """(sets, warnings): runs the recipe's own preparation and checks what it wrote; the audio has been read already."""
    _run(recipe, "local/data_prep.sh", str(found.folder))
    sets = {}
    for name in ("train", "dev", "eval"):
        directory = DataDirectory.load(recipe / "data" / name)
        measured = [replace(found.measurements[utt], utterance=utt) for utt in directory.utterances]
        sets[name] = Examined(directory, measured, [])
    report = data_report(list(sets.values()))
    if not report["valid"]:
        raise InputError(some(report["faults"], between="; "))
    return sets, [line.replace(f"{recipe}/", "") for line in warnings(report)]


def _run(recipe: Path, *command: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=recipe, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise InputError(f"{command[0]} of the new recipe fails: {said}")


def _suit_short(sets: dict[str, Examined], mel: MelChoice, template: Path) -> tuple[list[str], list[str]]:
    """Options without which utterances that are shorter than usual would be refused, and a sentence about each."""
    usual = config.load(template / TRAIN_CONFIG)["train"]["segment_frames"]
    seconds = {name: sorted(each.seconds for each in one.measurements) for name, one in sets.items()}
    longest = min(seconds[name][int(SHORT_LIMIT * len(seconds[name]))] for name in ("train", "dev"))
    fits = math.ceil(longest * mel.spec.sample_rate / mel.spec.hop_size) - 1  # resampling may take a sample
    options, remarks = [], []
    if fits < usual:
        frames = max(MIN_SEGMENT, fits)
        options.append(f'--train_args "--train.segment_frames {frames}"')
        remarks.append(f"excerpts for training: {frames} frames, not {usual}: many recordings are shorter than those")
    too_short = sum(each < STOI_SECONDS for each in seconds["eval"])
    if too_short:
        options.append("--metrics mr_stft,log_mel_mae")
        remarks.append(
            f"scores: mr_stft and log_mel_mae: {too_short} of eval are too short for STOI ({STOI_SECONDS} s)"
        )
    return options, remarks
