"""Spectral subtraction of what a vocoder makes of nothing."""

import torch
from torch import nn

from vocoders.features.time_varying_filter import TimeVaryingFilter

FRAMES = 88  # of the mel that tells the bias; as NVIDIA's WaveGlow
N_FFT = 1024


class Denoiser(nn.Module):
    """Takes a vocoder's constant noise from its speech, above all WaveGlow's tones at multiples of 1 / groups of the
    sampling rate: wave [B, T] -> [B, T].

    The bias spectrum is the mean magnitude of what the vocoder makes, without noise of its own, of a mel of zeros;
    ``strength`` times it is subtracted from the magnitude in every frame, the phase stays (NVIDIA/waveglow).
    """

    def __init__(self, vocoder, *, options=None):
        super().__init__()
        device = next(vocoder.parameters()).device
        mel = torch.zeros(1, vocoder.mel_spec.n_mels, FRAMES, device=device)
        self.filter = TimeVaryingFilter(n_fft=N_FFT, win_size=N_FFT, hop_size=N_FFT // 4).to(device)
        constant = self.filter.spectrum(vocoder.synthesize(mel, **vocoder.without_noise(options or {}))).abs()
        edge = N_FFT // self.filter.sizes["hop_length"]  # frames that see the ends
        self.register_buffer("bias", constant[..., edge:-edge].mean(-1, keepdim=True))  # [1, bins, 1]

    def forward(self, wave, strength):
        magnitude = self.filter.spectrum(wave).abs()
        gain = (1 - strength * self.bias / magnitude.clamp(min=1e-12)).clamp(min=0)
        return self.filter(gain, wave)
