"""Linear prediction with filters that change from block to block, exactly undone."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

BLOCKS_AT_ONCE = 128  # bounds the memory of their matrices, whatever the length


class Predictor(NamedTuple):
    """Linear prediction of order P for blocks of l samples.

    Within a block, residual[t] = (wave[t] - sum_k a[k] wave[t - k]) / gain for k = 1 ... P.  Before the first block
    nothing is known: its residual is start^-1 wave, which predicts every sample from those there are.
    """

    start: Tensor  # [B, l, l], lower triangular
    a: Tensor  # [B, blocks, P]
    gain: Tensor  # [B, blocks]

    @classmethod
    def from_autocorrelation(cls, r, *, order, length):
        """The one that makes noise of unit variance of a signal with autocorrelation r[0 ...], [B, blocks, lags]."""
        lag = torch.arange(length, device=r.device)
        start = torch.linalg.cholesky(r[:, 0, (lag[:, None] - lag).abs()])
        return cls(start, *levinson_durbin(r[..., : order + 1]))

    def log_det(self):
        """log |det dresidual/dwave|, [B]."""
        length = self.start.shape[-1]
        return -self.start.diagonal(dim1=-2, dim2=-1).log().sum(1) - length * self.gain[:, 1:].log().sum(1)

    def residual(self, wave):
        """[B, T] -> [B, T]."""
        first, rest = wave.split([self.start.shape[-1], wave.shape[1] - self.start.shape[-1]], 1)
        blocks, order = self.a.shape[1:]
        past = functional.pad(wave, (order, 0)).unfold(1, order, 1)[:, first.shape[1] : -1]
        past = past.flip(-1)  # the nearest first
        predicted = torch.einsum("bnlp,bnp->bnl", past.unflatten(1, (blocks - 1, -1)), self.a[:, 1:])
        residual = (rest.unflatten(1, (blocks - 1, -1)) - predicted) / self.gain[:, 1:, None]
        first = torch.linalg.solve_triangular(self.start, first[..., None], upper=False)
        return torch.cat([first[..., 0], residual.flatten(1)], 1)

    def wave(self, residual, past=None):
        """The inverse of ``residual``, or of the rest of one after the samples ``past`` [B, P].

        A block is a linear map of its excitation and of the P samples before it.  These maps are found for many blocks
        at once; only applying them goes from block to block.
        """
        length, order = self.start.shape[-1], self.a.shape[-1]
        excitation, wave, first = residual.unflatten(1, (-1, length)), [], 0
        if past is None:
            wave, first = [(self.start @ excitation[:, 0, :, None])[..., 0]], 1
            past = functional.pad(wave[0], (order, 0))[:, -order:]
        excitation = (excitation * self.gain[..., None])[:, first:].split(BLOCKS_AT_ONCE, 1)
        for driven, a in zip(excitation, self.a[:, first:].split(BLOCKS_AT_ONCE, 1)):
            of_past, of_itself = _maps(a, length).split([order, length], -1)
            answers = torch.linalg.solve_triangular(
                -of_itself, torch.cat([of_past, driven[..., None]], -1), upper=False, unitriangular=True
            )
            for answer in answers.unbind(1):
                wave.append((answer[..., :-1] @ past[..., None])[..., 0] + answer[..., -1])
                past = torch.cat([past, wave[-1]], 1)[:, -order:]
        return torch.cat(wave, 1)

    def blocks(self, first, stop):
        """That of some of the blocks, to go on with."""
        return self._replace(a=self.a[:, first:stop], gain=self.gain[:, first:stop])


def levinson_durbin(r):
    """Autocorrelation [..., P + 1] -> coefficients [..., P] and gain [...]: the best linear prediction.

    The gain is the standard deviation of what remains.  Each synthesis filter 1 / A is stable if the autocorrelation is
    that of a spectrum without zeros (Markel and Gray 1976, chapter 3).
    """
    a, error = r[..., :0], r[..., 0]
    for order in range(r.shape[-1] - 1):
        reflection = (r[..., order + 1] - (a * r[..., 1 : order + 1].flip(-1)).sum(-1)) / error
        a = torch.cat([a - reflection[..., None] * a.flip(-1), reflection[..., None]], -1)
        error = error * (1 - reflection.square())
    return a, error.sqrt()


def _maps(a, length):
    """[B, n, length, P + length]: how a sample is predicted from the P before its block and from those of its block."""
    order = a.shape[-1]
    lag = torch.arange(length, device=a.device)[:, None] + order - torch.arange(order + length, device=a.device)
    known = functional.pad(a, (1, 1))  # lags 0 and P + 1 stand for all that do not matter
    return known[..., lag.clamp(0, order + 1)]
