"""Excerpts, on features whose every sample says where it is."""

import numpy as np
import pytest
import torch

from vocoders.data.segments import RandomSegments, fixed_segments
from vocoders.errors import InputError
from vocoders.io.features import FeatureReader, FeatureWriter, write_index

HOP, FRAMES = 4, {"a": 10, "b": 25, "c": 6}


@pytest.fixture
def reader(tmp_path):
    """Sample t of an utterance is t, mel frame i is i * HOP, its first sample."""
    with FeatureWriter(tmp_path / "feats.1.h5", hop_size=HOP) as part:
        for utterance, frames in FRAMES.items():
            mel = np.repeat(np.arange(frames, dtype=np.float32)[:, None] * HOP, 3, 1)
            part.write(utterance, np.arange(frames * HOP, dtype=np.int16), mel)
    write_index(tmp_path)
    return FeatureReader(tmp_path)


def first_samples(batch):
    return (batch.wave[..., 0] * 32768).round().long()


def test_mel_and_wave_of_an_excerpt_belong_together(reader):
    segments = RandomSegments(reader, frames=5, hop_size=HOP)
    for seed in range(20):
        wave, mel = segments[1, seed]
        assert wave.shape == (20,) and mel.shape == (3, 5)
        assert (wave[::HOP] * 32768).tolist() == mel[0].tolist()


def test_every_start_occurs_and_the_seed_decides_it(reader):
    segments = RandomSegments(reader, frames=5, hop_size=HOP)
    starts = {int(segments[0, seed].mel[0, 0]) // HOP for seed in range(200)}
    assert starts == set(range(6))  # of 10 frames, the last 5 included
    assert torch.equal(segments[0, 3].wave, segments[0, 3].wave)


def test_fixed_segments_spread_over_the_whole_set(reader):
    whole = fixed_segments(reader, frames=5, hop_size=HOP, batch_size=3, count=100)
    assert [len(b.wave) for b in whole] == [3, 3, 2]  # 2 of a, 5 of b, 1 of c
    chosen = torch.cat(
        [first_samples(b) for b in fixed_segments(reader, frames=5, hop_size=HOP, batch_size=3, count=4)]
    )
    assert chosen.tolist() == [0, 0, 40, 80]  # every second of the eight


def test_short_utterances_are_left_out_up_to_the_limit(reader, caplog):
    segments = RandomSegments(reader, frames=8, hop_size=HOP, short_limit=0.4)
    assert segments.utterances == ["a", "b"] and "1 of 3 utterances are shorter" in caplog.text
    with pytest.raises(InputError, match="1 of 3 utterances are shorter than a segment of 8 frames: c; lower"):
        RandomSegments(reader, frames=8, hop_size=HOP)
