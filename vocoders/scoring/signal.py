"""A waveform as the metrics see it."""

from vocoders.io.audio import resample


class Signal:
    """A waveform [T] in [-1, 1] and its versions at other sampling rates, each computed once (soxr HQ).

    >>> Signal(wave, 22050).at(16000)
    """

    def __init__(self, wave, rate):
        self.wave = wave
        self.rate = rate
        self._resampled = {rate: wave}

    def at(self, rate):
        if rate not in self._resampled:
            self._resampled[rate] = resample(self.wave, self.rate, rate)
        return self._resampled[rate]
