"""Features in, waves out: each utterance has its own seed, so interruptions change nothing.

OUT/system.json     what makes the waves; other settings in the same directory start it anew
OUT/wav/<utt>.wav   16-bit PCM
OUT/decode.jsonl    a line per finished utterance: samples, seconds, real-time factor, seed, clipping
OUT/wav.scp         written last, complete
"""

import json
import logging
import shutil
from pathlib import Path
from time import perf_counter

import torch

from vocoders import provenance
from vocoders.checkpoint import trained_on
from vocoders.errors import InputError
from vocoders.features.mel import convert
from vocoders.features.source import open_features
from vocoders.io.audio import write_wave
from vocoders.io.files import append_jsonl, read_json, read_jsonl, remove_partials, write_json, write_text
from vocoders.io.tables import write_table
from vocoders.log import progress
from vocoders.seeding import seeded

WARM_UP_FRAMES = 32
NAMES = ("evaluations", "schedule_name")  # what tables say of the sampling
ABOUT = ("provenance", "checkpoint", "experiment", "training_seconds", *NAMES)  # may change without changing a wave
log = logging.getLogger(__name__)


class Decoder:
    """Decodes ``features`` with a ``System`` into the directory ``output``.

    ``features`` is a feature directory, or Kaldi's with ``mel_config`` and perhaps ``stats`` (features/source.py).
    Raises InputError when the features are not of the kind that the system was trained on, unless ``convert_mel``
    allows a conversion that loses nothing; and when it was trained on some of these very utterances, unless ``seen``.
    """

    def __init__(self, system, features, output, *, seed=0, convert_mel=False, seen=False, mel_config=None, stats=None):
        self.system, self.seed, self.output = system, seed, Path(output)
        self.features, self.spec = open_features(features, mel_config=mel_config, stats=stats)
        self.wanted = system.mel_spec or self.spec
        _check_mels(self.spec, self.wanted, features, convert_mel)
        if not seen:
            _check_unseen(self.features.utterances, system.description.get("experiment"), features)

    def run(self):
        """Decodes what is not there yet; returns the records of all utterances."""
        shortest = min(self.features.utterances, key=self.features.frames.get)
        self._synthesize(shortest, WARM_UP_FRAMES)  # also the last check before anything is written
        done = self._resume()
        todo = sorted(self.features.utterances, key=lambda utt: (-self.features.frames[utt], utt))
        todo = [utt for utt in todo if utt not in done]  # the longest first: what does not fit fails at once
        if done:
            log.info("%s: %d utterances are finished, %d to go", self.output, len(done), len(todo))
        with progress(todo, unit="utt", desc=f"decode {self.output}") as bar:
            for utt in bar:
                done[utt] = self._decode(utt)
                append_jsonl(self.output / "decode.jsonl", done[utt])
                bar.set_postfix_str(f"RTF {done[utt]['rtf']:.3g}")
        write_table(self.output / "wav.scp", {utt: self._path(utt) for utt in self.features.utterances})
        return [done[utt] for utt in self.features.utterances]

    def _decode(self, utt):
        wave, seconds = self._synthesize(utt)
        try:
            clipped = write_wave(self._path(utt), wave, self.spec.sample_rate)
        except InputError as error:  # not finite
            raise InputError(f"{utt}: {self.system.description['system']} failed: {error}") from None
        duration = len(wave) / self.spec.sample_rate
        return {
            "utt": utt,
            "samples": len(wave),
            "audio_seconds": duration,
            "compute_seconds": seconds,
            "rtf": seconds / duration,
            "seed": self.seed,
            "clipped": clipped,
        }

    def _synthesize(self, utt, frames=None):
        """(wave [T], seconds without reading and writing), of the first ``frames`` only if told."""
        mel = torch.from_numpy(self.features.mel(utt, 0, frames))  # [C, L]
        if self.wanted != self.spec:
            mel = convert(mel, self.spec, self.wanted)
        samples = mel.shape[-1] * self.spec.hop_size
        own = self.features.wave(utt, 0, samples) / 32768 if self.system.copies else None
        generator = seeded(self.seed, utt)
        start = perf_counter()
        wave = self.system.synthesize(mel, own, self.spec, generator)
        seconds = perf_counter() - start
        if wave.shape != (samples,):
            made = tuple(wave.shape)
            raise ValueError(f"{utt}: {self.system.description['system']} made {made} samples of {samples}")
        return wave.numpy(), seconds

    def _path(self, utt):
        return self.output / "wav" / f"{utt}.wav"

    def _resume(self):
        """Utterance -> record of what a former run with these settings finished; prepares the directory."""
        settings = {
            **self.system.description,
            "mel": self.spec.as_dict(),
            "mel_hash": self.spec.hash,
            "features": self.features.digest(),
            "seed": self.seed,
            "provenance": provenance.collect(),
        }
        if self._same_settings(json.loads(json.dumps(settings))):
            self._rename(settings)
            done = {record["utt"]: record for record in read_jsonl(self.output / "decode.jsonl")}
            done = {utt: record for utt, record in done.items() if self._finished(record)}
        else:
            done = {}
            write_json(self.output / "system.json", settings)
        remove_partials(self.output)
        remove_partials(self.output / "wav")
        if len(done) < len(self.features.utterances):
            (self.output / "wav.scp").unlink(missing_ok=True)
        lines = [json.dumps(record) + "\n" for record in done.values()]
        write_text(self.output / "decode.jsonl", "".join(lines))
        return done

    def _rename(self, settings):
        """Keeps what tables say of the schedule up to date."""
        old = read_json(self.output / "system.json")
        if any(old.get(key) != settings.get(key) for key in NAMES):
            write_json(self.output / "system.json", {**old, **{key: settings.get(key) for key in NAMES}})

    def _finished(self, record):
        samples = self.features.frames.get(record["utt"], 0) * self.spec.hop_size
        return record["samples"] == samples and self._path(record["utt"]).exists()

    def _same_settings(self, settings):
        """Whether the directory has these settings; with others it is cleared, not being ours refused."""
        if not (self.output / "system.json").exists():
            if (self.output / "wav.scp").exists():
                raise InputError(f"{self.output}: has a wav.scp that vocoders decode did not write; name another")
            return False
        old = read_json(self.output / "system.json")
        keys = [key for key in {**old, **settings} if key not in ABOUT and old.get(key) != settings.get(key)]
        if keys:
            log.warning("%s: was decoded with another %s; decoding it anew", self.output, ", ".join(keys))
            for name in ("summary.json", "wav.scp", "decode.jsonl"):
                (self.output / name).unlink(missing_ok=True)
            shutil.rmtree(self.output / "wav", ignore_errors=True)
        return not keys


def summary(records):
    """One line on a decoded set: duration, real-time factor, clipping."""
    keys = ("audio_seconds", "compute_seconds", "samples", "clipped")
    audio, computing, samples, clipped = (sum(record[key] for record in records) for key in keys)
    affected = sum(record["clipped"] > 0 for record in records)
    return (
        f"{len(records)} utterances, {audio:.1f} s in {computing:.1f} s (RTF {computing / audio:.3g}); "
        f"clipped: {clipped} of {samples} samples, in {affected} utterances"
    )


def _check_mels(found, wanted, features, convert_mel):
    if found == wanted:
        return
    difference = "; ".join(found.difference(wanted))
    told = f"{features}: its mels are not those of the checkpoint (features != checkpoint: {difference})"
    if not found.convertible_to(wanted):
        raise InputError(f"{told}; make features with the checkpoint's mel settings")
    if not convert_mel:
        raise InputError(f"{told}, but can be converted without loss: add --convert_mel true")
    log.info("%s: mels are converted (%s)", features, difference)


def _check_unseen(utterances, experiment, features):
    known = trained_on(experiment) if experiment else set()
    seen = [utt for utt in utterances if utt in known]
    if seen:
        named = ", ".join(seen[:3]) + (" ..." if len(seen) > 3 else "")
        raise InputError(
            f"{features}: {experiment} was trained on {len(seen)} of these {len(utterances)} utterances ({named}), so "
            f"their scores would tell nothing of new speech; decode a set that was split off before training, or train "
            f"anew with --tag (to hear them all the same: vocoders decode --seen true)"
        )
