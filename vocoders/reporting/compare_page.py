"""The page that compares systems: one HTML file, and beside it the waves in scripts, loaded when they are heard.

OUT/report.html
OUT/audio/<group>/<utterance>.js     the waves of all rows, as a script because a page that is opened as a file may
                                     load those but read no others; nothing is lost (FLAC)
"""

import base64
import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2

from vocoders import provenance
from vocoders.errors import InputError
from vocoders.io.audio import read_wave, to_int16
from vocoders.io.files import remove_partials, write_text
from vocoders.log import progress
from vocoders.reporting.plots import COLOURS, RANGE_DB

AUDIO = ("beside", "embed", "none")


def write_page(folder, groups, contents, *, title, audio="beside", utterances=None, nj=4):
    """Writes ``report.html`` into ``folder``, and the audio of the first ``utterances`` of each group (None: of all).

    ``contents`` is what ``comparison`` made of ``groups``.  Audio ``embed`` makes one file of everything.
    """
    if audio not in AUDIO:
        raise InputError(f"--audio: expected one of {', '.join(AUDIO)}, found {audio!r}")
    folder = Path(folder)
    wanted = [] if audio == "none" else list(_utterances(groups, utterances))
    embedded = [script(key, rows, utt) for key, rows, utt in wanted] if audio == "embed" else []
    if audio == "beside":
        _write_scripts(folder, wanted, nj)
    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    data = {**contents, "heard": [key for key, _, _ in wanted], "colours": _colours(), "range_db": RANGE_DB}
    page = environment.get_template("compare.html.j2").render(
        title=title,
        contents=contents,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        embedded=embedded,
        made=provenance.collect(),
    )
    write_text(folder / "report.html", page)


def script(key, rows, utterance):
    """The waves of an utterance as a script, one entry per row; null where a row has none."""
    waves = [_flac(row.waves[utterance]) if utterance in row.waves else None for row in rows]
    return f"vocodersAudio({json.dumps(key)},{json.dumps(waves)});\n"


def _utterances(groups, most):
    """(key, rows, utterance); keys are numbers, as ids may be no file names."""
    for at, group in enumerate(groups):
        for number, utt in enumerate(group.utterances[:most]):
            yield f"{at}/{number}", group.rows, utt


def _write_scripts(folder, wanted, nj):
    """Those whose waves have not changed since the last time are kept."""

    def write(item):
        key, rows, utt = item
        path = folder / "audio" / f"{key}.js"
        stamp = f"// {_stamp(rows, utt)}\n"
        if not (path.is_file() and path.open(encoding="utf-8").readline() == stamp):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, stamp + script(*item))

    with ThreadPoolExecutor(nj) as pool:
        list(progress(pool.map(write, wanted), total=len(wanted), unit="utt", desc="audio"))
    kept = {folder / "audio" / f"{key}.js" for key, _, _ in wanted}
    for path in (folder / "audio").glob("*/*.js"):
        if path not in kept:
            path.unlink()
    for place in {path.parent for path in kept}:
        remove_partials(place)


def _stamp(rows, utterance):
    waves = [Path(row.waves[utterance]) for row in rows if utterance in row.waves]
    facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in waves]
    return hashlib.sha256(json.dumps([len(rows), facts]).encode()).hexdigest()[:16]


def _flac(path):
    import soundfile

    wave, rate = read_wave(path)
    content = io.BytesIO()
    soundfile.write(content, to_int16(wave, path)[0], rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(content.getvalue()).decode()


def _colours():
    """Red, green and blue of 256 levels."""
    from matplotlib import colormaps

    return [[int(part) for part in colormaps[COLOURS](level, bytes=True)[:3]] for level in range(256)]
