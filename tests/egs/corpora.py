"""A tiny corpus for each recipe, in the layout of the real one.

``CORPORA["ljspeech"](folder)`` fills the folder and returns the options of ./run.sh that make stages 0 to 5 run on it.
A new recipe egs/<corpus>/<task> has its function here, under the name of its corpus.
"""

import numpy as np
import soundfile

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight")


def speech(rate, seed, seconds=0.6):
    """Something with the pitch and the spectrum of a voice that no other seed gives, float64 [T]."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    phase = (
        2 * np.pi * np.cumsum(rng.uniform(90, 220) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(2, 6) * time))) / rate
    )
    voice = sum(np.sin(number * phase) / number for number in range(1, 20))
    return 0.1 * (voice * np.abs(np.sin(2 * np.pi * 3 * time + seed)) + 0.05 * rng.standard_normal(len(time)))


def write(path, rate, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, speech(rate, seed), rate, subtype="PCM_16")


def ljspeech(folder):
    ids = [f"LJ001-{number:04}" for number in range(1, 9)]
    for seed, utterance in enumerate(ids):
        write(folder / "LJSpeech-1.1" / "wavs" / f"{utterance}.wav", 22050, seed)
    lines = [f"{utterance}|No. {seed}|number {WORDS[seed]}\n" for seed, utterance in enumerate(ids)]
    (folder / "LJSpeech-1.1" / "metadata.csv").write_text("".join(lines))
    return ["--download_dir", folder, "--num_dev", "2", "--num_eval", "2"]


def mini(folder):
    """It makes its own corpus."""
    return ["--download_dir", folder, "--num_dev", "2", "--num_eval", "2"]


def vctk(folder):
    """Version 0.92: six speakers, each with four sentences that no other one reads."""
    corpus = folder / "VCTK-Corpus-0.92"
    table = ["ID  AGE  GENDER  ACCENTS  REGION COMMENTS"]
    for speaker in range(6):
        name = f"p{225 + speaker}"
        table.append(f"{name}  2{speaker}  {'FM'[speaker % 2]}  English  Somewhere")
        (corpus / "txt" / name).mkdir(parents=True)
        for number in range(4 * speaker + 30, 4 * speaker + 34):
            write(corpus / "wav48_silence_trimmed" / name / f"{name}_{number:03}_mic1.flac", 48000, number)
            (corpus / "txt" / name / f"{name}_{number:03}.txt").write_text(f"Sentence {number} is new.\n")
    (corpus / "speaker-info.txt").write_text("\n".join(table) + "\n")
    return ["--download_dir", folder, "--num_dev", "1", "--num_eval", "1", "--data_args", "--num_unseen 2"]


CORPORA = {"ljspeech": ljspeech, "mini": mini, "vctk": vctk}
