"""The sweep of WaveGlow: from noise, flow by flow, each some frames behind the one before."""

from vocoders.fast.ending import end
from vocoders.fast.rows import within
from vocoders.fast.sweep import Node, Sweep, Track
from vocoders.models.waveglow import check_sigma


def open_sweep(vocoder, network, noise, *, lengths=None, denoise=None, sigma=0.6):
    """As that of a diffusion vocoder."""
    check_sigma(sigma)
    hop, mel, condition, signal = vocoder.hop_size, Track(), Track(), Track()

    def prepare(a, b, mel):
        return [network.condition(vocoder.normalize(mel), within(lengths, a, b))]

    def draw(a, b, mel):
        return [sigma * noise(0, a * hop, b * hop).to(mel)]

    def invert(k):
        return lambda a, b, x, condition: [network.run(k, x, condition, within(lengths, a, b), start=a)]

    nodes = [Node(prepare, [mel], [condition], left=network.mel_left), Node(draw, [mel], [signal])]
    for k in range(network.flows):
        following = Track()
        nodes.append(Node(invert(k), [signal, condition], [following], left=network.reach, right=network.reach))
        signal = following
    return Sweep(*end(vocoder, denoise, nodes, mel, signal, lengths))
