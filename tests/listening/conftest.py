"""Four systems and the recording, six short utterances; and listeners who need no ears."""

import json

import numpy as np
import pytest
import soundfile
from scipy import signal

from vocoders.io.tables import write_table
from vocoders.listening.build import build
from vocoders.listening.order import presentation

RATE = 16000
SAMPLES = 7200  # 0.45 s
SYSTEMS = ["clean", "hissing", "dull", "broken"]  # from the best to the worst


def voice(number, samples=SAMPLES):
    """Harmonics under a slow envelope."""
    random, seconds = np.random.default_rng(number), np.arange(samples) / RATE
    tones = [np.sin(2 * np.pi * (110 + 15 * number) * k * seconds + random.uniform(0, 6)) / k for k in range(1, 40)]
    return 0.05 * sum(tones) * (0.4 + 0.6 * np.abs(np.sin(9 * seconds)))


@pytest.fixture(scope="session")
def exp(tmp_path_factory):
    """EXP/<system>/wav.scp, of which all but the recording lack the last 100 samples and have levels of their own."""
    root = tmp_path_factory.mktemp("exp")
    hiss = np.random.default_rng(0).standard_normal(SAMPLES)
    low = signal.butter(6, 1500, fs=RATE, output="sos")
    for number in range(6):
        wave = voice(number)
        made = {
            "recording": wave,
            "clean": (0.8 * wave + 0.001 * hiss)[:-100],
            "hissing": (1.5 * wave + 0.02 * hiss)[:-100],
            "dull": signal.sosfilt(low, wave)[:-100],
            "broken": (0.3 * wave + 0.05 * hiss)[:-100],
        }
        for system, samples in made.items():
            path = root / system / "wav" / f"u{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples, RATE, subtype="PCM_16")
    for system in ("recording", *SYSTEMS):
        write_table(root / system / "wav.scp", {f"u{n}": root / system / "wav" / f"u{n}.wav" for n in range(6)})
    return root


@pytest.fixture
def make(exp, tmp_path):
    """make(mode, **options) -> (folder, key) of a test of the four systems on five utterances."""

    def make(mode, *, folder="test", systems=SYSTEMS, **options):
        if mode == "mushra":
            options.setdefault("reference", str(exp / "recording"))
        options = {"utterances": 5, "seed": 31415926535, **options}
        key = build(tmp_path / folder, [f"{system}={exp / system}" for system in systems], mode=mode, **options)
        return tmp_path / folder, key

    return make


@pytest.fixture
def answer(tmp_path):
    """answer(key, listener, rate) -> file such as the page offers, with ``rate(system, utterance)`` for ratings; in ab
    the one of the two with the higher rate is preferred."""

    def answer(key, listener, rate):
        screens = {screen["id"]: screen for screen in key["screens"]}
        told = []
        for place, names in presentation(key["order_seed"], listener, key["settings"]["mode"], key["screens"]):
            screen = screens[place]
            rates = {name: rate(screen["items"][name], screen["utterance"]) for name in names}
            if key["settings"]["mode"] == "ab":
                one, other = rates.values()
                rates = {name: (1 + np.sign(2 * value - one - other)) / 2 for name, value in rates.items()}
            told.append({"id": place, "training": screen["training"], "order": names, "ratings": rates})
        found = {"kind": "result of a listening test", "test": key["test"], "listener": listener, "screens": told}
        path = tmp_path / f"{listener}.json"
        path.write_text(json.dumps(found))
        return path

    return answer
