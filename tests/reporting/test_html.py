"""The page stands alone: everything in it is data, plays, and says what the files say."""

import base64
import io
import json
import shutil
from html.parser import HTMLParser

import pytest
import soundfile

from vocoders.io.files import append_jsonl
from vocoders.reporting.page import write_page
from vocoders.reporting.results import find_results
from vocoders.reporting.tables import build_table

SAMPLES = {"u1": 4000, "u2": 5000, "u3": 6000}
LOADS = {"src", "href", "xlink:href", "srcset", "data", "poster", "action"}


class Page(HTMLParser):
    """Tags with their attributes, text, and the cells of the first table."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.cells, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag  # well formed

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def written(exp, tmp_path):
    def write(**options):
        tables = [build_table(name, results) for name, results in find_results(exp).items()]
        write_page(tmp_path / "report.html", tables, title="mini <voc1>", **options)
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return write


def test_each_table_says_its_own_n(written, exp):
    for path in exp.rglob("eval"):
        shutil.copytree(path, path.with_name("other"))
    for path in exp.rglob("other/summary.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "n": 2}))
    said = [text for text in Page(written()).text if text.startswith("Mean ±")]
    assert ["over utterances, n = 3;" in said[0], "over utterances, n = 2;" in said[1]] == [True, True]


def test_every_player_holds_a_whole_wave(written, exp):
    sources = [attributes["src"] for attributes in Page(written(utterances=2)).all("audio")]
    systems = ["recording", "griffin_lim", "train_x/decode_best"]
    places = [exp / system / "eval" / "wav" / f"{utt}.wav" for utt in ("u1", "u2") for system in systems]
    assert len(sources) == len(places)
    for source, place in zip(sources, places):
        kind, _, data = source.partition(",")
        assert kind == "data:audio/wav;base64"
        wave, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="int16")
        assert (len(wave), rate) == (SAMPLES[place.stem], 16000)
        assert (wave == soundfile.read(place, dtype="int16")[0]).all()


def test_every_player_has_its_spectrogram(written):
    from PIL import Image

    page = Page(written())
    images = page.all("img")
    assert len(images) == len(page.all("audio")) == 9
    for image in images:
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/webp;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).convert("L").getextrema()[1] > 100


def test_nothing_is_loaded_from_anywhere(written):
    text = written()
    for _, attributes in Page(text).tags:
        for name in LOADS & attributes.keys():
            assert attributes[name].startswith(("data:", "#")), attributes[name][:80]
    assert "url(http" not in text
    assert "@import" not in text


def test_numbers_are_those_of_the_summaries_and_can_be_sorted(written):
    page = Page(written())
    values = [attributes["data-value"] for attributes in page.all("td") if "data-value" in attributes]
    assert {"4.6439", "3.3861", "1.2345", "0.25", "1234567", "6000", "90.0"} <= set(values)
    assert {"4.644", "3.386", "1.234", " ± 0.150"} <= set(page.text)


def test_what_is_limited_is_said(written):
    assert "the first 2 of 3 utterances" in " ".join(written(utterances=2).split())


def test_settings_and_definitions_are_shown_and_escaped(written):
    text = written()
    page = Page(text)
    assert "mini <voc1>" in page.text
    assert "model: {name: net, note: a<b}\n" in page.text
    assert any("P.862.2 <wide band>" in part for part in page.text)
    assert "vocoders decode <exp/train_x>" in page.text
    assert "0123abc" in page.text
    assert "<exp/train_x>" not in text


def test_training_curves_have_no_more_than_there_is(written, exp):
    titles = {"loss", "learning rate", "share of time waiting for data"}
    assert titles & set(Page(written()).text) == {"loss", "learning rate"}  # this log has no data_wait
    (exp / "train_x" / "metrics.jsonl").unlink()
    assert not Page(written()).all("svg")


@pytest.mark.filterwarnings("error")
def test_losses_below_zero_have_a_curve_too(written, exp):
    """A likelihood's; a logarithmic axis would show nothing of it."""
    log = exp / "train_x" / "metrics.jsonl"
    log.unlink()
    for step in (10, 20):
        append_jsonl(log, {"split": "train", "step": step, "loss": 3.0 - step / 5})
    texts = Page(written()).text
    assert "loss" in texts and {"1", "−1"} <= {text.strip().removesuffix(".00").removesuffix(".0") for text in texts}


def test_a_heavy_page_shows_fewer_utterances(written, monkeypatch):
    monkeypatch.setattr("vocoders.reporting.page.MOST_BYTES", 100_000)  # an utterance weighs 90,000
    assert len(Page(written(utterances=3)).all("audio")) == 3


def test_transcripts_beside_the_reference_are_shown(written, exp, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "text").write_text("u1 hello there\nu2 & more\nu3 end\n")
    path = exp / "recording" / "eval" / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "reference": str(tmp_path / "data" / "wav.scp")}))
    assert {"hello there", "& more"} <= set(Page(written()).text)


def test_in_a_browser_a_heading_sorts_and_one_player_silences_the_other(written, open_page, tmp_path):
    written()
    page = open_page(tmp_path / "report.html")
    rows = page.locator(".results tbody tr th")
    assert rows.all_inner_texts() == ["recording", "Griffin-Lim", "Some Net, 6 steps"]
    page.get_by_role("columnheader", name="PESQ").click()
    assert rows.all_inner_texts() == ["Some Net, 6 steps", "Griffin-Lim", "recording"]
    players = page.locator("audio")
    playing = "audio => audio.play().then(() => !audio.paused)"
    assert players.nth(0).evaluate(playing) and players.nth(1).evaluate(playing)
    assert players.nth(0).evaluate("audio => audio.paused")
