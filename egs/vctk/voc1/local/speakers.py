"""Who speaks in VCTK."""

from pathlib import Path

from corpus import find_corpus, read_text

from vocoders.data.unseen import UNKNOWN, Speaker
from vocoders.errors import InputError

P280 = Speaker("F", "Unknown")  # as 0.92 has it; the table of 0.80 lacks the row


def read_speakers(download_dir: Path) -> dict[str, Speaker]:
    """Speaker -> gender and accent, from speaker-info.txt (0.80 writes p225 as 225); empty without that file."""
    path = find_corpus(download_dir)[0] / "speaker-info.txt"
    if not path.is_file():
        return {}
    speakers = {"p280": P280}
    for number, line in enumerate(read_text(path).splitlines()[1:], 2):
        if not (fields := line.split()):
            continue
        if len(fields) < 3 or fields[2] not in ("F", "M"):
            raise InputError(f"{path}:{number}: expected 'ID AGE GENDER ACCENTS REGION', found {line[:80]!r}")
        name = f"p{fields[0]}" if fields[0].isdigit() else fields[0]
        speakers[name] = Speaker(fields[2], fields[3] if len(fields) > 3 else UNKNOWN.accent)
    return speakers
