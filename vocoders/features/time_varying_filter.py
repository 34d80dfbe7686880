"""Filtering with a gain for every frequency of every frame."""

import torch
from torch import nn


class TimeVaryingFilter(nn.Module):
    """(gain [B, n_fft / 2 + 1, L + 1], wave [B, T]) -> wave, where L = T // hop_size.

    Frame i is centred on sample i * hop_size.  The frames of a short-time Fourier transform are multiplied by the gain
    and overlapped again into the signal whose transform is nearest to the product (Griffin and Lim 1984, equation 6).
    So a gain of one is the identity, and one filter after another is only nearly the filter of their product.
    """

    def __init__(self, *, n_fft, win_size, hop_size):
        super().__init__()
        self.sizes = {"n_fft": n_fft, "win_length": win_size, "hop_length": hop_size}
        # up to a window's length from its ends, an excerpt is filtered otherwise than within its utterance; beyond half
        # of that hardly, as the window is small there
        self.margin = win_size // 2
        self.reach = (n_fft + win_size) // 2  # samples on each side that a sample depends on, or an end spoils
        self.register_buffer("window", torch.hann_window(win_size), persistent=False)

    def forward(self, gain, wave):
        return self.wave(gain * self.spectrum(wave), wave.shape[-1])

    def wave(self, spectrum, length):
        """The inverse of ``spectrum``: [B, n_fft / 2 + 1, L + 1] -> [B, length]."""
        return torch.istft(spectrum, **self.sizes, window=self.window, length=length)

    def spectrum(self, wave):
        """wave [B, T] -> complex [B, n_fft / 2 + 1, L + 1]."""
        pad_mode = "reflect" if wave.shape[-1] > self.sizes["n_fft"] // 2 else "constant"
        return torch.stft(wave, **self.sizes, window=self.window, pad_mode=pad_mode, return_complex=True)
