"""A waveform as the metrics see it."""

from vocoders.io.audio import resample


class Signal:
    """A waveform [T] in [-1, 1], its versions at other sampling rates (soxr HQ) and its analyses, each computed once.

    >>> Signal(wave, 22050).at(16000)
    """

    def __init__(self, wave, rate):
        self.wave = wave
        self.rate = rate
        self._resampled = {rate: wave}
        self._analyses = {}

    def at(self, rate):
        if rate not in self._resampled:
            self._resampled[rate] = resample(self.wave, self.rate, rate)
        return self._resampled[rate]

    def once(self, analyse):
        """``analyse(self)``, kept: a search compares one reference with many candidates."""
        if analyse not in self._analyses:
            self._analyses[analyse] = analyse(self)
        return self._analyses[analyse]
