"""VCTK as Kaldi data directories train, dev, eval_seen and eval_unseen, with the recordings as the corpus has them.

python3 local/data_prep.py --num_unseen 8 --num_dev 25 --num_eval 25 downloads data/local
"""

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import soundfile
from corpus import GAPS, find_utterances
from speakers import read_speakers

from vocoders.data.directory import Utterance, some, write_data_directories
from vocoders.data.unseen import Sizes, split_unseen
from vocoders.errors import InputError

ADVICE = ", allow --shared_sentences true, or cut every recording in two with --halve true"


def main():
    options = _options()
    utterances = find_utterances(options.download_dir, options.mic, options.max_unpaired)
    info = read_speakers(options.download_dir)
    if options.halve == "true":
        utterances = [half for one in utterances for half in halves(one)]
    sizes = Sizes(options.num_unseen, options.num_dev, options.num_eval)
    shared = options.shared_sentences == "true"
    sets = split_unseen(utterances, info, sizes, shared_sentences=shared, last=GAPS, advice=ADVICE)
    paths = {name: options.data_dir / name for name in sets}
    tables = {path: speaker_tables(path, sets[name], info) for name, path in paths.items()}
    write_data_directories({path: sets[name] for name, path in paths.items()}, tables)
    for name, chosen in sets.items():
        speakers = sorted({one.speaker for one in chosen})
        print(f"{name}: {len(chosen)} utterances of {len(speakers)} speakers, {some(speakers, limit=8)}")
    used = {one.id for chosen in sets.values() for one in chosen}
    unseen = {one.speaker for one in sets["eval_unseen"]}
    left = [one for one in utterances if one.id not in used]
    reasons = {
        "other utterances of the unseen speakers": [one.id for one in left if one.speaker in unseen],
        "utterances whose sentence is in dev or an eval set": [one.id for one in left if one.speaker not in unseen],
    }
    for reason, ids in reasons.items():
        if ids:
            print(f"in no set: {len(ids)} {reason}: {some(ids)}")


def speaker_tables(directory: Path, utterances: list[Utterance], info: dict) -> dict[str, dict[str, str]]:
    """spk2gender and spk2accent of a set, empty where not all of its speakers are known."""
    speakers = sorted({one.speaker for one in utterances})
    if unknown := [speaker for speaker in speakers if speaker not in info]:
        if info:
            print(f"{directory}: no spk2gender, as speaker-info.txt lacks {some(unknown)}", file=sys.stderr)
        speakers = []
    return {
        "spk2gender": {speaker: info[speaker].gender.lower() for speaker in speakers},
        "spk2accent": {speaker: info[speaker].accent for speaker in speakers},
    }


def halves(utterance: Utterance) -> list[Utterance]:
    """Two utterances of one recording; nobody knows which words are in which."""
    try:
        middle = soundfile.info(utterance.audio).frames // 2
    except soundfile.LibsndfileError as error:
        raise InputError(f"{utterance.audio}: not audio that libsndfile can read ({error.error_string})") from None
    pieces = {"a": f"0 {middle}s", "b": f"{middle}s"}
    return [
        replace(
            utterance,
            id=f"{utterance.id}{name}",
            text=None,
            audio=f"sox -V1 {shlex.quote(utterance.audio)} -t wav - trim {piece} |",
        )
        for name, piece in pieces.items()
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mic", choices=("mic1", "mic2"), default="mic1", help="microphone")
    parser.add_argument("--num_unseen", type=int, default=8, help="speakers kept from training")
    parser.add_argument("--num_dev", type=int, default=25, help="utterances of each dev speaker")
    parser.add_argument("--num_eval", type=int, default=25, help="utterances of each speaker of the eval sets")
    parser.add_argument("--shared_sentences", choices=("true", "false"), default="false", help="keep them in train")
    parser.add_argument("--halve", choices=("true", "false"), default="false", help="cut every recording in two")
    parser.add_argument("--max_unpaired", type=int, default=100, help="accept so many files without the other")
    parser.add_argument("download_dir", type=Path)
    parser.add_argument("data_dir", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"data_prep.py: error: {error}")
