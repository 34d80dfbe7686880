"""Make a blind listening test of decoded folders, or put its results together.

The first path is the folder to make: OUT/send/ goes to listeners, who open index.html in any browser and send back the
file that it offers at the end; OUT/key.json says which sample is what and stays here.  The others are the folders to
compare, each with a wav.scp, as `vocoders decode` leaves them, or NAME=FOLDER.  All samples have one loudness (ITU-R
BS.1770), rate and length.  Modes: mushra (ITU-R BS.1534: all systems of an utterance on a screen, with the reference
and a low-pass anchor hidden among them), ab (which of two is better), mos (one at a time, 1 to 5).

With --collect, the paths are results, and the key may be among them.  Prints means with 95 % intervals, or preferences
with p values, and writes listening.md and listening.json beside the key.

  vocoders listen --reference data/eval test exp/griffin_lim/eval exp/world/eval exp/train_diffwave/decode_best/eval
  vocoders listen --mode ab --pairs 1:2,1:3 test new=exp/new/eval old=exp/old/eval exp/world/eval
  vocoders listen --collect --key test/key.json results/*.json
"""

import inspect
from typing import Literal

NOT_OF_BUILDING = ("paths", "collect", "key")


def main(
    *paths: str,
    mode: Literal["mushra", "ab", "mos"] = "mushra",
    reference: str | None = None,
    utterances: int | None = None,
    seed: int | None = None,
    anchors: str | None = None,
    pairs: str | None = None,
    checks: int | None = None,
    half_steps: bool = False,
    training: bool = True,
    loudness: float = -23.0,
    sample_rate: int | None = None,
    title: str = "Listening test",
    intro: str | None = None,
    collect: bool = False,
    key: str | None = None,
):
    """Makes a test or collects its results.

    Args:
        mode: what a screen asks for.
        reference: data directory or wav.scp of the recordings, for mushra.
        utterances: how many, spread over those that all systems have; by default 8, or all if fewer.
        seed: number that all random choices, and the names of samples, come from, together with the settings and
            waves; drawn by default, and kept in the key.
        anchors: cut-off frequencies in kHz of the low-pass anchors of mushra; by default 3.5; 3.5,7 for both of the
            standard.
        pairs: the pairs to compare in ab, by the numbers of the folders (1:2,1:3); by default all.
        checks: how many screens of ab have the same sample in loud noise: who does not hear that is excluded; by
            default 2.
        half_steps: allow 1.5, 2.5, ... in mos.
        training: begin with a screen (mos: two) for practice, which does not count.
        loudness: of all samples, in LUFS; less if a peak would go above -1 dBFS.
        sample_rate: bring everything to this rate in Hz; else different rates are an error.
        title: heading of the page.
        intro: text file with what the page says first, in place of our words; an empty line begins a paragraph.
        collect: put the results together.
        key: key.json of the test, to collect.
    """
    given = dict(locals())
    if collect:
        from vocoders.listening.collect import collect as gather

        _refuse_building(given)
        print(gather(paths, key), end="")
        return
    from vocoders.errors import InputError
    from vocoders.listening.build import build

    if key:
        raise InputError("--key belongs to --collect; to make a test, leave it out")
    options = {name: value for name, value in given.items() if name not in NOT_OF_BUILDING}
    options["anchors"] = None if anchors is None else _numbers(anchors, float, "--anchors")
    options["pairs"] = None if pairs is None else _pair_numbers(pairs)
    options["intro"] = _text(intro) if intro else None
    made = build(paths[0], paths[1:], **options)
    counted = sum(not screen["training"] for screen in made["screens"])
    print(f"{counted} screens, {made['loudness']:.1f} LUFS, seed {made['seed']}")
    print(f"for listeners: {paths[0].rstrip('/')}/send")


def _refuse_building(given):
    """What asks for another test would change nothing in the results of this one."""
    from vocoders.errors import InputError

    for name, parameter in inspect.signature(main).parameters.items():
        if name not in NOT_OF_BUILDING and given[name] != parameter.default:
            raise InputError(f"--{name} belongs to making a test; with --collect, leave it out")


def _text(path):
    from pathlib import Path

    from vocoders.errors import InputError

    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"--intro: {path}: not UTF-8 text ({error.reason} at byte {error.start})") from None


def _numbers(text, kind, option):
    from vocoders.errors import InputError

    try:
        return [kind(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise InputError(f"{option}: expected numbers such as 3.5,7; found {text!r}") from None


def _pair_numbers(text):
    from vocoders.errors import InputError

    try:
        return [tuple(map(int, pair.split(":"))) for pair in text.split(",")]
    except ValueError:
        raise InputError(f"--pairs: expected pairs of numbers such as 1:2,1:3; found {text!r}") from None
