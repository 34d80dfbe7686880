"""One picture of all systems side by side, for a README."""

import textwrap

from vocoders.errors import InputError
from vocoders.io.audio import read_wave
from vocoders.io.files import atomic_path
from vocoders.reporting.plots import COLOURS, RANGE_DB, brightest, level_db
from vocoders.reporting.results import common_utterances


def write_figure(path, table):
    """A PNG with the first utterance of a set as every system renders it."""
    common = common_utterances(table.results)
    if not common:
        raise InputError(f"{table.name}: the systems have no utterance in common to show")
    waves = [read_wave(result.waves[common[0]]) for result in table.results]
    draw(path, dict(zip(table.columns[0].cells, waves)))


def draw(path, waves):
    """{label: (wave, rate)} as spectrograms on one scale of colours, at most three in a row."""
    from matplotlib.figure import Figure

    levels = {label: level_db(wave) for label, (wave, _) in waves.items()}
    top = brightest(levels.values())
    across = min(len(levels), 2 if len(levels) == 4 else 3)
    down = -(-len(levels) // across)
    figure = Figure(figsize=(4.2 * across, 2.1 * down), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes, (label, level) in zip(grid.flat, levels.items()):
        wave, rate = waves[label]
        extent = (0, len(wave) / rate, 0, rate / 2000)
        colours = {"cmap": COLOURS, "vmin": top - RANGE_DB, "vmax": top}
        axes.imshow(level, origin="lower", aspect="auto", extent=extent, **colours)
        axes.set_title(textwrap.fill(label, 60), fontsize=9)
    for axes in grid.flat[len(levels) :]:
        axes.set_axis_off()
    figure.supxlabel("seconds", fontsize=9)
    figure.supylabel("kHz", fontsize=9)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=80)
        _shrink(partial)


def _shrink(path):
    """To 256 colours: a third of the size, and no eye sees it."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB").quantize(256)
    small.save(path, format="PNG", optimize=True)
