"""The page that compares systems: one HTML file, and beside it the waves in scripts, loaded when they are heard.

OUT/report.html
OUT/audio/<digest>.js    the waves that all rows have of an utterance; as a script, because a page that is opened as a
                         file may load those but read no others; nothing is lost (FLAC)
"""

import base64
import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2

from vocoders import provenance
from vocoders.io.audio import read_wave, to_int16
from vocoders.io.files import remove_partials, write_text
from vocoders.log import progress
from vocoders.reporting.plots import COLOURS, RANGE_DB


def write_page(folder, groups, contents, *, title, audio="beside", utterances=None, nj=4):
    """Writes ``report.html`` into ``folder``, and the audio of the first ``utterances`` of each group (None: of all).

    ``contents`` is what ``comparison`` made of ``groups``.  ``audio`` may be ``beside`` the page, ``embed`` in it,
    which makes one file of everything, or ``none``.
    """
    folder = Path(folder)
    wanted = {} if audio == "none" else dict(_utterances(groups, utterances))
    heard = {key: _digest(*spoken) for key, spoken in wanted.items()}
    embedded = [script(heard[key], *spoken) for key, spoken in wanted.items()] if audio == "embed" else []
    if audio == "beside":
        _write_scripts(folder / "audio", {heard[key]: spoken for key, spoken in wanted.items()}, nj)
    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([here, here.parent]), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    data = {**contents, "heard": heard, "colours": _colours(), "range_db": RANGE_DB}
    page = environment.get_template("page.html.j2").render(
        title=title,
        contents=contents,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        embedded=embedded,
        made=provenance.collect(),
    )
    write_text(folder / "report.html", page)
    if audio == "beside":
        for path in set((folder / "audio").glob("*.js")) - {folder / "audio" / f"{name}.js" for name in heard.values()}:
            path.unlink()  # of an earlier page, which is no more


def script(name, rows, utterance):
    """The waves of an utterance as a script, one entry per row; null where a row has none."""
    waves = [_flac(row.waves[utterance]) if utterance in row.waves else None for row in rows]
    return f"vocodersAudio({json.dumps(name)},{json.dumps(waves)});\n"


def _utterances(groups, most):
    """(group/number of the utterance, (rows, utterance)) of those that have waves."""
    for at, group in enumerate(groups):
        for number, utt in enumerate(group.utterances[:most]):
            if any(utt in row.waves for row in group.rows):
                yield f"{at}/{number}", (group.rows, utt)


def _write_scripts(folder, wanted, nj):
    """Those that are there are kept: their names say which waves they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_partials(folder)
    missing = [name for name in wanted if not (folder / f"{name}.js").exists()]
    with ThreadPoolExecutor(nj) as pool:
        written = pool.map(lambda name: write_text(folder / f"{name}.js", script(name, *wanted[name])), missing)
        list(progress(written, total=len(missing), unit="utt", desc="audio"))


def _digest(rows, utterance):
    """Changes with any of the waves: their paths, sizes and times."""
    paths = [row.waves.get(utterance) for row in rows]
    times = [[path, Path(path).stat().st_size, Path(path).stat().st_mtime_ns] if path else None for path in paths]
    return hashlib.sha256(json.dumps(times).encode()).hexdigest()[:16]


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
