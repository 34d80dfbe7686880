"""``vocoders bench features``: extraction beside librosa and torchaudio, same waves, same run."""

import logging
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from vocoders.features.extract import Extractor, extract_part, wav_table
from vocoders.features.mel import MelSpec, padding, window_norm
from vocoders.io.audio import read_wave


def main(data, config, rounds):
    """Lines of a report: speed on one thread (medians of alternating rounds), and the largest differences."""
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    spec = MelSpec.load(config)
    extractor = Extractor(spec)
    waves = [_cropped(read_wave(source, where=name)[0], spec) for name, source in wav_table(data)[1].items()]
    seconds = sum(map(len, waves)) / spec.sample_rate
    with threadpool_limits(1), TemporaryDirectory() as folder:
        jobs = {
            "extraction (read, mel, write)": lambda: _extract(data, Path(folder), extractor),
            "LogMel, float64 as extracted": lambda: [_ours(extractor, wave.astype(np.float64)) for wave in waves],
            "LogMel, float32": lambda: [_ours(extractor, wave) for wave in waves],
            "librosa.feature.melspectrogram": lambda: [librosa_mel(spec, wave) for wave in waves],
            "torchaudio MelSpectrogram": lambda: [torchaudio_mel(spec, wave) for wave in waves],
        }
        times = {name: statistics.median(values) for name, values in _alternate(jobs, rounds).items()}
        differences = []
        for name, reference in (("librosa", librosa_mel), ("torchaudio", torchaudio_mel)):
            double, single = ([_reference(spec, reference, w, t) for w in waves] for t in (np.float64, np.float32))
            stored = [extractor.mel((wave * 32768).astype(np.int16)).T for wave in waves]
            differences += [
                f"largest difference to {name} (float64): {_largest_difference(stored, double):.1e}",
                f"largest difference to {name} (float32): {_largest_difference(stored, single):.1e}",
                f"largest of {name} (float32) to itself (float64): {_largest_difference(single, double):.1e}",
            ]
    librosa = times["librosa.feature.melspectrogram"]
    speeds = [
        f"{name:<32} {time:8.3f} s {seconds / time:8.0f} x real time per core {librosa / time:6.2f} x librosa"
        for name, time in times.items()
    ]
    return [f"{len(waves)} utterances, {seconds:.1f} s, mel {spec.hash}, one thread", *speeds, *differences]


def librosa_mel(spec, wave):
    """The linear mel [C, L] of a wave [T], by librosa; in the wave's precision."""
    import librosa

    settings = {
        "n_fft": spec.n_fft,
        "hop_length": spec.hop_size,
        "win_length": spec.win_size,
        "power": spec.power,
    }
    bands = {
        "n_mels": spec.n_mels,
        "fmin": spec.f_min,
        "fmax": spec.f_max,
        "htk": spec.mel_scale == "htk",
        "norm": spec.mel_norm,
    }
    padded = np.pad(wave, padding(spec), mode="reflect")
    mel = librosa.feature.melspectrogram(y=padded, sr=spec.sample_rate, center=False, **settings, **bands)
    mel = mel[:, : len(wave) // spec.hop_size]
    return mel / window_norm(spec) ** spec.power if spec.stft_normalized else mel


def torchaudio_mel(spec, wave):
    """The linear mel [C, L] of a wave [T], by torchaudio; in the wave's precision."""
    padded = torch.from_numpy(np.pad(wave, padding(spec), mode="reflect"))
    return _torchaudio_transform(spec, padded.dtype)(padded)[:, : len(wave) // spec.hop_size].numpy()


_transforms = {}


def _torchaudio_transform(spec, dtype):
    if (spec, dtype) not in _transforms:
        from torchaudio.transforms import MelSpectrogram

        stft = {
            "n_fft": spec.n_fft,
            "win_length": spec.win_size,
            "hop_length": spec.hop_size,
            "power": float(spec.power),
        }
        bands = {"n_mels": spec.n_mels, "f_min": spec.f_min, "f_max": spec.f_max}
        shape = {
            "norm": spec.mel_norm,
            "mel_scale": spec.mel_scale,
            "normalized": spec.stft_normalized,
            "center": False,
        }
        _transforms[spec, dtype] = MelSpectrogram(spec.sample_rate, **stft, **bands, **shape).to(dtype)
    return _transforms[spec, dtype]


def _alternate(jobs, rounds):
    times = {name: [] for name in jobs}
    for turn in range(rounds + 1):  # the first one warms up
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times


def _extract(data, folder, extractor):
    (folder / "feats.1.h5").unlink(missing_ok=True)
    logging.getLogger("vocoders.features.extract").setLevel(logging.WARNING)
    extract_part(data, folder, extractor, 1, 1)


@torch.inference_mode()
def _ours(extractor, wave):
    return extractor.transform(torch.from_numpy(wave)[None])[0].numpy()


def _reference(spec, reference, wave, dtype):
    return spec.compress(torch.from_numpy(reference(spec, wave.astype(dtype)))).numpy()


def _largest_difference(ours, theirs):
    return max(float(np.abs(one - other).max()) for one, other in zip(ours, theirs))


def _cropped(wave, spec):
    return wave[: len(wave) // spec.hop_size * spec.hop_size]
