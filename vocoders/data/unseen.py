"""Which speakers and utterances train, choose the checkpoint (dev), and are evaluated, seen and unseen."""

import re
from itertools import chain, zip_longest
from operator import attrgetter
from typing import NamedTuple

from vocoders.data.directory import Utterance, some
from vocoders.errors import InputError


class Speaker(NamedTuple):
    gender: str | None  # F or M
    accent: str


UNKNOWN = Speaker(None, "Unknown")


class Sizes(NamedTuple):
    speakers: int  # of eval_unseen, and as many others of eval_seen, and again of dev
    dev: int  # utterances of each speaker
    eval: int


def split_unseen(
    utterances: list[Utterance], info: dict[str, Speaker], sizes: Sizes, *, shared_sentences=False, last=(), advice=""
) -> dict[str, list[Utterance]]:
    """Set (eval_unseen, eval_seen, dev, train) -> its utterances.

    The speakers of eval_seen and dev are of the same accents and genders as those of eval_unseen, and train too.  Of
    each, these three sets have the last utterances in the order of their ids.  dev has no sentence of the eval sets,
    and train none of those three, unless `shared_sentences`.  The speakers `last` are chosen when all others are.

    Raises InputError, with `advice` at its end, where a set, or a seen speaker's part of train, would be empty.
    """
    if min(sizes) < 1:
        raise InputError(f"num_unseen, num_dev and num_eval must be 1 or more, found {', '.join(map(str, sizes))}")
    spoken = {}
    for one in sorted(utterances, key=attrgetter("id")):
        spoken.setdefault(one.speaker, []).append(one)
    unseen = choose_speakers(spoken, info, sizes.speakers, last=last)
    trained = [speaker for speaker in spoken if speaker not in unseen]
    if not trained:
        raise InputError(
            f"{len(spoken)} speaker(s) leave none to train on beside {sizes.speakers} unseen; lower --num_unseen"
        )
    seen = choose_speakers(trained, info, sizes.speakers, like=unseen, last=last)
    others = [speaker for speaker in trained if speaker not in seen]
    dev = choose_speakers(others, info, sizes.speakers, like=unseen, last=last) or seen
    sets = {}
    sets["eval_unseen"] = _last("eval_unseen", spoken, unseen, sizes.eval, kept=0, advice=advice)
    sets["eval_seen"] = _last("eval_seen", spoken, seen, sizes.eval, advice=advice)
    rest = _without(spoken, sets, sentences=not shared_sentences)
    sets["dev"] = _last("dev", rest, dev, sizes.dev, advice=advice)
    rest = _without(spoken, sets, sentences=not shared_sentences)
    sets["train"] = [one for speaker in trained for one in rest[speaker]]
    if lost := [speaker for speaker in seen if not rest[speaker]]:
        raise InputError(
            f"no utterance of {some(lost)}, to be seen in training, has a sentence that is in no other set; "
            "train on sentences of other sets, read by other speakers, with --shared_sentences true"
        )
    return sets


def _without(spoken, sets, *, sentences):
    """What the sets leave of each speaker; with ``sentences``, no sentence of theirs either."""
    taken = set(chain(*sets.values()))
    words = {sentence(one) for one in taken if sentences} - {None}
    return {
        speaker: [one for one in utterances if one not in taken and sentence(one) not in words]
        for speaker, utterances in spoken.items()
    }


def sentence(utterance: Utterance) -> str | None:
    """What tells whether two utterances have the same words."""
    return re.sub(r"[^a-z0-9]+", " ", utterance.text.lower()).strip() if utterance.text else None


def _last(name, spoken, speakers, count, *, kept=1, advice):
    """The last `count` utterances of each speaker, with `kept` before them for training."""
    needed = count + kept
    short = [f"{speaker} ({len(spoken[speaker])})" for speaker in speakers if len(spoken[speaker]) < needed]
    if short:
        raise InputError(
            f"{len(short)} speaker(s) of {name} have fewer than the {needed} utterances that are needed, {count} to "
            f"evaluate and {kept} to train on: {some(short)}; lower --num_unseen, --num_dev or --num_eval{advice}"
        )
    return [one for speaker in speakers for one in spoken[speaker][-count:]]


def choose_speakers(speakers, info: dict[str, Speaker], count: int, *, like=(), last=()) -> list[str]:
    """`count` of them, `last` at the end: for each of `like` one of its kind, if there is one, then by `_ranking`."""
    left = sorted(set(speakers) - set(last))
    chosen = []
    for kind in (info.get(speaker, UNKNOWN) for speaker in like):
        alike = [speaker for speaker in left if info.get(speaker, UNKNOWN) == kind and speaker not in chosen]
        chosen += alike[:1]
    return [*chosen, *(speaker for speaker in _ranking(speakers, info, last) if speaker not in chosen)][:count]


def _ranking(speakers, info, last):
    """A woman and a man of each accent in turn, the accent with most speakers first, the first ids first.

    Then those that are left without the other, or whose accent or gender is unknown; at the very end `last`.
    """
    accents = {}
    for speaker in sorted(set(speakers) - set(last)):
        gender, accent = info.get(speaker, UNKNOWN)
        accents.setdefault(accent, {}).setdefault(gender, []).append(speaker)
    largest = sorted(accents, key=lambda accent: (-sum(map(len, accents[accent].values())), accent))
    pairs = [list(zip(accents[accent].get("F", []), accents[accent].get("M", []))) for accent in largest]
    paired = [speaker for turn in zip_longest(*pairs) for pair in turn if pair for speaker in pair]
    return [*paired, *sorted(set(speakers) - set(paired), key=lambda speaker: (speaker in last, speaker))]
