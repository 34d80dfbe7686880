"""What all tests share."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and their children, ignore it
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # those of nohup ignore this one
torch.set_num_threads(1)  # results must not depend on it, and two test processes must not fight


def pytest_configure(config):
    """Native kernels are compiled for the tests, and found by the next ones, without a trace in the user's cache."""
    if cache := getattr(config, "cache", None):  # not with -p no:cacheprovider
        os.environ.setdefault("VOCODERS_CACHE", str(cache.mkdir("kernels")))


@pytest.fixture
def repository():
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data():
    """Small real corpora beside the checkout (LJSpeech-1.1, VCTK-Corpus, fsdd, ...); in CI they must be there."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"needs the speech excerpts in {folder}")
    assert folder.is_dir(), f"CI must have the speech excerpts in {folder}"
    return folder


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, one for all tests (playwright's ``Browser``); in CI it must be there."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program and not os.environ.get("CI"):
        pytest.skip("needs Chromium (apt-get install chromium)")
    assert program, "CI must have Chromium"
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """``open_page(path, **context options)`` -> playwright's ``Page`` of a file.

    A request to anything but a file fails the test, and so does an error in a script.
    """
    contexts, wrong = [], []

    def open_(path, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: None if _is_local(request.url) else wrong.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(Path(path).resolve().as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not wrong


def _is_local(url):
    return url.startswith(("file:", "data:", "blob:"))
