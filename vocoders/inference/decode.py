"""Features in, waves out: each utterance has its own seed, so interruptions change nothing.

OUT/system.json     what makes the waves; other settings in the same directory start it anew
OUT/wav/<utt>.wav   16-bit PCM
OUT/decode.jsonl    a line per finished utterance: samples, seconds, real-time factor, seed, clipping
OUT/wav.scp         written last, complete
"""

import json
import logging
import shutil
from concurrent.futures import as_completed
from functools import cache
from pathlib import Path

import torch

from vocoders import provenance
from vocoders.checkpoint import trained_on
from vocoders.errors import InputError
from vocoders.features.source import open_features
from vocoders.inference.utterance import UtteranceDecoder
from vocoders.io.audio import MAX_SAMPLES
from vocoders.io.files import append_jsonl, read_json, read_jsonl, remove_partials, write_json, write_text
from vocoders.io.tables import write_table
from vocoders.log import progress
from vocoders.processes import spawned

GPU_BATCH = 16  # utterances that a GPU decodes together unless told otherwise
BATCH_SECONDS = 240  # of padded audio in a batch: this bounds its memory
NAMES = ("evaluations", "schedule_name")  # what tables say of the sampling
ABOUT = ("provenance", "checkpoint", "experiment", "training_seconds", *NAMES)  # may change without changing a wave
log = logging.getLogger(__name__)


class Decoder:
    """Decodes ``features`` with a ``System`` into the directory ``output``.

    ``features`` is a feature directory, or Kaldi's with ``mel_config`` and perhaps ``stats`` (features/source.py).
    Raises InputError when the features are not of the kind that the system was trained on, unless ``convert_mel``
    allows a conversion that loses nothing; and when it was trained on some of these very utterances, unless ``seen``.
    """

    def __init__(
        self,
        system,
        features,
        output,
        *,
        seed=0,
        convert_mel=False,
        seen=False,
        mel_config=None,
        stats=None,
        nj=1,
        batch=None,
    ):
        self.system, self.seed, self.output = system, seed, Path(output)
        self.nj, self.batch = _check_nj(nj, system), _check_batch(batch, system)
        self.features, self.spec = open_features(features, mel_config=mel_config, stats=stats)
        _check_mels(self.spec, system.mel_spec or self.spec, features, convert_mel)
        _check_lengths(self.features.frames, self.spec.hop_size, features)
        if not seen:
            _check_unseen(self.features.utterances, system.description.get("experiment"), features)
        self._decoder = UtteranceDecoder(system, self.features, self.spec, output, seed=seed)

    def run(self):
        """Decodes what is not there yet; returns the records of all utterances."""
        self._decoder.warm_up()  # also the last check before anything is written
        done = self._resume()
        groups = self._groups([utt for utt in self.features.utterances if utt not in done])
        todo = sum(map(len, groups))
        if done:
            log.info("%s: %d utterances are finished, %d to go", self.output, len(done), todo)
        with progress(total=todo, unit="utt", desc=f"decode {self.output}") as bar:
            for record in self._records(groups):
                done[record["utt"]] = record
                append_jsonl(self.output / "decode.jsonl", record)
                bar.update()
                bar.set_postfix_str(f"RTF {record['rtf']:.3g}")
        write_table(self.output / "wav.scp", {utt: self._decoder.path(utt) for utt in self.features.utterances})
        return [done[utt] for utt in self.features.utterances]

    def _groups(self, utterances):
        """What is decoded together, the longest first: what does not fit fails at once, and little is padded."""
        frames = self.features.frames
        todo = sorted(utterances, key=lambda utt: (-frames[utt], utt))
        allowed = BATCH_SECONDS * self.spec.sample_rate // self.spec.hop_size
        groups = []
        while todo:
            number = max(1, min(self.batch, allowed // frames[todo[0]]))
            groups.append(todo[:number])
            todo = todo[number:]
        return groups

    def _records(self, groups):
        """The records as they come."""
        number = min(self.nj, len(groups))
        if number <= 1:
            for group in groups:
                yield from self._decoder.decode(group)
            return
        weights, threads = self.system.description.get("weights"), max(1, torch.get_num_threads() // number)
        given = (self.features, self.spec, self.output, self.seed)
        killed = "a decoding process was killed, perhaps for its memory; run again with a lower --nj"
        try:
            with spawned(
                number, killed=killed, prepare=_prepare, arguments=(threads, self.system.again, weights, given)
            ) as pool:
                for future in as_completed([pool.submit(_decode, group) for group in groups]):
                    yield from future.result()
        finally:
            remove_partials(self.output / "wav")  # of those that were killed

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
        return record["samples"] == samples and self._decoder.path(record["utt"]).exists()

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


_given = None  # in a process of its own: what to decode with


def _prepare(*given):
    global _given
    _given = given
    torch.set_num_threads(given[0])
    logging.disable(logging.WARNING)  # the parent has said it


def _decode(utterances):
    return _decoder().decode(utterances)


@cache
def _decoder():
    """Opened with the first utterances, as a pool does not tell what fails before."""
    _threads, again, weights, (features, spec, output, seed) = _given
    system = again()
    if system.description.get("weights") != weights:
        raise InputError(f"{system.description['checkpoint']}: has changed since decoding began; run it again")
    decoder = UtteranceDecoder(system, features, spec, output, seed=seed)
    decoder.warm_up()
    return decoder


def _on_gpu(system):
    return system.description.get("device", "cpu") != "cpu"


def _check_nj(nj, system):
    if nj < 1:
        raise InputError(f"--nj: expected a number of processes, found {nj}")
    if nj > 1 and _on_gpu(system):
        raise InputError(f"--nj {nj}: processes would only share the GPU; use --batch {nj}, or --device cpu")
    return nj


def _check_batch(batch, system):
    """How many utterances are decoded together."""
    if batch is None:
        return GPU_BATCH if _on_gpu(system) and system.together else 1
    if batch < 1:
        raise InputError(f"--batch: expected a number of utterances, found {batch}")
    if batch > 1 and not system.together:
        about = system.description
        form = f"the backend {about['backend']}" if "backend" in about else f"the baseline {about['baseline']}"
        raise InputError(f"--batch {batch}: {form} decodes one utterance at a time; use --nj for several at once")
    return batch


def _check_lengths(frames, hop_size, features):
    for utt, number in frames.items():
        if number * hop_size > MAX_SAMPLES:
            raise InputError(
                f"{features}: {utt}: {number * hop_size} samples are more than the {MAX_SAMPLES} that a WAV file can "
                f"hold (4 GiB); cut it into utterances"
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
