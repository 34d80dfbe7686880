"""Spectral subtraction of what a vocoder makes of nothing."""

from torch import nn

from vocoders.features.time_varying_filter import TimeVaryingFilter
from vocoders.seeding import seeded

FRAMES = 88  # of the mel that tells the bias; as NVIDIA's WaveGlow
N_FFT = 1024


class Denoiser(nn.Module):
    """Takes a vocoder's constant noise from its speech, above all WaveGlow's tones at multiples of 1 / groups of the
    sampling rate: (wave [B, T], its mel, strength) -> [B, T].

    The bias spectrum is the magnitude of what the vocoder makes, without noise of its own, of a mel of zeros (of the
    mean mel, if it normalizes); ``strength`` times it is subtracted from the magnitude in every frame, the phase stays.
    NVIDIA's takes it from the first frame, where padding rings; here it is the mean over frames.  Where a vocoder ends
    by undoing a whitening, so that its constant noise is as loud as the speech, it is taken from the white signal.
    """

    def __init__(self, vocoder, *, options=None):
        super().__init__()
        self.whiten = vocoder.whiten
        mel = vocoder.neutral_mel(FRAMES)
        # divides the vocoder's hop, so that in a window of whole frames transforms lie where they do in the whole
        hop = max(n for n in range(1, N_FFT // 4 + 1) if vocoder.hop_size % n == 0)
        self.filter = TimeVaryingFilter(n_fft=N_FFT, win_size=N_FFT, hop_size=hop).to(mel.device)
        # what remains of the noise is multiplied by 0; drawn from a generator of its own all the same
        wave = vocoder.synthesize(mel, **vocoder.without_noise(options or {}), generator=seeded("denoiser"))
        edge = N_FFT // self.filter.sizes["hop_length"]  # frames whose window sees the ends
        bias = self.filter.spectrum(self._to_white(wave, mel)).abs()[..., edge:-edge].mean(-1, keepdim=True)
        self.register_buffer("bias", bias)  # [1, bins, 1]

    def forward(self, wave, mel, strength):
        white = self.subtract(self._to_white(wave, mel), strength)
        return self.whiten.inverse(white, mel) if self.whiten else white

    def subtract(self, white, strength):
        """The same for what is white already, [B, T] -> [B, T]; its ends spoil ``reach(hop_size)`` frames if cut."""
        spectrum = self.filter.spectrum(white)
        gain = (1 - strength * self.bias / spectrum.abs().clamp(min=1e-12)).clamp(min=0)
        return self.filter.wave(gain * spectrum, white.shape[-1])

    def reach(self, hop_size):
        return -(-N_FFT // hop_size)

    def _to_white(self, wave, mel):
        return self.whiten(wave, mel)[0] if self.whiten else wave
