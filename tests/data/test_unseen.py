"""Sets of seen and unseen speakers: what holds for any corpus."""

from itertools import combinations

import pytest

from vocoders.data.directory import Utterance
from vocoders.data.unseen import Sizes, Speaker, choose_speakers, sentence, split_unseen
from vocoders.errors import InputError

INFO = {
    "a": Speaker("F", "Welsh"),
    "b": Speaker("M", "Welsh"),
    "c": Speaker("F", "Irish"),
    "d": Speaker("M", "Irish"),
    "e": Speaker("M", "Irish"),
    "f": Speaker("M", "Welsh"),
    "g": Speaker("F", "Irish"),
}


def corpus(*, shared=2, own=6):
    """Of each speaker `own` sentences that nobody else reads, and `shared` ones in between that all read."""
    return [
        Utterance(
            f"{who}{number:02}",
            "x.wav",
            f"All: {number}." if own // 2 <= number < own // 2 + shared else f"{who} {number}",
            who,
        )
        for who in INFO
        for number in range(own + shared)
    ]


def test_speakers_are_a_woman_and_a_man_of_each_accent_in_turn_and_some_come_last():
    assert choose_speakers(INFO, INFO, 4) == ["c", "d", "a", "b"]  # Irish has more
    assert choose_speakers(INFO, INFO, 7, last=["c"]) == ["g", "d", "a", "b", "e", "f", "c"]
    assert choose_speakers(["e", "f", "g"], INFO, 2, like=["b", "d"]) == ["f", "e"]
    assert choose_speakers("zyx", {}, 2) == ["x", "y"]  # of whom nothing is known


@pytest.mark.parametrize("shared_sentences", [True, False])
def test_nobody_and_nothing_that_is_evaluated_was_trained_on(shared_sentences):
    sets = split_unseen(corpus(), INFO, Sizes(2, 3, 4), shared_sentences=shared_sentences)
    who = {name: {one.speaker for one in chosen} for name, chosen in sets.items()}
    said = {name: set(map(sentence, chosen)) for name, chosen in sets.items()}
    assert who["eval_unseen"] == {"c", "d"} and not who["eval_unseen"] & who["train"]
    assert who["eval_seen"] | who["dev"] <= who["train"] == set("abefg")
    assert [len(sets[name]) for name in ("eval_unseen", "eval_seen", "dev")] == [8, 8, 6]
    for one, other in combinations(sets, 2):
        assert not set(sets[one]) & set(sets[other])
    evaluated = said["eval_unseen"] | said["eval_seen"] | said["dev"]
    assert bool(said["train"] & evaluated) == shared_sentences


def test_what_cannot_be_split_ends_in_advice():
    with pytest.raises(
        InputError, match=r"2 speaker\(s\) of eval_unseen .* 9 utterances.*c \(8\), d \(8\).*, or pray$"
    ):
        split_unseen(corpus(), INFO, Sizes(2, 3, 9), advice=", or pray")
