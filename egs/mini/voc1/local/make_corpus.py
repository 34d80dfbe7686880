"""Makes the mini corpus: every prompt spoken by espeak-ng, in LJ Speech's layout (metadata.csv and wavs/).

  python3 local/make_corpus.py local/prompts.txt downloads/mini-1.0

The PyPI package espeakng-loader brings the library and its voices; nothing is downloaded.  The same prompts
give the same bytes: espeak-ng keeps its state from one sentence to the next (the phase of the voice, its
flutter, random numbers), so every sentence is spoken by a process of its own.  It is one voice; its pitch and
rate differ a little from sentence to sentence: enough to follow, little enough to learn in minutes.
"""

import argparse
import ctypes
import multiprocessing
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np

from vocoders.errors import InputError
from vocoders.io.audio import write_wave
from vocoders.io.files import write_text
from vocoders.log import progress
from vocoders.text.normalizer import normalize

try:
    import espeakng_loader
except ModuleNotFoundError:
    sys.exit("make_corpus.py: error: no package espeakng-loader; install the project with its extra [mini]")

SPEAKER = "MN"
VOICE = "en-us"
RATE = 22050  # espeak-ng knows no other
EDGE_SECONDS = 0.1  # silence before and after the speech
PEAK = 0.7  # -3 dB re full scale
ROOM_TONE = 3e-4  # -70 dB RMS: espeak-ng's pauses are exact zeros, which no recording has

# espeak-ng's speak_lib.h
AUDIO_OUTPUT_SYNCHRONOUS = 2
CHARS_UTF8 = 1
PARAMETER_RATE, PARAMETER_PITCH = 1, 3
POSITION_CHARACTER = 1
SYNTH_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=Path, help="a sentence per line")
    parser.add_argument("corpus", type=Path, help="folder to make")
    options = parser.parse_args()
    make_corpus(options.prompts, options.corpus)


def make_corpus(prompts_file: Path, corpus: Path) -> None:
    """Makes the folder aside and renames it, so one that has the metadata of these prompts is complete."""
    prompts = [line.strip() for line in prompts_file.read_text(encoding="utf-8").splitlines() if line.strip()]
    ids = [f"{SPEAKER}001-{number:04}" for number in range(1, len(prompts) + 1)]
    metadata = "".join(f"{utt}|{prompt}|{normalize(prompt)}\n" for utt, prompt in zip(ids, prompts))
    if _content(corpus / "metadata.csv") == metadata:
        print(f"{corpus} is complete")
        return
    aside = corpus.with_name(corpus.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)  # left by a run that was killed
    try:
        seconds = _speak_all(prompts, [aside / "wavs" / f"{utt}.wav" for utt in ids])
        write_text(aside / "metadata.csv", metadata)
        shutil.rmtree(corpus, ignore_errors=True)  # made from other prompts
        aside.rename(corpus)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    print(f"{corpus}: {len(prompts)} utterances, {seconds / 60:.1f} minutes")


def _speak_all(prompts: list[str], paths: list[Path]) -> float:
    """Writes a wav per prompt; returns the seconds of all."""
    jobs = list(zip(range(len(prompts)), prompts, paths))
    ignore_ctrl_c = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    # fork: espeak-ng is not loaded here, so each process starts afresh; and it speaks one sentence
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), ignore_ctrl_c, maxtasksperchild=1) as pool:
        spoken = pool.imap_unordered(_speak_to, jobs)
        return sum(progress(spoken, total=len(jobs), unit="utt", desc="mini corpus"))


def _speak_to(job: tuple[int, str, Path]) -> float:
    number, prompt, path = job
    wave = finish(speak(prompt, rate=145 + number * 7 % 17, pitch=40 + number * 13 % 21), seed=number)
    write_wave(path, wave, RATE)
    return len(wave) / RATE


def speak(text: str, *, rate: int, pitch: int) -> np.ndarray:
    """What espeak-ng says, int16 [T].  `rate` in words per minute; `pitch` 0 to 99, 50 is the voice's own."""
    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    pieces = []

    @SYNTH_CALLBACK
    def collect(samples, count, _events):
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0  # go on

    data_path = str(espeakng_loader.get_data_path()).encode()
    _expect(RATE, espeak.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, 0), "initialise")
    espeak.espeak_SetSynthCallback(collect)
    _expect(0, espeak.espeak_SetVoiceByName(VOICE.encode()), f"find the voice {VOICE}")
    _expect(0, espeak.espeak_SetParameter(PARAMETER_RATE, rate, 0), "set the rate")
    _expect(0, espeak.espeak_SetParameter(PARAMETER_PITCH, pitch, 0), "set the pitch")
    data = text.encode()
    size = ctypes.c_size_t(len(data) + 1)
    status = espeak.espeak_Synth(data, size, 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
    _expect(0, status, f"say {text!r}")
    _expect(0, espeak.espeak_Synchronize(), f"finish {text!r}")
    return np.concatenate(pieces)


def finish(samples: np.ndarray, *, seed: int) -> np.ndarray:
    """Speech at a fixed peak with EDGE_SECONDS of silence around it and a faint room tone, float64 [T]."""
    wave = samples / np.abs(samples).max() * PEAK
    heard = np.flatnonzero(np.abs(wave) > 0.01 * PEAK)
    edge = np.zeros(round(EDGE_SECONDS * RATE))
    wave = np.concatenate([edge, wave[heard[0] : heard[-1] + 1], edge])
    # RandomState's stream is frozen by numpy's policy; Generator's may change with a version
    return wave + ROOM_TONE * np.random.RandomState(seed).standard_normal(len(wave))


def _expect(wanted: int, found: int, action: str) -> None:
    if found != wanted:
        raise InputError(f"espeak-ng could not {action} (status {found}); reinstall the package espeakng-loader")


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"make_corpus.py: error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
