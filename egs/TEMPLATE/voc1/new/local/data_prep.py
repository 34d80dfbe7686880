"""A folder of wav files as Kaldi data directories data/train, data/dev and data/eval.

local/data_prep.sh calls it.  What a corpus has of its own is in find_utterances: make that fit.
"""

import sys
from pathlib import Path

from vocoders.data.directory import Utterance, split, write_data_directory
from vocoders.errors import InputError


def find_utterances(folder):
    """Every wav, all of one speaker; the transcript of x.wav is in x.txt, if it is anywhere."""
    for wav in sorted(folder.glob("*.wav")):
        transcript = wav.with_suffix(".txt")
        text = transcript.read_text(encoding="utf-8").strip() if transcript.exists() else None
        yield Utterance(id=wav.stem, audio=str(wav), text=text, speaker="speaker")


def main(folder, num_dev, num_eval):
    utterances = {utterance.id: utterance for utterance in find_utterances(Path(folder))}
    parts = split(list(utterances), int(num_dev), int(num_eval))
    for name, ids in zip(("train", "dev", "eval"), parts):
        write_data_directory(f"data/{name}", [utterances[one] for one in ids])
        print(f"data/{name}: {len(ids)} utterances")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (InputError, OSError) as error:
        sys.exit(f"data_prep.py: error: {error}")
