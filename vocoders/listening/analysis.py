"""Means, differences and preferences of a listening test, each with its interval and n."""

from itertools import combinations

import numpy as np
from scipy import stats

from vocoders.errors import InputError
from vocoders.listening import answers as read
from vocoders.listening import design
from vocoders.scoring.bootstrap import crossed_interval, crossed_p

REFERENCE_LEAST = 90  # ITU-R BS.1534-3: of the hidden reference, and at most for the anchor of 7 kHz
SCREENS_WRONG = 0.15  # more than that share
CHECKS_WRONG = 0.25  # of the ab screens with the same wave in noise
UNLIKE_OTHERS = 0.25  # correlation of ratings with the mean of the others'
INTERVAL = (
    "95 %, for other listeners and other utterances: both random, crossed (Satterthwaite); cut at the ends of the scale"
)


def analyse(answers, key):
    """The JSON value of a collected test.  Raises InputError when there are no answers, or screening leaves none."""
    if not answers:
        raise InputError("no results; give the JSON files that listeners downloaded")
    settings = key["settings"]
    excluded = {each.listener: why for each in answers if (why := SCREENING[settings["mode"]](each, key))}
    left = [each for each in answers if each.listener not in excluded]
    if not left:
        named = "; ".join(f"{listener}: {why}" for listener, why in excluded.items())
        raise InputError(f"screening excludes all {len(answers)} listeners ({named})")
    compare = _preferences if settings["mode"] == "ab" else _ratings
    return {
        "kind": read.SUMMARY,
        "test": key["test"],
        "mode": settings["mode"],
        "listeners": [each.listener for each in left],
        "excluded": excluded,
        "outliers": _outliers(left, key) if settings["mode"] == "mos" else {},
        "utterances": len(settings["utterances"]),
        "loudness": key["loudness"],
        "interval": INTERVAL,
        **compare(left, key),
    }


def holm(p_values):
    """p values corrected for their number, in the order given (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return corrected.tolist()


def _ratings(answers, key):
    """Systems by mean, and the paired differences of every two of them."""
    names = dict.fromkeys(system for screen in read.counted(key) for system in screen["items"].values())
    values = {system: read.values(answers, key, system) for system in names}
    ranked = sorted(values, key=lambda system: -values[system].mean())
    low, high = design.scale(key["settings"]["mode"])[:2]
    return {
        "systems": [{"system": system, **_interval(values[system], low, high)} for system in ranked],
        "differences": [
            {"system": better, "minus": worse, **_interval(values[better] - values[worse], low - high, high - low)}
            for better, worse in combinations(ranked, 2)
        ],
    }


def _preferences(answers, key):
    """For each pair the votes, the share of the first (no preference is half a vote), and p of a share of one half,
    also corrected by Holm for the number of pairs."""
    pairs = {}
    for screen in read.counted(key):
        if not screen["check"]:
            pairs.setdefault(tuple(sorted(screen["items"].values())), []).append(screen)
    rows = [_preference(pair, screens, answers, key) for pair, screens in pairs.items()]
    for row, p in zip(rows, holm([row["p"] for row in rows])):
        row["p_holm"] = p
    return {"pairs": rows}


def _preference(pair, screens, answers, key):
    first, second = sorted(pair, key=[*key["settings"]["systems"]].index)
    names = {screen["id"]: name for screen in screens for name, system in screen["items"].items() if system == first}
    values = np.array([[each.ratings[screen][name] for screen, name in names.items()] for each in answers], float)
    won, lost = _votes(values)
    return {
        "first": first,
        "second": second,
        "prefer_first": won,
        "prefer_second": lost,
        "no_preference": values.size - won - lost,
        **_share(values),
    }


def _votes(values):
    return int((values == 1).sum()), int((values == 0).sum())


def _share(values):
    """The mean of ``values`` [listeners, utterances], its interval, and p of one half.

    A sign test over all votes would take those of one listener, or on one utterance, for independent: where both have
    leanings of their own it finds a preference, when there is none, several times too often.  So p is that of the
    crossed model.  With one listener, or one utterance, it is the sign test's.  Votes that are all alike have no spread
    to judge by: they count as no more votes than there are listeners, or utterances, if those are fewer.
    """
    figures = _interval(values, 0, 1)
    fewer, alike = min(values.shape), np.ptp(values) == 0
    if fewer > 1 and not alike:
        return {**figures, "p": crossed_p(values, 0.5)}
    won, lost = _votes(values.ravel()[:fewer] if fewer > 1 else values)
    if not won + lost:
        return {**figures, "low": None, "high": None, "p": 1.0}
    test = stats.binomtest(won, won + lost)
    if alike and figures["low"] is not None:
        figures["low"], figures["high"] = map(float, test.proportion_ci())  # Clopper and Pearson 1934
    return {**figures, "p": float(test.pvalue)}


def _interval(values, low, high):
    """Within what the mean can be, ``low`` to ``high``; ``n`` is the number of ratings: listeners times utterances."""
    interval = crossed_interval(values)
    ends = {} if interval.low is None else {"low": max(interval.low, low), "high": min(interval.high, high)}
    return {**interval._asdict(), **ends, "n": values.size}


def _mushra_screening(answers, key):
    """Why a listener is excluded, or None."""
    reference = read.values([answers], key, design.REFERENCE)
    low = int((reference < REFERENCE_LEAST).sum())
    if low > SCREENS_WRONG * reference.size:
        return f"rates the hidden reference below {REFERENCE_LEAST} on {low} of {reference.size} screens"
    if 7.0 in key["settings"]["anchors"]:
        anchor = read.values([answers], key, design.anchor_name(7))
        high = int((anchor > REFERENCE_LEAST).sum())
        if high > SCREENS_WRONG * anchor.size:
            return f"rates the anchor of 7 kHz above {REFERENCE_LEAST} on {high} of {anchor.size} screens"
    return None


def _ab_screening(answers, key):
    checks = [screen for screen in key["screens"] if screen["check"]]
    wrong = sum(
        answers.ratings[screen["id"]][name] > 0
        for screen in checks
        for name, system in screen["items"].items()
        if system.endswith(design.NOISY)
    )
    if wrong > CHECKS_WRONG * len(checks):
        return f"does not hear loud noise on {wrong} of {len(checks)} checks"
    return None


SCREENING = {"mushra": _mushra_screening, "ab": _ab_screening, "mos": lambda answers, key: None}


def _outliers(answers, key):
    """Listener -> what is unusual about ratings that go with those of the others little or not at all; they count."""
    if len(answers) < 3:
        return {}
    systems = key["settings"]["systems"]
    ratings = np.concatenate([read.values(answers, key, system) for system in systems], axis=1)
    found = {}
    for at, each in enumerate(answers):
        others = np.delete(ratings, at, axis=0).mean(0)
        if ratings[at].std() == 0:
            found[each.listener] = f"rates everything {ratings[at][0]:g}"
        elif others.std() > 0 and (correlation := np.corrcoef(ratings[at], others)[0, 1]) < UNLIKE_OTHERS:
            found[each.listener] = f"ratings correlate with the mean of the others' by {correlation:.2f}"
    return found
