"""What listeners sent back, checked against the key: every rating there once, on its scale, in the listener's order."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vocoders.errors import InputError
from vocoders.listening import build, design
from vocoders.listening.order import presentation

KIND = "result of a listening test"
SUMMARY = "summary of a listening test"  # what collecting leaves


class Answers(NamedTuple):
    """One listener's; ``ratings`` maps screen ids to {sample name: rating}."""

    listener: str
    path: Path
    ratings: dict


def read_key(path):
    """The key that building the test left.  Raises InputError when the file is something else."""
    key = _object(path)
    if key.get("kind") != build.KIND:
        raise InputError(f"{path}: is not the key of a listening test; give the key.json that stayed beside send/")
    return key


def sort_files(paths):
    """({kind: paths}) of JSON files: results, keys, former summaries; anything else is refused."""
    kinds = {KIND: [], build.KIND: [], SUMMARY: []}
    for path in paths:
        kind = _object(path).get("kind")
        if kind not in kinds:
            raise InputError(f"{path}: is not a result of a listening test; give the files that listeners downloaded")
        kinds[kind].append(path)
    return kinds


def read_all(paths, key):
    """The answers of all listeners, by name.  Raises InputError when two files are of one listener."""
    found = {}
    for path in paths:
        answers = read_answers(path, key)
        if answers.listener in found:
            other = found[answers.listener]
            same = "hold the same ratings" if other.ratings == answers.ratings else "hold different ratings"
            raise InputError(
                f"{other.path} and {path}: both are of listener {answers.listener!r} and {same}; keep one of them"
            )
        found[answers.listener] = answers
    return [found[listener] for listener in sorted(found)]


def read_answers(path, key):
    """One file.  Raises InputError when it is damaged, of another test, incomplete or changed."""
    found = _object(path)
    if found.get("kind") != KIND:
        raise InputError(f"{path}: is not a result of a listening test; give the files that listeners downloaded")
    if found.get("test") != key["test"]:
        raise InputError(f"{path}: is of test {found.get('test')!r}, but the key is of {key['test']!r}")
    listener, mode = found.get("listener"), key["settings"]["mode"]
    expected = presentation(key["order_seed"], listener, mode, key["screens"])
    try:
        order = [(screen["id"], screen["order"]) for screen in found["screens"]]
        ratings = {screen["id"]: screen["ratings"] for screen in found["screens"]}
    except (KeyError, TypeError):
        raise InputError(f"{path}: a screen lacks its id, order or ratings; ask for the file again") from None
    absent = [screen for screen, _items in expected if screen not in ratings]
    if absent:
        raise InputError(f"{path}: {len(absent)} of {len(expected)} screens are absent; ask for the whole file")
    if order != expected:
        raise InputError(f"{path}: its order is not that of listener {listener!r}; has the file been changed?")
    scale = design.scale(mode, key["settings"]["half_steps"])
    for screen, items in expected:
        _check_ratings(ratings[screen], items, scale, f"{path}: screen {screen}", both=mode == "ab")
    return Answers(listener, Path(path), ratings)


def values(answers, key, system):
    """Its ratings [listeners, utterances], of the screens that count."""
    places = [
        (screen["id"], name) for screen in counted(key) for name, other in screen["items"].items() if other == system
    ]
    return np.array([[each.ratings[screen][name] for screen, name in places] for each in answers], dtype=np.float64)


def counted(key):
    """The screens without training, by utterance, so that columns of different systems belong together."""
    return sorted((screen for screen in key["screens"] if not screen["training"]), key=lambda each: each["utterance"])


def _check_ratings(ratings, items, scale, where, *, both):
    if not isinstance(ratings, dict) or sorted(ratings) != sorted(items):
        raise InputError(f"{where}: the ratings are not of its samples; ask for the file again")
    for name, value in ratings.items():
        if not scale.holds(value):
            expected = f"{scale.low} to {scale.high} in steps of {scale.step}"
            raise InputError(f"{where}: {name} is rated {value!r}; expected {expected}")
    if both and sum(ratings.values()) != 1:
        raise InputError(f"{where}: prefers both or neither; ask for the file again")


def _object(path):
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not read_json: what it advises is not ours to do
        raise InputError(f"{path}: is not JSON ({error}); ask for the file again") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: is not a result of a listening test; give the files that listeners downloaded")
    return found
