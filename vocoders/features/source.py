"""Mels to decode, wherever they come from: a feature directory of ours, or Kaldi's tables and archives."""

from pathlib import Path

from vocoders.errors import InputError
from vocoders.features.filter_bank import filter_bank
from vocoders.features.foreign import load_mel_spec
from vocoders.features.mel import MelSpec, window, window_norm
from vocoders.io.features import FeatureReader
from vocoders.io.kaldi import KaldiReader
from vocoders.io.statistics import read_statistics

LOOKED_AT = 3  # utterances
IMPOSSIBLE = 0.01  # share of values up to which an acoustic model may have overshot


def open_features(path, *, mel_config=None, stats=None):
    """(reader, MelSpec) of a feature directory, or of Kaldi features with their mel settings named.

    Kaldi features are ``feats.scp``, a directory with one, or an archive ``.ark``.  Their settings are in
    ``mel_config`` (features/foreign.py), or in a ``mel.yaml`` beside them; ``stats`` (io/statistics.py) undoes a
    normalisation.
    Raises InputError when something is missing, does not fit, or is louder than mels can be.
    """
    path = Path(path)
    table = path / "feats.scp" if path.is_dir() else path
    if _is_ours(table) or not (table.is_file() or mel_config):
        if mel_config or stats:
            raise InputError(f"{path}: a feature directory has its own mel.yaml: leave out --mel_config and --stats")
        directory = table.parent if table.is_file() else path
        return FeatureReader(directory), MelSpec.load(directory)
    spec = load_mel_spec(mel_config or _settings_beside(table))
    statistics = read_statistics(stats, spec.n_mels) if stats else None
    reader = KaldiReader(table, n_mels=spec.n_mels, statistics=statistics)
    _refuse_impossible(reader, spec)
    return reader, spec


def loudest(spec):
    """[C]: what the mel of a wave in [-1, 1] cannot exceed, all bins at the sum of the window at once."""
    bins = window(spec).sum() / (window_norm(spec) if spec.stft_normalized else 1)
    return spec.compress(filter_bank(spec).sum(1) * bins**spec.power)


def _is_ours(table):
    return table.name == "feats.scp" and table.is_file() and any(table.parent.glob("feats.*.h5"))


def _settings_beside(table):
    path = table.parent / "mel.yaml"
    if not path.exists():
        raise InputError(
            f"{table}: does not say how its mels were made; name the settings with --mel_config FILE, one of ours "
            f"(conf/mel_*.yaml) or a YAML of ESPnet or ParallelWaveGAN"
        )
    return path


def _refuse_impossible(reader, spec):
    """Normalised mels that are taken for mels decode to noise; no other check would tell.

    Not all are found: of normalised log10 mels of read speech 7 % of the values were impossible, of ln mels few are.
    """
    limit = loudest(spec)[:, None].numpy()
    mels = [reader.mel(utt) for utt in reader.utterances[:LOOKED_AT]]
    values, above = sum(mel.size for mel in mels), sum(int((mel > limit).sum()) for mel in mels)
    if above > IMPOSSIBLE * values:
        raise InputError(
            f"{reader.table}: {above} of the first {values} values are louder than any wave in [-1, 1]; give the "
            f"statistics that the features were normalised with as --stats, or the right --mel_config"
        )
