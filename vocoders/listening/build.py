"""Decoded folders in, a blind listening test out.

OUT/send/index.html       the page, for listeners; it needs the folder beside it and no network
OUT/send/audio/<name>.js  a sample each: the base64 text of a WAV in a call, since pages on a disk may load scripts only
OUT/key.json              what each name is; stays here

All that is random, the names too, comes by SHA-256 from the seed and the settings, which the key has.  Digests of the
waves are among the settings: a listener who tries small seeds cannot tell the names.
"""

import base64
import hashlib
import json
import logging
import secrets
from collections import Counter
from pathlib import Path

import numpy as np

from vocoders import provenance
from vocoders.data.directory import some
from vocoders.errors import InputError
from vocoders.io.files import read_json, remove_partials, sha256, write_json, write_text
from vocoders.io.tables import read_table
from vocoders.listening import design
from vocoders.listening.page import write_page
from vocoders.listening.stimuli import encoded, low_passed, match_levels, noisy, read_utterance
from vocoders.log import progress

KIND = "key of a listening test"
UTTERANCES, ANCHORS, CHECKS = 8, (3.5,), 2
OPTIONS = {"anchors": "mushra", "pairs": "ab", "checks": "ab", "half_steps": "mos"}  # what has a meaning in one mode
log = logging.getLogger(__name__)


def build(
    output,
    directories,
    *,
    mode="mushra",
    reference=None,
    utterances=None,
    seed=None,
    anchors=None,
    pairs=None,
    checks=None,
    training=True,
    half_steps=False,
    loudness=-23.0,
    sample_rate=None,
    title="Listening test",
    intro=None,
):
    """Writes the test and returns its key; the same call again leaves the same files.

    ``directories`` hold a wav.scp each, and may be given as NAME=DIRECTORY; ``reference`` is one more, or a table.
    ``anchors`` (kHz, by default 3.5) are for mushra; ``pairs`` (of numbers, the first directory being 1) and ``checks``
    (by default 2) for ab; ``half_steps`` for mos.  ``seed`` is drawn if it is not given.  ``intro`` is what the page
    says before its first screen, in paragraphs.  Raises InputError, before anything is written, when there is nothing
    to compare, an option is of another mode, an utterance is not there in all, or the waves do not fit each other.
    """
    output = Path(output)
    _refuse_foreign(mode, anchors=anchors, pairs=pairs, checks=checks, half_steps=half_steps or None)
    tables = _tables(directories, reference, mode)
    systems = [system for system in tables if system != design.REFERENCE]
    chosen, spare = _choose(tables, utterances, training)
    settings = {
        "mode": mode,
        "systems": {system: str(_scp(place).parent) for system, place in _named(directories).items()},
        "reference": reference,
        "utterances": chosen,
        "training": spare,
        "anchors": list(ANCHORS if anchors is None else anchors) if mode == "mushra" else [],
        "pairs": _pairs(pairs, systems),
        "checks": (CHECKS if checks is None else checks) if mode == "ab" else 0,
        "half_steps": half_steps,
        "loudness": loudness,
        "sample_rate": sample_rate,
        "waves": {system: _digest(table, [*chosen, spare] if spare else chosen) for system, table in tables.items()},
    }
    seed = _seed(output, settings, seed)
    secret = _secret(seed, settings)
    how = {key: settings[key] for key in ("training", "anchors", "pairs", "checks")}
    screens = [_with_names(screen, secret) for screen in design.screens(mode, systems, chosen, seed=secret, **how)]
    waves, reached, rate = _waves(screens, tables, settings)
    about = {"seed": seed, "settings": settings, "loudness": reached, "sample_rate": rate}
    key = _key(screens, secret, about)
    _write(output, key, waves, secret, title=title, intro=intro)
    return key


def _key(screens, secret, about):
    return {
        "kind": KIND,
        "test": _digits(secret, "test"),
        "order_seed": _digits(secret, "order"),
        **about,
        "provenance": provenance.collect(),
        "screens": sorted(screens, key=lambda screen: screen["id"]),  # by what tells nothing
    }


def _refuse_foreign(mode, **given):
    """What is given but not of this mode would be left out without a word."""
    for option, value in given.items():
        if value is not None and OPTIONS[option] != mode:
            raise InputError(f"--{option} belongs to --mode {OPTIONS[option]}; with --mode {mode}, leave it out")


def _write(output, key, waves, secret, *, title, intro):
    """The page last: with it, the test is complete."""
    send = output / "send"
    (send / "index.html").unlink(missing_ok=True)
    write_json(output / "key.json", key)
    names = {
        name: (screen["utterance"], system) for screen in key["screens"] for name, system in _samples(screen).items()
    }
    audio = send / "audio"
    for path in audio.glob("*.js"):
        if path.stem not in names:  # of a build that was stopped
            path.unlink()
    remove_partials(audio)
    for name in progress(sorted(names), unit="sample", desc=f"write {send}"):  # so that times of files tell nothing
        random = np.random.default_rng(int(_digits(secret, f"dither {name}"), 16))
        text = base64.b64encode(encoded(waves[names[name]], key["sample_rate"], random)).decode()
        write_text(audio / f"{name}.js", f'receive("{name}", "{text}");\n')
    write_page(send / "index.html", key, title=title, intro=intro)


def _samples(screen):
    """Name -> system, of all that can be heard on a screen."""
    return {**({screen["reference"]: design.REFERENCE} if screen["reference"] else {}), **screen["items"]}


def _with_names(screen, secret):
    """The screen with names that tell nothing: an id, and ``items`` by name; in order of their names for MUSHRA, where
    the design has the reference first."""
    place = json.dumps(screen)
    named = {_digits(secret, f"{place} item {system}"): system for system in screen["items"]}
    if screen["reference"]:
        named = dict(sorted(named.items()))
    reference = _digits(secret, f"{place} reference") if screen["reference"] else None
    return {**screen, "id": _digits(secret, place), "reference": reference, "items": named}


def _waves(screens, tables, settings):
    """((utterance, system) -> wave, loudness reached, sampling rate) of all that the screens have."""
    waves, rates = {}, {}
    for utterance in dict.fromkeys(screen["utterance"] for screen in screens):
        read, rates[utterance] = read_utterance(tables, utterance, sample_rate=settings["sample_rate"])
        waves.update({(utterance, system): wave for system, wave in read.items()})
        for kilohertz in settings["anchors"]:
            anchor = low_passed(read[design.REFERENCE], rates[utterance], kilohertz)
            waves[utterance, design.anchor_name(kilohertz)] = anchor
    if len(set(rates.values())) > 1:
        found = some([f"{utterance} {rate} Hz" for utterance, rate in rates.items()])
        raise InputError(f"the utterances have several sampling rates ({found}); bring all to one with --sample_rate")
    for number, screen in enumerate(screen for screen in screens if screen["check"]):
        for system in screen["items"].values():
            if system.endswith(design.NOISY):
                clean = waves[screen["utterance"], system.removesuffix(design.NOISY)]
                waves[screen["utterance"], system] = noisy(clean, np.random.default_rng(number))
    rate = next(iter(rates.values()))
    return *_matched(waves, rate, settings["loudness"]), rate


def _matched(waves, rate, loudness):
    if not -60 <= loudness <= 0:
        raise InputError(f"--loudness: expected LUFS from -60 to 0, found {loudness:g}")
    return match_levels(waves, rate, loudness)


def _tables(directories, reference, mode):
    """System -> wav.scp table, the reference among them."""
    places = _named(directories)
    least = 2 if mode == "ab" else 1
    if len(places) < least:
        raise InputError(f"--mode {mode}: expected {least} or more folders to listen to, found {len(places)}")
    if mode == "mushra":
        if not reference:
            raise InputError("--mode mushra: needs --reference, a data directory or wav.scp of the recordings")
        same = [system for system, place in places.items() if _scp(place).resolve() == _scp(reference).resolve()]
        if same:
            raise InputError(f"{places[same[0]]}: is the reference, which stands hidden on every screen; leave it out")
        places = {design.REFERENCE: reference, **places}
    elif reference:
        raise InputError(f"--reference: only mushra has one; to hear the recordings in {mode}, name their directory")
    return {system: read_table(_scp(place)) for system, place in places.items()}


def _named(directories):
    """System -> directory: by the name given, else that in its system.json, else by its path."""
    named = [_name(place) for place in directories]
    twice = Counter(name for name, _place in named)
    named = [(f"{name} [{place}]" if twice[name] > 1 else name, place) for name, place in named]
    places = dict(named)
    if len(places) < len(named):
        raise InputError(f"{Counter(place for _name, place in named).most_common(1)[0][0]}: is given twice")
    for name in places:
        if name == design.REFERENCE or name.startswith("anchor ") or name.endswith(design.NOISY):
            raise InputError(f"{name}={places[name]}: that name has a meaning of its own here; choose another")
    return places


def _name(place):
    name, equals, directory = place.partition("=")
    if equals and not Path(place).exists():
        return name, directory
    about = _scp(place).parent / "system.json"
    label = read_json(about).get("system") if about.exists() else None
    return label or place.rstrip("/"), place


def _scp(place):
    place = Path(place)
    return place / "wav.scp" if place.is_dir() else place


def _choose(tables, number, training):
    """(utterances of the test, that of the training screens or None): evenly spread over what all systems have."""
    common = sorted(set.intersection(*map(set, tables.values())))
    if not common:
        raise InputError(f"no utterance is in all of {some([*tables], limit=9)}; were they decoded from one set?")
    for system, table in tables.items():
        if len(table) > len(common):
            log.info("%s: %d of its %d utterances are in all systems", system, len(common), len(table))
    if number is not None and not 1 <= number <= len(common):
        raise InputError(f"--utterances: expected 1 to {len(common)}, what all systems have; found {number}")
    number = min(number or UTTERANCES, len(common))
    wanted = number + bool(training and number < len(common))
    spread = [common[place * len(common) // wanted] for place in range(wanted)]
    if not training:
        return spread, None
    if wanted == number:
        log.info("no utterance is left for training; it has %s, of the test", spread[0])
        return spread, spread[0]
    return spread[1:], spread[0]


def _pairs(pairs, systems):
    """Pairs of systems from pairs of numbers; None for all."""
    for pair in pairs or ():
        if len(set(pair)) != 2 or not all(1 <= number <= len(systems) for number in pair):
            raise InputError(f"--pairs: expected two different numbers from 1 to {len(systems)}, found {pair}")
    if pairs and len({frozenset(pair) for pair in pairs}) < len(pairs):
        raise InputError("--pairs: one pair is given twice")
    return [[systems[number - 1] for number in pair] for pair in pairs] if pairs else None


def _seed(output, settings, seed):
    """The one asked for, that of the same test begun before, or a new one."""
    path = output / "key.json"
    if path.exists():
        old = read_json(path)
        same = _plain(old.get("settings")) == _plain(settings) and seed in (None, old["seed"])
        if not same or old["test"] != _digits(_secret(old["seed"], settings), "test"):
            raise InputError(f"{output}: holds another listening test; name another directory, or remove that one")
        return old["seed"]
    if output.exists() and any(output.iterdir()):
        raise InputError(f"{output}: is not empty; name another directory")
    return secrets.randbits(48) if seed is None else seed


def _plain(settings):
    """As text, since the order of systems counts: pairs, and with them names, depend on it."""
    return json.dumps(settings)


def _secret(seed, settings):
    """Of names and waves, not of where they lie: the same test can be made again elsewhere."""
    known = {**settings, "systems": [*settings["systems"]], "reference": bool(settings["reference"])}
    return hashlib.sha256(f"{seed}/{_plain(known)}".encode()).hexdigest()


def _digest(table, utterances):
    """Of the audio itself; of pipes, of what they are."""
    lines = [_content(table[utterance]) for utterance in sorted(set(utterances))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _content(source):
    return sha256(source) if Path(source).is_file() else source


def _digits(secret, what):
    return hashlib.sha256(f"{secret}/{what}".encode()).hexdigest()[:12]
