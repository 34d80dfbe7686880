"""The scores of one row, speaker by speaker."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vocoders.data.directory import some
from vocoders.errors import InputError
from vocoders.io.tables import read_table
from vocoders.reporting.labels import labels
from vocoders.reporting.results import Result
from vocoders.reporting.tables import Column, Table, origin, score_columns
from vocoders.scoring.bootstrap import crossed_interval
from vocoders.scoring.summary import too_few_defined


@dataclass(frozen=True)
class Share:
    """One speaker's utterances of a result, with what tables ask of a result."""

    result: Result
    speaker: str
    utterances: list[str]
    system: dict = field(default_factory=dict)

    @property
    def members(self):
        return self.result.members

    @property
    def summary(self):
        return {"n": len(self.utterances)}

    @property
    def metrics(self):
        """Score name -> {"mean", "low", "high", "n", "undefined"} of this speaker."""
        return {name: {**entry, **self._figures(name)} for name, entry in self.result.metrics.items()}

    def _figures(self, metric):
        values = self.result.values(metric, self.utterances)
        defined = ~np.isnan(values).any(0)
        undefined = [utt for utt, known in zip(self.utterances, defined) if not known]
        figures = {**crossed_interval(values[:, defined])._asdict(), "undefined": undefined}
        return {**figures, "mean": None} if too_few_defined(len(undefined), len(self.utterances)) else figures


def speaker_tables(sets):
    """A table for each row of each set (name -> rows): a line per speaker, with its number of utterances."""
    return [_table(name, label, row) for name, rows in sets.items() for label, row in zip(labels(rows), rows)]


def _table(name, label, result):
    shares = [Share(result, speaker, utterances) for speaker, utterances in by_speaker(result).items()]
    counts = [len(share.utterances) for share in shares]
    columns = [Column("speaker", [share.speaker for share in shares]), Column("n", list(map(str, counts)), counts)]
    columns += [column for column in score_columns(shares) if any(value is not None for value in column.values)]
    return Table(f"{name}, {label}: by speaker", shares, columns, [origin(result)])


def by_speaker(result):
    """Speaker -> its scored utterances, both sorted, as utt2spk says that lies beside the reference wav.scp.

    Raises InputError when there is none, or it lacks utterances.
    """
    reference = Path(result.members[0].summary["reference"]).parent / "utt2spk"
    table = result.members[0].find(reference) or reference  # the latter where the experiments lie outside of the recipe
    if not table.is_file():
        raise InputError(
            f"{result.directory}/summary.json: {reference}, which would say who speaks, is not there; "
            "run this in the directory that vocoders score ran in"
        )
    speakers = read_table(table)
    if unknown := sorted(result.scores.keys() - speakers.keys()):
        raise InputError(f"{table}: {len(unknown)} utterance(s) of {result.directory} have no speaker: {some(unknown)}")
    found = {}
    for utterance in sorted(result.scores):
        found.setdefault(speakers[utterance], []).append(utterance)
    return dict(sorted(found.items()))
