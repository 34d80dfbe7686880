"""index.html: the page for listeners, which knows samples by names that tell nothing."""

from pathlib import Path

import jinja2

from vocoders.io.files import write_text
from vocoders.listening import design

INTRO = {
    "mushra": """You will hear several versions of the same sentence on each screen, and the reference that all of them
    should sound like. Rate how good each version is, from 0 (bad) to 100 (excellent), compared with the reference. One
    version is the reference itself: it should get 100.

    You can switch between versions while one plays, as often as you like.""",
    "ab": """You will hear the same sentence twice on each screen. Say which one sounds better to you, or that you have
    no preference. Listen to both to the end; you can repeat them as often as you like.""",
    "mos": """You will hear one sentence on each screen. Rate how good the speech sounds, from 1 (bad) to 5 (excellent).
    Listen to the end; you can repeat it as often as you like.""",
}
ALWAYS = """Please use headphones in a quiet room. The first screen is for practice: set a comfortable volume there and
    leave it as it is. Ratings are kept in this browser, so you may close the page and go on later. At the end you
    download a file with your ratings and send it to whoever asked you."""


def write_page(path, key, *, title, intro=None):
    """Writes the page of a test; ``intro`` is text in paragraphs, one of ours by default."""
    settings = key["settings"]
    scale = design.scale(settings["mode"], settings["half_steps"])
    shown = ("id", "training", "reference")
    test = {
        "test": key["test"],
        "mode": settings["mode"],
        "seed": key["order_seed"],
        "rate": key["sample_rate"],
        "scale": scale._asdict(),
        "screens": [
            {**{name: screen[name] for name in shown}, "items": list(screen["items"])} for screen in key["screens"]
        ],
    }
    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    text = intro or f"{INTRO[settings['mode']]}\n\n{ALWAYS}"
    page = environment.get_template("page.html.j2").render(
        title=title,
        paragraphs=[" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()],
        test=test,
        style=(here / "page.css").read_text(encoding="utf-8"),
        scripts=[(here / name).read_text(encoding="utf-8") for name in ("order.js", "player.js", "page.js")],
    )
    write_text(path, page)
