"""report.html: everything in one file that asks nothing of any network."""

import logging
from pathlib import Path

import jinja2

from vocoders import provenance
from vocoders.io.audio import read_wave
from vocoders.io.files import write_text
from vocoders.io.tables import read_table
from vocoders.reporting.plots import (
    RANGE_DB,
    brightest,
    curve_svg,
    data_uri,
    level_db,
    spectrogram_image,
    webp_uri,
)
from vocoders.reporting.results import common_utterances, training_curves
from vocoders.reporting.sweeps import find_sweeps, sweep_sections
from vocoders.reporting.tables import build_table, legend

MOST_BYTES = 13_000_000  # of everything that is heard and seen; the page stays under 15 MB
log = logging.getLogger(__name__)


def write_page(path, tables, *, title, utterances=4):
    """Writes the page with the first ``utterances`` of each set; fewer where they would make it too heavy."""
    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["unbroken"] = _unbroken
    shorter = [heard(table) for table in tables]
    shown = _affordable(shorter, utterances)
    page = environment.get_template("report.html.j2").render(
        title=title,
        tables=tables,
        definitions={name: note for table in tables for name, note in table.notes.items()},
        legend=legend,
        sweeps=[section for table in tables for section in sweep_sections(table)],
        listening=[listening_table(table, shown) for table in shorter],
        experiments=[experiment_section(*pair) for pair in _experiments(tables)],
        made=provenance.collect(),
        range_db=RANGE_DB,
    )
    write_text(path, page)


def listening_table(table, utterances):
    """What the page shows of one set: a row per utterance, in it a player and a spectrogram per system."""
    names = table.columns[0].cells
    common = common_utterances(table.results)
    texts = _texts(table.results)
    rows = []
    for utt in common[:utterances]:
        cells = _cells([result.waves[utt] for result in table.results])
        rows.append({"utterance": utt, "text": texts.get(utt, ""), "cells": cells})
    return {"name": table.name, "systems": names, "rows": rows, "of": len(common)}


def heard(table):
    """The table without what would make the page long: of each sweep only the longest is heard."""
    left_out = {result.directory for sweep in find_sweeps(table.results) for result in sweep.results[:-1]}
    return build_table(table.name, [result for result in table.results if result.directory not in left_out])


def experiment_section(label, folder):
    """Curves and configuration of one training."""
    return {
        "label": label,
        "place": folder.as_posix(),
        "curves": [curve_svg(*curve[:2], log_scale=curve[2]) for curve in _curves(training_curves(folder))],
        "config": (folder / "config.yaml").read_text(encoding="utf-8"),
    }


def _unbroken(name):
    """A heading that breaks neither before its arrow nor at a hyphen."""
    return name.replace(" ↑", "\u00a0↑").replace(" ↓", "\u00a0↓").replace("-", "\u2011")


def _curves(records):
    """(title, series, logarithmic) of what there is to draw."""
    losses = {split: _series(records.get(split, []), "loss") for split in ("train", "dev")}
    positive = all(value > 0 for _steps, values in losses.values() for value in values)  # a likelihood's is not
    drawn = [("loss", {name: series for name, series in losses.items() if series[0]}, positive)]
    for key, title in (("lr", "learning rate"), ("data_wait", "share of time waiting for data")):
        series = _series(records.get("train", []), key)
        drawn.append((title, {key: series} if series[0] else {}, False))
    return [curve for curve in drawn if curve[1]]


def _series(records, key):
    points = [(record["step"], record[key]) for record in records if record.get(key) is not None]
    return tuple(zip(*points)) if points else ((), ())


def _cells(paths):
    """Player and picture of each wave; one colour scale for all of them."""
    waves = [read_wave(path) for path in paths]
    levels = [level_db(wave) for wave, _ in waves]
    top = brightest(levels)
    return [
        {
            "audio": data_uri("audio/wav", Path(path).read_bytes()),
            "image": webp_uri(spectrogram_image(level, top)),
            "seconds": len(wave) / rate,
            "khz": rate / 2000,
        }
        for path, (wave, rate), level in zip(paths, waves, levels)
    ]


def _texts(results):
    """Transcripts beside the reference's wav.scp, if there are any."""
    text = Path(results[0].summary.get("reference") or "").parent / "text"
    return read_table(text) if text.is_file() else {}


def _experiments(tables):
    """(label, directory) of every training that a row comes from, once each."""
    rows = [result for table in tables for result in table.results if result.experiment]
    results = [member for result in rows for member in result.members]
    labels = {result.experiment: result.label for result in results}
    return [(label, folder) for folder, label in labels.items()]


def _affordable(tables, utterances):
    """How many utterances of each set the page can carry; at least one."""
    while utterances > 1 and _weight(tables, utterances) > MOST_BYTES:
        utterances -= 1
        log.info("the page would be too heavy; it shows %d utterances of each set", utterances)
    return utterances


def _weight(tables, utterances):
    paths = [
        result.waves[utt]
        for table in tables
        for utt in common_utterances(table.results)[:utterances]
        for result in table.results
    ]
    return sum(Path(path).stat().st_size * 4 / 3 + 20_000 for path in paths)  # base64, and the picture
