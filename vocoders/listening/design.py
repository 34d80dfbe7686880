"""Which samples stand on which screen.

A screen is a mapping of plain values: ``utterance``, ``training`` and ``check`` (both booleans), ``reference`` (a
system or None) and ``items``, the systems to rate.  What a sample is, is said by its system: a name, REFERENCE, an
anchor, or a system followed by NOISY.
"""

from itertools import combinations
from typing import NamedTuple

from vocoders.errors import InputError
from vocoders.listening.order import shuffled

REFERENCE = "reference"
NOISY = " with noise"
TRAINING = {"mushra": 1, "ab": 1, "mos": 2}  # screens


class Scale(NamedTuple):
    """What a rating may be: from ``low`` to ``high`` in such steps, and the names of its regions."""

    low: float
    high: float
    step: float
    names: tuple

    def holds(self, value):
        known = isinstance(value, int | float) and not isinstance(value, bool)
        return known and self.low <= value <= self.high and (value - self.low) % self.step == 0


QUALITY = ("Bad", "Poor", "Fair", "Good", "Excellent")


def scale(mode, half_steps=False):
    """ITU-R BS.1534 (mushra), ITU-T P.800 ACR (mos); in ab, 1 for the preferred sample, 0 for the other, or both .5."""
    if mode == "mushra":
        return Scale(0, 100, 1, QUALITY)
    return Scale(1, 5, 0.5 if half_steps else 1, QUALITY) if mode == "mos" else Scale(0, 1, 0.5, ())


def anchor_name(kilohertz):
    return f"anchor {kilohertz:g} kHz"


def screens(mode, systems, utterances, *, seed, training=None, anchors=(), pairs=None, checks=0):
    """All screens of a test; ``training`` is the utterance of the screens that do not count.

    ``pairs`` are pairs of systems, all by default; ``checks`` is how many ab screens compare a wave with the same wave
    in noise.  Of each pair, half of the utterances have one system first, half the other (within one).
    """
    made = _of_mode(mode, systems, utterances, seed, anchors, pairs or [*combinations(systems, 2)])
    if mode == "ab":
        made += _checks(systems, utterances, seed, checks)
    if training:
        easy = _of_mode(mode, systems, [training], seed, anchors, pairs or [*combinations(systems, 2)])
        easy = shuffled(easy, seed, "", "training")[: TRAINING[mode]]
        made = [{**screen, "training": True} for screen in easy] + made
    return made


def _of_mode(mode, systems, utterances, seed, anchors, pairs):
    if mode == "mushra":
        items = [REFERENCE, *systems, *map(anchor_name, anchors)]
        return [_screen(utterance, items, reference=REFERENCE) for utterance in utterances]
    if mode == "mos":
        return [_screen(utterance, [system]) for utterance in utterances for system in systems]
    return [
        _screen(utterance, pair[::-1] if reverse else pair)
        for pair in pairs
        for utterance, reverse in zip(utterances, _balanced(len(utterances), seed, " ".join(pair)))
    ]


def _checks(systems, utterances, seed, checks):
    """Screens with the same wave twice, once in noise; utterances and systems by lot."""
    places = shuffled([(utterance, system) for utterance in utterances for system in systems], seed, "", "checks")
    if not 0 <= checks <= len(places):
        raise InputError(f"--checks: expected 0 to {len(places)}, one for each wave, found {checks}")
    chosen = zip(places[:checks], _balanced(checks, seed, "reversed checks"))
    pairs = [(utt, [system, system + NOISY][:: -1 if reverse else 1]) for (utt, system), reverse in chosen]
    return [_screen(utterance, items, check=True) for utterance, items in pairs]


def _balanced(number, seed, purpose):
    """As many True as False, or one more of either, in random order."""
    first = shuffled([True, False], seed, "", f"first of {purpose}")
    return shuffled([first[place % 2] for place in range(number)], seed, "", purpose)


def _screen(utterance, items, *, reference=None, check=False):
    return {"utterance": utterance, "training": False, "check": check, "reference": reference, "items": list(items)}
