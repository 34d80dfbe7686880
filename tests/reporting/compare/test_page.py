"""The page in a browser: it plays, switches, sorts, filters, draws and explains, and asks nothing of any network."""

import base64
import json
import shutil

import numpy as np
import pytest
import soundfile

from vocoders import cli

RATE = 16000
TONES = {"a": 1000, "b": 2000, "c": 3000}


@pytest.fixture
def built(add_scored, work):
    """Three systems that say tones of their own, on five utterances; a fourth with other mels."""
    for at, (name, tone) in enumerate(TONES.items()):
        wave = lambda n, tone=tone: 0.5 * np.sin(2 * np.pi * tone * np.arange(RATE // 2 + n) / RATE)  # noqa: E731
        cost = {"parameters": 10 ** (5 + at), "kind": "model"}
        add_scored(
            "r/exp", f"{name}/decode", np.arange(5) * (1 - at) + 2.0 + at, waves=wave, system=name.upper(), **cost
        )
    add_scored("r/exp", "d/decode", np.ones(5), system="D", mel_hash="x", mel={"hop_size": 300})

    def build(*options):
        assert cli.main(["compare", "--out", "out", *options, "r"]) == 0
        return work / "out/report.html"

    return build


@pytest.fixture
def page(built, open_page):
    return open_page(built(), viewport={"width": 1200, "height": 800})


def names(page, table):
    return page.locator(f"#{table} tbody th").all_inner_texts()


def hear(page, utterance):
    page.locator("#utterances").get_by_role("button", name=utterance).click()
    page.get_by_role("heading", name=utterance).wait_for()
    page.wait_for_selector("#player[data-painted]")


def state(page):
    return page.evaluate(
        "({ playing: comparisonPlayer.playing, position: comparisonPlayer.position(),"
        " current: comparisonPlayer.current, voices: comparisonPlayer.voices.length })"
    )


def test_a_heading_sorts_and_words_filter(page):
    assert names(page, "systems") == ["1A", "2B", "3C"]
    sort = page.locator("#systems").get_by_role("button", name="PESQ")
    sort.click()
    means = page.locator("#systems tbody td.chosen").all_inner_texts()
    assert [float(text.split()[0].rstrip("abc")) for text in means] == sorted(
        float(t.split()[0].rstrip("abc")) for t in means
    )
    sort.press("Enter")  # by keyboard, and the other way round
    assert page.locator("#systems").get_by_role("columnheader", name="PESQ").get_attribute("aria-sort") == "descending"
    page.get_by_role("searchbox", name="Systems").fill("b")
    assert names(page, "systems") == ["2B"] and names(page, "differences") == ["2B"]


def test_utterances_stand_with_the_worst_first(page):
    page.get_by_label("How badly did").select_option("C")  # falls from 4 at u00 to 0 at u04
    assert [name.split("\n")[0] for name in names(page, "utterances")] == ["u04", "u03", "u02", "u01", "u00"]
    page.get_by_label("Find").fill("u03")
    assert len(names(page, "utterances")) == 1


def test_systems_are_switched_in_place_while_they_play(page):
    hear(page, "u02")
    page.keyboard.press("Space")
    page.wait_for_function("comparisonPlayer.playing && comparisonPlayer.position() > 0.05")
    page.evaluate("window.before = [comparisonPlayer.began, ...comparisonPlayer.voices.map(voice => voice.source)]")
    page.keyboard.press("2")
    page.wait_for_timeout(60)
    kept = "comparisonPlayer.began === before[0] && comparisonPlayer.voices.every((v, n) => v.source === before[n + 1])"
    assert page.evaluate(kept)  # nothing was started anew, so nothing can be out of step
    assert page.evaluate("comparisonPlayer.voices.map(voice => Math.round(voice.gain.gain.value))") == [0, 1, 0]
    assert state(page)["current"] == 1
    page.keyboard.press("Space")
    assert not state(page)["playing"]
    page.keyboard.press("n")
    page.wait_for_function("document.getElementById('heading').textContent === 'u03'")


def test_the_wave_that_is_heard_is_that_of_the_file(page, work):
    hear(page, "u01")
    heard = page.evaluate("comparisonPlayer.voices.map(voice => Array.from(voice.samples))")
    for name, samples in zip(TONES, heard):
        wave, _ = soundfile.read(work / f"r/exp/{name}/decode/eval/wav/u01.wav")
        np.testing.assert_allclose(samples, wave, rtol=0, atol=2**-15)  # browsers scale 16 bits by 32767 or 32768


def test_a_tone_is_drawn_at_its_frequency_and_a_difference_from_itself_is_white(page):
    hear(page, "u01")
    middle = "c.getContext('2d').getImageData(c.width / 2, 0, 1, c.height).data"
    pixels = f"({{ canvas: c }}) => Array.from({middle})"
    columns = np.array(page.evaluate(f"comparisonPlayer.voices.map({pixels})")).reshape(3, -1, 4)[..., :3].sum(-1)
    height = columns.shape[1]
    for tone, column in zip(TONES.values(), columns):
        drawn = (1 - (np.flatnonzero(column == column.max()).mean() + 0.5) / height) * RATE / 2
        assert drawn == pytest.approx(tone, abs=RATE / 2 / 100)
    page.get_by_label("differences").check()
    page.wait_for_selector("#player[data-painted=differences]")
    other = np.array(page.evaluate(f"comparisonPlayer.voices.map({pixels})")).reshape(3, -1, 4)[1, :, :3]
    row = lambda tone: round((1 - tone / (RATE / 2)) * height)  # noqa: E731
    assert other[row(2000) - 2 : row(2000) + 3].min(0).tolist() == [255, 0, 0]  # what only B has
    assert other[row(1000) - 2 : row(1000) + 3].min(0).tolist() == [0, 0, 255]  # what only the reference has


def test_pressed_twice_it_plays_once(page):
    hear(page, "u02")
    page.evaluate(
        """() => { window.started = 0; const start = AudioBufferSourceNode.prototype.start;
        AudioBufferSourceNode.prototype.start = function (...when) { started++; return start.apply(this, when); } }"""
    )
    page.evaluate("comparisonPlayer.play(); comparisonPlayer.play()")
    page.wait_for_function("comparisonPlayer.playing")
    page.evaluate("comparisonPlayer.pause(); comparisonPlayer.play(); comparisonPlayer.pause()")
    page.wait_for_timeout(50)
    assert page.evaluate("started") == 3 and not state(page)["playing"]


def test_the_next_utterance_is_that_below(page):
    page.locator("#utterances").get_by_role("button", name="utterance").click()
    page.locator("#utterances").get_by_role("button", name="utterance").click()  # the last first
    hear(page, "u03")
    page.keyboard.press("n")
    page.get_by_role("heading", name="u02").wait_for()


def test_another_score_and_other_rows_leave_position_and_focus(page):
    hear(page, "u02")
    page.evaluate("comparisonPlayer.seek(0.25)")
    search = page.get_by_role("searchbox", name="Systems")
    search.fill("a")
    search.press("Tab")
    page.wait_for_function("comparisonPlayer.voices.length === 1")
    assert state(page)["position"] == 0.25
    assert page.evaluate("document.activeElement.id") != "play"


def test_what_stands_apart_says_why(page):
    page.get_by_label("Set").select_option(index=1)
    assert "hop_size 300 instead of 256" in page.get_by_role("note").inner_text()
    assert names(page, "systems") == ["1D"]


def test_the_differences_are_those_of_the_json_and_noise_is_marked(add_scored, open_page, work):
    random = np.random.default_rng(3)
    for name, mean in (("a", 3.0), ("b", 3.0), ("c", 2.0)):
        add_scored("r/exp", f"{name}/decode", mean + random.normal(0, 0.1, 8), system=name.upper())
    assert cli.main(["compare", "--out", "out", "r"]) == 0
    found = json.loads((work / "out/comparison.json").read_text())["groups"][0]["differences"]["pesq"]
    expected = {tuple(each["rows"]): each for each in found}
    assert expected[0, 1]["p"] > 0.05 > expected[0, 2]["p"]
    page = open_page(work / "out/report.html")
    cells = page.locator("#differences tbody td span[title]")
    for text, other in zip(cells.all_inner_texts(), (1, 2)):
        difference = -expected[0, other]["mean"]
        assert text.startswith("≈ ") == (other == 1)
        assert float(text.removeprefix("≈ ").replace("−", "-").split()[0]) == pytest.approx(difference, abs=1e-3)
    assert cells.nth(1).get_attribute("class") == "worse" and "p = " in cells.nth(1).get_attribute("title")


def test_what_is_known_to_be_worse_and_no_cheaper_is_hollow(add_scored, open_page, work):
    random = np.random.default_rng(3)
    systems = {"a": (3.0, 100), "b": (3.0, 200), "c": (2.0, 200), "d": (2.0, 50)}
    for name, (mean, parameters) in systems.items():
        add_scored("r/exp", f"{name}/decode", mean + random.normal(0, 0.1, 8), parameters=parameters)
    assert cli.main(["compare", "--out", "out", "r"]) == 0
    marks = open_page(work / "out/report.html").locator("#plots g[data-row]")
    found = {mark.get_attribute("data-row"): mark.get_attribute("class").split()[1] for mark in marks.all()}
    assert found == {"0": "front", "1": "front", "2": "beaten", "3": "front"}


def test_without_its_audio_the_page_says_so(built, open_page):
    path = built()
    shutil.rmtree(path.parent / "audio")
    page = open_page(path)
    page.locator("#utterances").get_by_role("button", name="u00").click()
    page.get_by_text("is not beside this page").wait_for()


def test_embedded_audio_needs_no_other_file(add_scored, open_page, work):
    add_scored("r/exp", "a/decode", np.arange(16.0), waves=lambda n: np.full(800, 0.01 * n))
    assert cli.main(["compare", "--out", "out", "--audio", "embed", "--utterances", "15", "r"]) == 0
    assert not (work / "out/audio").exists()
    page = open_page(work / "out/report.html")
    for utterance in ("u14", "u00"):
        hear(page, utterance)
        assert state(page)["voices"] == 1
    page.locator("#utterances").get_by_role("button", name="u15").click()
    page.get_by_text("was not put beside this page").wait_for()


def test_audio_that_has_not_changed_is_kept_and_what_is_gone_goes(built, work):
    built()
    audio = work / "out/audio"
    before = {path.name: path.stat().st_mtime_ns for path in audio.iterdir()}
    soundfile.write(work / "r/exp/b/decode/eval/wav/u03.wav", np.zeros(999), RATE)
    built("--utterances", "4")
    after = {path.name: path.stat().st_mtime_ns for path in audio.iterdir()}
    (fresh,) = after.keys() - before.keys()
    assert len(after) == 4 and after.items() - {(fresh, after[fresh])} <= before.items()
    waves = json.loads((audio / fresh).read_text().partition(",")[2].rpartition(")")[0])
    assert base64.b64decode(waves[1])[:4] == b"fLaC"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_and_nothing_is_wider_than_a_phone(built, open_page, scheme):
    page = open_page(built(), viewport={"width": 390, "height": 800}, color_scheme=scheme)
    hear(page, "u00")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for selector in ("h2", ".faint", "#systems td", "#differences td span", "#utterances small", ".apart, select"):
        assert contrast(page, selector) >= 4.5, selector


def contrast(page, selector):
    """The ratio of WCAG 2 between a text and what is behind it."""
    colours = page.evaluate(
        """selector => {
            const found = document.querySelector(selector), paint = document.createElement("canvas").getContext("2d");
            const rgb = colour => {
                paint.clearRect(0, 0, 1, 1);
                paint.fillStyle = colour;
                paint.fillRect(0, 0, 1, 1);
                return Array.from(paint.getImageData(0, 0, 1, 1).data);
            };
            let behind = found;
            while (rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
            return [rgb(getComputedStyle(found).color), rgb(getComputedStyle(behind).backgroundColor)];
        }""",
        selector,
    )
    shares = [np.array(colour[:3]) / 255 for colour in colours]
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in shares]
    lights = sorted(np.dot(c, [0.2126, 0.7152, 0.0722]) for c in linear)
    return (lights[1] + 0.05) / (lights[0] + 0.05)
