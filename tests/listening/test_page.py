"""In a browser, from a disk: tests are taken in all modes, with the hands and with keys, and nothing is lost."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vocoders.listening.answers import read_answers
from vocoders.listening.collect import collect
from vocoders.listening.order import presentation

TAKE = Path(__file__).with_name("take.js").read_text()
QUALITY = {"reference": 100, "clean": 85, "hissing": 60, "dull": 40, "broken": 20, "anchor 3.5 kHz": 30}


def planted(key, listener):
    """By screen and place: sliders of mushra; in ab and mos the number of the choice."""
    screens = {screen["id"]: screen for screen in key["screens"]}
    mode = key["settings"]["mode"]
    told = []
    for place, names in presentation(key["order_seed"], listener, mode, key["screens"]):
        systems = [screens[place]["items"][name] for name in names]
        rates = [QUALITY.get(system, 0) for system in systems]  # in noise, 0
        if mode == "ab":
            rates = [1 + int(np.sign(rates[1] - rates[0]))]  # A, no preference, B
        elif mode == "mos":
            rates = [4 - rates[0] // 20]  # from 5 down
        told.append(rates)
    return told


def download(page, folder):
    with page.expect_download() as event:
        page.click("#download")
    path = folder / event.value.suggested_filename
    event.value.save_as(path)
    return path


def test_planted_preferences_come_back(make, open_page, tmp_path):
    """Three listeners at once, one in each mode; the page is not asked what stands where."""
    made = {"mushra": make("mushra", folder="mushra", training=False)}
    made["ab"] = make("ab", folder="ab", pairs=[(2, 1), (2, 3), (4, 1)])
    made["mos"] = make("mos", folder="mos")
    pages = {}
    for mode, (folder, key) in made.items():
        shutil.move(folder / "send", tmp_path / f"{mode} elsewhere")  # needs nothing beside it
        page = pages[mode] = open_page(tmp_path / f"{mode} elsewhere" / "index.html")
        page.add_script_tag(content=TAKE)
        page.evaluate(
            "([...told]) => void take(...told).then(said => window.taken = said)", ["anna", planted(key, "anna")]
        )
    texts, results = {}, {}
    for mode, (folder, _key) in made.items():
        refusals = pages[mode].wait_for_function("window.taken", timeout=90_000).json_value()
        assert all(text.startswith("Please listen to ") for text in refusals[::2])
        assert all(text.startswith("Please ") and "listen" not in text for text in refusals[1::2])
        path = download(pages[mode], tmp_path)
        results[mode] = json.loads(path.read_text())
        texts[mode] = collect([path], folder / "key.json")
        assert {len(screen["plays"]) for screen in results[mode]["screens"]} == {{"mushra": 7, "ab": 2, "mos": 1}[mode]}
        assert all(screen["seconds"] > 0.4 * len(screen["plays"]) for screen in results[mode]["screens"])

    summary = json.loads((tmp_path / "mushra/listening.json").read_text())
    assert {row["system"]: row["mean"] for row in summary["systems"]} == QUALITY
    summary = json.loads((tmp_path / "mos/listening.json").read_text())
    assert [(row["system"], row["mean"]) for row in summary["systems"]] == [
        ("clean", 5),
        ("hissing", 4),
        ("dull", 3),
        ("broken", 2),
    ]
    summary = json.loads((tmp_path / "ab/listening.json").read_text())
    won = {(row["first"], row["second"]): (row["prefer_first"], row["prefer_second"]) for row in summary["pairs"]}
    assert won == {("clean", "hissing"): (5, 0), ("hissing", "dull"): (5, 0), ("clean", "broken"): (5, 0)}
    assert not summary["excluded"]
    assert "| reference" in texts["mushra"] and "p, Holm" in texts["ab"]


@pytest.fixture
def begun(make, open_page, tmp_path):
    """begun(mode, **options) -> (page at its first screen, key): everything by keys from here on."""

    def begun(mode, utterances=2, **options):
        folder, key = make(mode, utterances=utterances, training=False, **options)
        page = open_page(folder / "send/index.html")
        page.keyboard.press("Tab")
        page.keyboard.type("anna")
        page.keyboard.press("Enter")
        page.wait_for_function("ready")
        return page, key

    return begun


def ends(page):
    """Waits for the end of what was just started."""
    page.wait_for_function("player.playing")
    page.wait_for_function("!player.playing")


def goes_on(page, press="Enter"):
    at = page.evaluate("session.at")
    page.keyboard.press(press)
    assert page.evaluate("session.at") == at + 1, page.inner_text("#message")
    page.wait_for_function("ready || !document.getElementById('end').hidden")


def test_mushra_by_keys_alone(begun, tmp_path):
    page, key = begun("mushra", utterances=1, systems=["clean", "broken"])
    page.keyboard.press("0")
    ends(page)
    for number in range(1, 5):
        page.keyboard.press(str(number))
        ends(page)
        slider = page.get_by_label(f"Rating of sample {number}")
        assert slider.evaluate("slider => slider === document.activeElement")
        assert slider.evaluate("slider => getComputedStyle(slider).outlineStyle") == "solid"  # the focus is seen
        assert slider.get_attribute("aria-valuetext") == "not rated"
        page.keyboard.press("End" if number == 1 else "PageUp")
        for _press in range(number):
            page.keyboard.press("ArrowLeft")
    assert page.get_by_label("Rating of sample 1").get_attribute("aria-valuetext") == "99, Excellent"
    goes_on(page)
    answers = read_answers(download(page, tmp_path), key)
    ((screen, names),) = presentation(key["order_seed"], "anna", "mushra", key["screens"])
    assert [answers.ratings[screen][name] for name in names] == [99, 8, 7, 6]


def test_ab_by_keys_alone(begun, tmp_path):
    page, key = begun("ab", pairs=[(1, 2)], checks=0)
    for choice in ("ArrowRight", "ArrowDown"):
        for digit in "12":
            page.keyboard.press(digit)
            ends(page)
        page.keyboard.press(choice)
        goes_on(page)
    answers = read_answers(download(page, tmp_path), key)
    (first, (_a, b)), (second, names) = presentation(key["order_seed"], "anna", "ab", key["screens"])
    assert answers.ratings[first][b] == 1 and [answers.ratings[second][name] for name in names] == [0.5, 0.5]


def test_mos_by_keys_alone_and_by_half_steps(begun, tmp_path):
    page, key = begun("mos", systems=["clean"], half_steps=True)
    for _screen in range(2):
        page.keyboard.press(" ")
        ends(page)
        page.keyboard.press("4")
        page.keyboard.press("ArrowDown")
        goes_on(page)
    answers = read_answers(download(page, tmp_path), key)
    assert [list(ratings.values()) for ratings in answers.ratings.values()] == [[3.5], [3.5]]


def test_a_closed_tab_loses_nothing(begun, tmp_path):
    page, key = begun("mos", systems=["clean", "dull"])
    page.keyboard.press(" ")
    ends(page)
    page.keyboard.press("2")
    goes_on(page)
    page.keyboard.press(" ")
    ends(page)
    page.keyboard.press("5")
    page.reload()
    assert page.input_value("#listener") == "anna"
    page.click("text=Start")
    page.wait_for_function("ready")
    assert page.inner_text("#heading") == "Screen 2 of 4" and page.get_by_label("5 Excellent").is_checked()
    for _screen in range(3):
        page.keyboard.press(" ")
        ends(page)
        page.keyboard.press("3")
        goes_on(page)
    path = download(page, tmp_path)
    page.reload()
    page.click("text=Start")
    assert download(page, tmp_path / "again").read_text() == path.read_text()
    ratings = [list(screen["ratings"].values()) for screen in json.loads(path.read_text())["screens"]]
    assert ratings == [[2], [3], [3], [3]] and read_answers(path, key).listener == "anna"


def test_a_missing_file_is_named(make, open_page):
    folder, key = make("mos", systems=["clean"], training=False)
    (_first, (name,)), *_rest = presentation(key["order_seed"], "anna", "mos", key["screens"])
    (folder / f"send/audio/{name}.js").unlink()
    page = open_page(folder / "send/index.html")
    page.fill("#listener", "anna")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"text=audio/{name}.js cannot be loaded; is the folder complete?")


SWITCH = """async () => {  // two ramps; rendered, not played, so that every sample can be seen
  const rate = 48000;
  const context = new OfflineAudioContext(1, rate, rate);
  const buffers = [1, -0.5].map(slope => {
    const buffer = new AudioBuffer({ length: rate, sampleRate: rate });
    buffer.copyToChannel(Float32Array.from({ length: rate }, (_, at) => slope * at / rate), 0);
    return buffer;
  });
  const player = new Player(context);
  player.load(buffers);
  player.start(0.25);
  context.suspend(0.512).then(() => { player.select(1); context.resume(); });
  return [...(await context.startRendering()).getChannelData(0)];
}"""


def test_switching_keeps_the_position_to_the_sample(make, open_page):
    folder, _key = make("mos", systems=["clean"], utterances=1)
    heard = np.array(open_page(folder / "send/index.html").evaluate(SWITCH))
    position = (np.arange(48000) / 48000 - 0.02 + 0.25) * 48000  # it begins 20 ms after it is told to
    before, after = slice(960, 24576), slice(24576 + 600, 48000 - 12000)
    assert np.abs(heard[before] - position[before] / 48000).max() < 1e-6
    end = (position < 48000)[after]
    assert np.abs(heard[after] + 0.5 * position[after] / 48000)[end].max() < 1e-6
    assert np.abs(np.diff(heard[24576 : 24576 + 600])).max() < 0.005  # no click
    assert not heard[:959].any()


@pytest.mark.parametrize("mode", ["mushra", "ab", "mos"])
def test_every_control_has_a_name_and_fits_a_narrow_screen(mode, make, open_page):
    folder, _key = make(mode, utterances=1)
    for scheme in ("light", "dark"):
        page = open_page(folder / "send/index.html", color_scheme=scheme, viewport={"width": 320, "height": 640})
        page.fill("#listener", "anna")
        page.keyboard.press("Enter")
        page.wait_for_function("ready")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        nameless = (
            "[...document.querySelectorAll('#screen input')].filter(i => !i.labels.length && !i.ariaLabel).length"
        )
        assert page.evaluate(nameless) == 0
        for selector in ("#task", "#next", "#play", "#time", "summary"):
            assert contrast(page, selector) >= 4.5, (scheme, selector)


def contrast(page, selector):
    """WCAG 2's ratio of a text to what is behind it."""
    ink, paper = page.evaluate(
        """selector => {
          let at = document.querySelector(selector);
          const ink = getComputedStyle(at).color;
          while (getComputedStyle(at).backgroundColor === "rgba(0, 0, 0, 0)") at = at.parentElement;
          const numbers = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
          return [ink, getComputedStyle(at).backgroundColor].map(numbers);
        }""",
        selector,
    )
    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = np.array(colour) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]
