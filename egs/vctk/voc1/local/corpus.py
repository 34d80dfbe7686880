"""The files of VCTK 0.92 and 0.80: which utterances there are, and what they say.

wav48_silence_trimmed/p225/p225_001_mic1.flac (0.92), wav48/p225/p225_001.wav (0.80)
txt/p225/p225_001.txt, speaker-info.txt
"""

import os
import sys
from collections import Counter
from pathlib import Path

from vocoders.data.directory import Utterance, some
from vocoders.errors import InputError
from vocoders.text.normalizer import normalize

NAMES = (".", "VCTK-Corpus-0.92", "VCTK-Corpus")
LAYOUTS = {"wav48_silence_trimmed": "_{mic}.flac", "wav48": ".wav"}  # what follows an utterance's id in a file's name
# Lost before the release: p315's transcripts and mic2, p280's mic2, most recordings of what p362 read (0.92).
GAPS = ("p280", "p315", "p362")


def find_corpus(download_dir: Path) -> tuple[Path, str]:
    """(the corpus, its folder of recordings); `download_dir` holds it or is it."""
    for corpus in (download_dir / name for name in NAMES):
        for folder in LAYOUTS:
            if (corpus / folder).is_dir() and (corpus / "txt").is_dir():
                return corpus, folder
    raise InputError(
        f"{download_dir}: no VCTK in it (txt/ beside {'/ or '.join(LAYOUTS)}/); run stage 0, or set --download_dir"
    )


def find_utterances(download_dir: Path, mic: str, max_unpaired: int) -> list[Utterance]:
    """What has recording and transcript; the rest is named, and refused beyond the known gaps and `max_unpaired`."""
    corpus, folder = find_corpus(download_dir)
    suffix = LAYOUTS[folder].format(mic=mic)
    if mic != "mic1" and suffix == ".wav":
        raise InputError(f"{corpus}: version 0.80 has no {mic}; leave out --mic, or get version 0.92")
    recordings, transcripts = _files(corpus / folder, suffix), _files(corpus / "txt", ".txt")
    texts = {utt: " ".join(read_text(path).split()) for utt, (_, path) in transcripts.items() if utt in recordings}
    unpaired = {
        "recording(s) without transcript": sorted(utt for utt in recordings if not texts.get(utt)),
        "transcript(s) without recording": sorted(transcripts.keys() - recordings.keys()),
    }
    found = "; ".join(f"{len(utts)} {what}: {_by_speaker(utts)}" for what, utts in unpaired.items() if utts)
    others = [utt for utts in unpaired.values() for utt in utts if not utt.startswith(GAPS)]
    if len(others) > max_unpaired:
        raise InputError(
            f"{corpus}: {found}; {len(others)} of these are not known gaps of VCTK ({', '.join(GAPS)}); "
            f"complete the corpus, or accept them with --max_unpaired {len(others)}"
        )
    if found:
        print(f"{corpus}: left out: {found}", file=sys.stderr)
    if not any(texts.values()):
        raise InputError(f"{corpus / folder}: no recording *{suffix} has a transcript in {corpus / 'txt'}")
    return [
        Utterance(utt, _from_here(path), normalize(texts[utt]), speaker)
        for utt, (speaker, path) in recordings.items()
        if texts.get(utt)
    ]


def _files(folder: Path, suffix: str) -> dict[str, tuple[str, Path]]:
    """Utterance -> its speaker and file, sorted; other files, such as the other microphone's, do not count."""
    found = {}
    for speaker in sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()):
        names = sorted(entry.name for entry in os.scandir(folder / speaker))
        chosen = [name for name in names if name.startswith(f"{speaker}_") and name.endswith(suffix)]
        found.update({name.removesuffix(suffix): (speaker, folder / speaker / name) for name in chosen})
    return found


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None


def _by_speaker(utterances: list[str]) -> str:
    """How many of whom, the most first, each with its first id."""
    first = {}
    for utterance in utterances:
        first.setdefault(utterance.rpartition("_")[0], utterance)
    counts = Counter(utterance.rpartition("_")[0] for utterance in utterances)
    return some([f"{count} of {speaker} ({first[speaker]} ...)" for speaker, count in counts.most_common()])


def _from_here(path: Path) -> str:
    """As given inside the recipe; absolute elsewhere, so that the data directory can be moved."""
    relative = os.path.relpath(path)
    return os.path.abspath(path) if relative.startswith("..") else relative
