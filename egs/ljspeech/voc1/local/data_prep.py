"""A corpus in LJ Speech's layout (metadata.csv and wavs/) as Kaldi data directories train, dev and eval.

python3 local/data_prep.py --num_dev 500 --num_eval 500 downloads data
"""

import argparse
import os
import re
import sys
from pathlib import Path

from vocoders.data.directory import Utterance, some, split, write_data_directories
from vocoders.errors import InputError
from vocoders.text.normalizer import normalize


def main():
    options = _options()
    corpus = find_corpus(options.download_dir, options.corpus)
    transcripts = read_metadata(corpus / "metadata.csv")
    utterances = pair(corpus, transcripts, options.max_unpaired)
    sets = dict(zip(("train", "dev", "eval"), split(list(utterances), options.num_dev, options.num_eval)))
    write_data_directories({options.data_dir / name: [utterances[utt] for utt in ids] for name, ids in sets.items()})
    for name, ids in sets.items():
        print(f"{options.data_dir / name}: {len(ids)} utterances, {ids[0]} to {ids[-1]}")


def find_corpus(download_dir: Path, name: str) -> Path:
    """`download_dir` may hold the corpus or be it."""
    for corpus in (download_dir / name, download_dir):
        if (corpus / "metadata.csv").is_file():
            return corpus
    raise InputError(f"{download_dir / name}/metadata.csv: no such file; run stage 0, or set --download_dir")


def read_metadata(path: Path) -> dict[str, str]:
    """Utterance -> normalised transcript.  Lines are ``id|raw|normalised``; quotes mean nothing special."""
    transcripts = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        fields = line.split("|")
        if len(fields) != 3 or not all(field.strip() for field in fields):
            raise InputError(f"{path}:{number}: expected 'id|transcript|normalised transcript', found {line[:80]!r}")
        utterance = fields[0].strip()
        if utterance in transcripts:
            raise InputError(f"{path}:{number}: utterance {utterance} is there twice")
        transcripts[utterance] = normalize(fields[2])
    return transcripts


def pair(corpus: Path, transcripts: dict[str, str], max_unpaired: int) -> dict[str, Utterance]:
    """What has both a transcript and audio; the rest is named, and refused beyond `max_unpaired`."""
    wavs = {path.stem: path for path in sorted((corpus / "wavs").glob("*.wav"))}
    unpaired = {
        "line(s) of metadata.csv have no wav": sorted(transcripts.keys() - wavs.keys()),
        "wav(s) have no line in metadata.csv": sorted(wavs.keys() - transcripts.keys()),
    }
    found = "; ".join(f"{len(names)} {what}: {some(names)}" for what, names in unpaired.items() if names)
    if sum(map(len, unpaired.values())) > max_unpaired:
        raise InputError(f"{corpus}: {found}; complete the corpus, or accept it with --max_unpaired")
    if found:
        print(f"{corpus}: left out: {found}", file=sys.stderr)
    return {
        utt: Utterance(utt, _from_here(wavs[utt]), text, speaker_of(utt))
        for utt, text in transcripts.items()
        if utt in wavs
    }


def speaker_of(utterance: str) -> str:
    """The letters at its beginning: LJ of LJ001-0001."""
    letters = re.match(r"[A-Za-z]+", utterance)
    if not letters:
        raise InputError(f"utterance id {utterance!r} does not begin with the letters of its speaker")
    return letters[0]


def _from_here(path: Path) -> str:
    """As given inside the recipe; absolute elsewhere, so that the data directory can be moved."""
    relative = os.path.relpath(path)
    return os.path.abspath(path) if relative.startswith("..") else relative


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="LJSpeech-1.1", help="folder of the corpus under DOWNLOAD_DIR")
    parser.add_argument("--num_dev", type=int, default=500, help="utterances before the last num_eval ones")
    parser.add_argument("--num_eval", type=int, default=500, help="the last utterances in the order of their ids")
    parser.add_argument("--max_unpaired", type=int, default=0, help="accept so many wavs or lines without the other")
    parser.add_argument("download_dir", type=Path)
    parser.add_argument("data_dir", type=Path, nargs="?", default=Path("data"))
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"data_prep.py: error: {error}")
