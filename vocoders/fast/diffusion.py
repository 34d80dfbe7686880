"""The sweep of a diffusion vocoder: from noise, step by step, each step some frames behind the one before."""

import torch

from vocoders.diffusion.sampler import clipped
from vocoders.fast.ending import end
from vocoders.fast.rows import by_row, within
from vocoders.fast.sweep import Node, Sweep, Track


def open_sweep(vocoder, network, noise, *, lengths=None, denoise=None, **options):
    """A ``Sweep`` over a batch: ``noise`` (seeding.Noise) is its chance, ``lengths`` [B] its rows' frames if padded."""
    sampling = vocoder.sampling(**options)
    steps = network.open(vocoder.condition(torch.tensor([step.level for step in sampling.steps], dtype=torch.float64)))
    chain = _Chain(vocoder, sampling, noise, lengths)
    mel, wave, before = Track(), Track(), None
    conditioner, condition = network.conditioner(vocoder.normalize, mel, steps, lengths)
    nodes = [condition, Node(chain.start, [mel], [wave], **chain.reach)]
    for number, step in enumerate(sampling.steps, 1):
        output, following, speech = Track(), Track(), Track()
        if chain.scales:
            scaled = Track()
            nodes.append(Node(chain.input(step), [wave, mel], [scaled], **chain.reach))
        else:
            scaled = wave
        nodes.append(network.node(number - 1, steps, scaled, conditioner, output, lengths))
        known = [wave, output, mel] + ([before] if step.of_before else [])
        nodes.append(Node(chain.advance(step, number), known, [following, speech], **chain.reach))
        wave, before = following, speech
    return Sweep(*end(vocoder, denoise, nodes, mel, wave, lengths))


class _Chain:
    """What happens between two evaluations of the network, frames [a, b) at a time."""

    def __init__(self, vocoder, sampling, noise, lengths):
        self.vocoder, self.sampling, self.noise, self.lengths = vocoder, sampling, noise, lengths
        self.hop = vocoder.hop_size
        self.scales = vocoder.speech_level is not None
        frames = vocoder.prediction_reach
        self.reach = {"left": frames, "right": frames}

    def start(self, a, b, mel):
        noise = self.sampling.start_deviation * self._noise(0, a, b).to(mel)

        def start(mel, noise):
            return self.vocoder.prediction(mel).start(noise, self._level(self.sampling.steps[0], noise))

        return [self._apply(start, a, b, mel, noise)]

    def input(self, step):
        def scale(mel, noisy):
            return self.vocoder.prediction(mel).input(noisy, self._level(step, noisy))

        return lambda a, b, noisy, mel: [self._apply(scale, a, b, mel, noisy)]

    def advance(self, step, number):
        def speech(mel, noisy, output):
            found = self.vocoder.prediction(mel).speech(output, noisy, self._level(step, noisy))
            return clipped(found, self.sampling.clip)

        def advance(a, b, noisy, output, mel, before=None):
            found = self._apply(speech, a, b, mel, noisy, output)
            fresh = self._noise(number, a, b).to(noisy) if step.of_noise else None
            return [step.advance(noisy, found, fresh, before), found]

        return advance

    def _apply(self, function, a, b, mel, *waves):
        """Filters see the true end of each row of a padded batch; noise needs no more than its own sample."""
        lengths = within(self.lengths, a, b) if self.scales else None
        return function(mel, *waves) if lengths is None else by_row(function, b - a, lengths, mel, *waves)

    def _noise(self, draw, a, b):
        return self.noise(draw, a * self.hop, b * self.hop)

    def _level(self, step, like):
        return torch.full([len(like)], step.level, dtype=torch.float64, device=like.device)


class Windowed:
    """The nodes of a network that evaluates windows, one with what ``eager.diffwave.EagerDiffWave`` has."""

    def __init__(self, form):
        self.form, self.batches = form, form.batches

    def open(self, conditions):
        return self.form.open(conditions)

    def conditioner(self, normalize, mel, steps, lengths):
        """(track, the node that writes it): what depends on the mel alone."""
        conditioner, reach = Track(), self.form.mel_reach

        def condition(a, b, mel):
            return [self.form.condition(normalize(mel), within(lengths, a, b))]

        return conditioner, Node(condition, [mel], [conditioner], left=reach, right=reach)

    def node(self, k, steps, noisy, conditioner, output, lengths):
        """The node of evaluation number ``k``."""

        def evaluate(a, b, noisy, conditioner):
            return [self.form.evaluate(noisy, conditioner, steps, k, within(lengths, a, b), start=a)]

        reach = self.form.reach
        return Node(evaluate, [noisy, conditioner], [output], left=reach, right=reach)
