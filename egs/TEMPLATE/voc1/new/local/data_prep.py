"""A folder of recordings as Kaldi data directories data/train, data/dev and data/eval; local/data_prep.sh calls it."""

import sys

from vocoders.data.corpus import Corpus
from vocoders.data.directory import split_by_speaker, write_data_directories
from vocoders.errors import InputError


def find_utterances(folder, corpus):
    """As local/corpus.yaml says.  For what that cannot say: give a vocoders.data.directory.Utterance for each here."""
    return corpus.utterances(folder)


def main(folder, num_dev, num_eval):
    corpus = Corpus.load("local/corpus.yaml")
    utterances = {utterance.id: utterance for utterance in find_utterances(folder, corpus)}
    speakers = {utterance.id: utterance.speaker for utterance in utterances.values()}
    split = split_by_speaker(speakers, int(num_dev or corpus.num_dev), int(num_eval or corpus.num_eval))
    sets = dict(zip(("data/train", "data/dev", "data/eval"), split))
    write_data_directories({path: [utterances[one] for one in ids] for path, ids in sets.items()})
    for path, ids in sets.items():
        print(f"{path}: {len(ids)} utterances")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (InputError, OSError) as error:
        sys.exit(f"data_prep.py: error: {error}")
