"""Mel settings as ESPnet and ParallelWaveGAN write them, as a ``MelSpec``: exactly, or not at all.

    ParallelWaveGAN   any of its configurations: sampling_rate fft_size hop_size win_length window num_mels fmin fmax
    ESPnet 1          the options of its front end: fs n_fft n_shift win_length window n_mels fmin fmax
    ESPnet 2          config.yaml of a training: feats_extract, feats_extract_conf

All three take librosa's centred STFT with a Hann window, Slaney's mels of magnitudes, and log10(max(1e-10, x))
(ParallelWaveGAN: another base on request).  ESPnet 2 also raises each bin of the STFT to 1e-5, which no ``MelSpec``
says: only its digital silence differs, about -6.3 instead of -10.  ParallelWaveGAN's ``global_gain_scale`` and
trimming change waves and not how mels are made from them.
"""

import logging
import re
from pathlib import Path

from vocoders import config
from vocoders.errors import InputError
from vocoders.features.mel import MelSpec

log = logging.getLogger(__name__)

COMMON = {"n_fft": "n_fft", "win_length": "win_size", "n_mels": "n_mels", "fmin": "f_min", "fmax": "f_max"}
ESPNET_1 = {**COMMON, "fs": "sample_rate", "n_shift": "hop_size"}
ESPNET_2 = {**COMMON, "fs": "sample_rate", "hop_length": "hop_size"}
PARALLEL_WAVEGAN = {
    "sampling_rate": "sample_rate",
    "fft_size": "n_fft",
    "win_length": "win_size",
    "hop_size": "hop_size",
    "num_mels": "n_mels",
    "fmin": "f_min",
    "fmax": "f_max",
}
# What ESPnet 2 takes for what its config.yaml leaves out
ESPNET_2_DEFAULTS = {"fs": 16000, "n_fft": 1024, "win_length": None, "hop_length": 256, "n_mels": 80}
ESPNET_2_DEFAULTS |= {"fmin": 80, "fmax": 7600}
AS_OURS = {"center": True, "pad_mode": "reflect", "normalized": False, "onesided": True}  # others have no MelSpec
LOGS = {None: "ln", 10.0: "log10"}  # by base
KALDI = ("sample_frequency", "sample-frequency", "num_mel_bins", "num-mel-bins")


def load_mel_spec(path):
    """The ``MelSpec`` of a YAML file, ours or of another toolkit; a directory is one of ours.

    Raises InputError when settings are absent, or cannot be expressed exactly.
    """
    if Path(path).is_dir():
        return MelSpec.load(path)
    options = config.load(path)
    if "feats_extract_conf" in options or "feats_extract" in options:
        return _espnet_2(path, options)
    if "fft_size" in options or "num_mels" in options or "sampling_rate" in options:
        return _parallel_wavegan(path, options)
    if "fs" in options:
        return _espnet_1(path, options)
    if any(key in options for key in KALDI):
        raise InputError(
            f"{path}: Kaldi's own filter banks (Povey's window, pre-emphasis, no padding) are not among the mels of "
            f"this program; make features with vocoders features, ESPnet or ParallelWaveGAN"
        )
    return MelSpec.load(path)


def _parallel_wavegan(path, options):
    """Keys beside those of the front end are of its training."""
    rate, feature_rate = options.get("sampling_rate"), options.get("sampling_rate_for_feats")
    if feature_rate not in (None, rate):
        raise InputError(f"{path}: sampling_rate_for_feats {feature_rate} is not sampling_rate {rate}: not supported")
    base = options.get("log_base", 10.0)
    if base not in list(LOGS):  # a list in YAML has no hash
        raise InputError(f"{path}: log_base: expected 10.0, or null for the natural logarithm, found {base!r}")
    return _build(path, options, PARALLEL_WAVEGAN, log=LOGS[base])


def _espnet_1(path, options):
    if "n_shift" not in options and "hop_length" in options:
        return _tell_of_silence(path, _build_strictly(path, options, ESPNET_2))
    return _build_strictly(path, options, ESPNET_1)


def _espnet_2(path, options):
    kind = options.get("feats_extract", "fbank")
    if kind != "fbank":
        raise InputError(f"{path}: feats_extract: only fbank gives mels, found {kind!r}")
    conf = options.get("feats_extract_conf")
    if not isinstance(conf, dict | None):
        raise InputError(f"{path}: feats_extract_conf: expected a mapping, found {conf!r}")
    return _tell_of_silence(path, _build_strictly(path, {**ESPNET_2_DEFAULTS, **(conf or {})}, ESPNET_2))


def _build_strictly(path, options, names):
    """Of a mapping with no keys but those of the front end."""
    config.refuse_unknown(options, [*names, "window", "htk", *AS_OURS], f"{path}:")
    for key, ours in AS_OURS.items():
        if options.get(key, ours) != ours:
            raise InputError(f"{path}: {key} {options[key]!r} cannot be expressed, only {ours!r}")
    return _build(path, options, names, mel_scale="htk" if options.get("htk", False) else "slaney")


def _build(path, options, names, *, log="log10", mel_scale="slaney"):
    absent = [key for key in names if key not in options and key != "win_length"]
    if absent:
        raise InputError(f"{path}: has no {', '.join(absent)}; write what the features were made with, if only null")
    window = options.get("window", "hann")
    if window != "hann":
        raise InputError(f"{path}: window {window!r} cannot be expressed, only 'hann'")
    values = {ours: options.get(theirs) for theirs, ours in names.items()}
    values["sample_rate"] = _hertz(values["sample_rate"])
    values["win_size"] = values["win_size"] or values["n_fft"]
    values["f_min"] = values["f_min"] or 0.0
    settings = {**values, "mel_scale": mel_scale, "log": log, "floor": 1e-10}
    try:
        return config.build(MelSpec, settings, where="mel")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _hertz(rate):
    """24000 of "24k"."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)k(?:Hz)?", rate) if isinstance(rate, str) else None
    return round(float(match[1]) * 1000) if match else rate


def _tell_of_silence(path, spec):
    log.info("%s: ESPnet 2 raises each bin to 1e-5: its digital silence is louder than this program's mels say", path)
    return spec
