"""Pictures for reports: spectrograms of decoded waves, and training curves."""

import base64
import io
import re

import numpy as np

N_FFT, HOP_SIZE = 1024, 256
RANGE_DB = 80
COLOURS = "magma"
LINES = ("#3b82f6", "#f97316", "#10b981", "#a855f7", "#e11d48", "#eab308", "#06b6d4", "#84cc16")
POINTS = 400  # of a curve; more cannot be seen
INK = "#123456"  # stands for the page's own text colour, which matplotlib cannot name


def level_db(wave):
    """Magnitudes in dB, [bins, frames], lowest frequency first."""
    from scipy.signal import stft

    wave = np.pad(wave, (0, max(0, N_FFT - len(wave))))
    _, _, spectrum = stft(wave, nperseg=N_FFT, noverlap=N_FFT - HOP_SIZE, boundary=None)
    return 20 * np.log10(np.abs(spectrum) + 1e-7)


def brightest(levels):
    """The level that takes the brightest colour: all but a few points of all pictures lie below it."""
    return max(float(np.percentile(level, 99.9)) for level in levels)


def spectrogram_image(level, top, *, width=560, height=200):
    """A picture of ``level``, from ``top`` dB downwards, low frequencies below; a PIL image."""
    from matplotlib import colormaps
    from PIL import Image

    scaled = np.clip((level[::-1] - top) / RANGE_DB + 1, 0, 1)
    grey = Image.fromarray(scaled.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    return Image.fromarray(colormaps[COLOURS](np.asarray(grey), bytes=True)[..., :3])


def webp_uri(image):
    """The picture as a ``data:`` address."""
    data = io.BytesIO()
    image.save(data, "WEBP", quality=72, method=4)
    return data_uri("image/webp", data.getvalue())


def data_uri(media_type, data):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def curve_svg(title, series, *, log_scale=False):
    """An SVG of curves: {name: (steps, values)}; its text takes the colour of the text around it."""
    from matplotlib.ticker import LogLocator

    with _style(title):
        figure, axes = _axes((4.2, 2.5))
        for (name, (steps, values)), colour in zip(series.items(), LINES):
            keep = np.linspace(0, len(steps) - 1, min(len(steps), POINTS)).astype(int)
            points = (np.array(values)[keep], "o-" if len(keep) < 30 else "-")
            axes.plot(np.array(steps)[keep], *points, label=name, color=colour, ms=3, lw=1.4)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("step")
        if log_scale:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
            axes.yaxis.set_minor_formatter("{x:g}")
        elif all(min(values) >= 0 for _steps, values in series.values()):
            axes.set_ylim(bottom=0)
        axes.grid(alpha=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        if len(series) > 1:
            axes.legend(frameon=False)
        return _svg(figure)


def sweep_svg(title, lines, speed):
    """An SVG of a score against the number of network evaluations: {name: (points, colour)}.

    Points are (count, mean, low, high).  ``speed``, [(count, real-time factor)], is the dotted line, read on the right.
    """
    with _style(title):
        figure, axes = _axes((4.6, 2.8))
        for n, (name, (points, colour)) in enumerate(lines.items()):
            counts, means, lows, highs = np.transpose(points)
            shifted = counts * 1.015 ** (n - (len(lines) - 1) / 2)  # bars must not hide each other
            axes.errorbar(
                shifted, means, [means - lows, highs - means], fmt="o-", label=name, color=colour, ms=3, lw=1.4
            )
        axes.set_xscale("log")
        ticks = sorted({point[0] for points, _ in lines.values() for point in points})
        axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
        axes.minorticks_off()
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("network evaluations")
        axes.grid(alpha=0.2)
        if speed:
            right = axes.twinx()
            right.plot(*zip(*speed), ":", color=INK, lw=1.2)
            right.set(ylabel="RTF (dotted)", ylim=(0, None))
            right.spines["top"].set_visible(False)
        axes.spines["top"].set_visible(False)
        return _svg(figure)


def _style(salt):
    import matplotlib

    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    style = dict.fromkeys(inked, INK) | {"svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 9}
    return matplotlib.rc_context(style)


def _axes(size):
    from matplotlib.figure import Figure  # not pyplot: no display, no global state

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def _svg(figure):
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    return svg.replace(INK, "currentColor")
