"""Pieces of any size add up to the whole, and memory does not grow with it."""

import pytest
import torch

from vocoders.fast.sweep import Node, Sweep, Track

RATE = 4  # samples of the wave in a frame
KERNEL = torch.tensor([[[0.5, -1.0, 2.0, 0.25, 1.0]]], dtype=torch.float64)


def smoothed(x):
    """A convolution that reaches two samples to each side, with zeros beyond the ends."""
    return torch.nn.functional.conv1d(x, KERNEL, padding=2)


def opened(depth, *, left=1, right=1):
    """``depth`` convolutions over the first band of the mel, held for RATE samples."""
    mel, wave = Track(), Track()
    nodes = [Node(lambda a, b, mel: [mel[:, :1].repeat_interleave(RATE, -1)], [mel], [wave])]
    for _ in range(depth):
        following, unread = Track(), Track()
        nodes.append(Node(lambda a, b, x: [smoothed(x), x], [wave], [following, unread], left=left, right=right))
        wave = following
    flat = Track()
    nodes.append(Node(lambda a, b, x: [x[:, 0]], [wave], [flat]))
    return Sweep(nodes, mel, flat)


def swept(sweep, mel, sizes):
    pieces = mel.split(sizes, -1)
    return torch.cat([sweep.push(piece, last=n == len(pieces)) for n, piece in enumerate(pieces, 1)], -1)


@pytest.mark.parametrize("sizes", [[23], [1] * 23, [5, 0, 17, 1], [22, 1], [1, 22]])
def test_pieces_add_up_to_the_whole(sizes):
    mel = torch.randn(2, 3, 23, dtype=torch.float64)
    expected = mel[:, :1].repeat_interleave(RATE, -1)
    for _ in range(4):
        expected = smoothed(expected)
    torch.testing.assert_close(swept(opened(4), mel, sizes), expected[:, 0], rtol=0, atol=1e-12)


def test_a_reach_that_is_too_short_shows():
    mel = torch.randn(1, 1, 23, dtype=torch.float64)
    whole = swept(opened(4), mel, [23])
    assert not torch.allclose(swept(opened(4, left=0), mel, [1] * 23), whole)
    assert not torch.allclose(swept(opened(4, right=0), mel, [1] * 23), whole)


def test_what_is_given_is_what_is_known():
    """Four nodes that look one frame ahead: the first piece of five frames decides one."""
    sweep, mel = opened(4), torch.randn(1, 1, 30, dtype=torch.float64)
    assert sweep.delay == 4
    given = [sweep.push(mel[..., n : n + 5]).shape[-1] // RATE for n in range(0, 30, 5)]
    assert given == [1, 5, 5, 5, 5, 5]
    assert sweep.push(mel[..., :0], last=True).shape[-1] == 4 * RATE


def test_tracks_forget_what_nobody_will_read():
    sweep, held = opened(3), []
    for _ in range(200):
        sweep.push(torch.randn(1, 1, 10, dtype=torch.float64))
        tracks = {id(track): track for node in sweep.nodes for track in (*node.inputs, *node.outputs)}.values()
        held.append(sum(track._data.untyped_storage().nbytes() for track in tracks))
    assert max(held[10:]) <= 2 * held[10]
    assert all(track.start > 1900 for track in tracks)


def test_a_node_may_read_what_lags_and_what_does_not():
    """Their difference is zero only if both are read at the same frames."""
    mel, slow, fast, wave = Track(), Track(), Track(), Track()
    sweep = Sweep(
        [
            Node(lambda a, b, x: [x], [mel], [slow], left=2, right=3),
            Node(lambda a, b, x: [x], [mel], [fast]),
            Node(lambda a, b, x, y: [(x - y)[:, 0]], [slow, fast], [wave]),
        ],
        mel,
        wave,
    )
    assert sweep.delay == 3
    found = swept(sweep, torch.randn(1, 1, 23), [4, 4, 1, 1, 1, 12])
    assert found.shape == (1, 23) and not found.any()
