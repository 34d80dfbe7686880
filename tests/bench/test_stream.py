"""What streaming is told from, by a clock that only voices and mels move."""

import pytest
import torch

from vocoders.bench import stream
from vocoders.bench.stream import Piece, border_error, buffer_needed, runs_dry, steady_rtf
from vocoders.cli import main as vocoders
from vocoders.io.files import read_json

HOP, RATE = 256, 22050
FRAMES = 10
SPOKEN = FRAMES * HOP / RATE  # seconds of a piece


def pieces(*times, seconds=1.0):
    return [Piece(time, seconds) for time in times]


@pytest.mark.parametrize(
    ("times", "dry", "buffer"),
    [
        ((2, 2.5, 4, 5), 0, 0),  # each is there when the one before has ended
        ((2, 3.5, 4, 5), 1, 0.5),  # late once, and playback is half a second behind from then on
        ((0.7, 1.9, 3.1, 4.3), 3, 0.6),  # every one is 0.2 s later than the one before
        ((5,), 0, 0),
    ],
)
def test_playback_runs_dry_where_a_piece_comes_too_late(times, dry, buffer):
    run = pieces(*times)
    assert runs_dry(run) == dry
    assert buffer_needed(run) == pytest.approx(buffer)
    later = [Piece(run[0].time + buffer, 1.0), *run[1:]]
    assert runs_dry(later) == 0 or buffer_needed(later) == pytest.approx(0, abs=1e-9)


def test_the_first_piece_does_not_count_for_the_speed():
    assert steady_rtf(pieces(3.0, 3.4, 3.8)) == pytest.approx(0.4)
    assert steady_rtf(pieces(3.0)) is None


def test_a_click_where_pieces_meet_is_found_and_one_elsewhere_is_not():
    whole = torch.randn(300, generator=torch.Generator().manual_seed(0))
    assert border_error(whole.split(100), whole) == {"border_error": 0.0, "largest_difference": 0.0}
    step = whole + torch.cat([torch.zeros(100), torch.full([200], 0.25)])
    assert border_error(step.split(100), whole)["border_error"] == pytest.approx(0.25)
    inside = border_error(step.split(150), whole)
    assert inside["border_error"] == pytest.approx(0, abs=1e-6) and inside["largest_difference"] == pytest.approx(0.25)


class Clock:
    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_the_worst_round_tells_whether_playback_runs_dry():
    good, bad = pieces(1, 2, 3), pieces(1, 2.5, 3)
    found = stream._figures([good, good], [bad, good])
    assert (found["runs_dry"], found["buffer_seconds"]) == (1, 0.5)


class Voice:
    """Holds the first band; speaks a piece when it has the one after it, and takes ``seconds`` for each."""

    backend, precision = "native", "bfloat16"

    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds

    def look_ahead(self, **options):
        return FRAMES

    def synthesize(self, mel, *, generator=None, **options):
        return mel[:, 0].repeat_interleave(HOP, 1)

    def stream(self, mels, *, generator=None, **options):
        before = torch.empty(1, 80, 0)
        for mel in mels:
            self.clock.now += self.seconds
            yield self.synthesize(before)[0]
            before = mel[None]
        yield self.synthesize(before)[0]


@pytest.mark.parametrize("seconds", [SPOKEN / 4, SPOKEN * 3 / 2])
def test_a_voice_of_known_speed(seconds, here, conf, mel_option, tables, tmp_path, monkeypatch, capsys):
    clock, count = Clock(), 6
    monkeypatch.setattr(stream, "time", clock)
    monkeypatch.setattr("vocoders.bench.form.prepare", lambda vocoder, form, device: Voice(clock, seconds))
    length = ["--chunk_frames", str(FRAMES), "--seconds", str(count * SPOKEN), "--rounds", "2"]
    given = [conf("diffwave_tiny"), *mel_option, *length, "--json", str(tmp_path / "figures.json")]
    assert vocoders(["bench", "stream", *given]) == 0
    (system,) = read_json(tmp_path / "figures.json")["systems"]
    (form,) = system["forms"]
    late = max(0, seconds - SPOKEN)
    assert form["first_audio_seconds"]["fast"]["runs"] == pytest.approx([2 * seconds] * 2)
    assert form["first_audio_seconds"]["real_time"]["runs"] == pytest.approx([SPOKEN + seconds + late] * 2)
    assert form["rtf"] == pytest.approx((count - 2) * seconds / ((count - 1) * SPOKEN))
    assert form["runs_dry"] == (count - 2 if late else 0)
    assert form["buffer_seconds"] == pytest.approx((count - 2) * late, abs=1e-9)
    assert form["look_ahead_seconds"] == pytest.approx(SPOKEN)
    assert sum(piece[1] for piece in form["pieces"]["fast"][0]) == pytest.approx(count * SPOKEN)
    row = tables(capsys.readouterr().out)["native, bfloat16"]
    assert row["first audio ms"] == f"{2000 * seconds:.0f}"
    assert row["in real time ms"] == f"{1000 * (SPOKEN + seconds + late):.0f}"
    assert row["look-ahead ms"] == f"{1000 * SPOKEN:.0f}"
    assert (row["runs dry"], row["border error"]) == (f"{form['runs_dry']} x", "same bits")


def test_the_training_form_speaks_when_all_is_said(here, conf, mel_option, tables, capsys):
    given = ["--backend", "training", "--seconds", "0.2", "--rounds", "1", "--chunk_frames", "4"]
    options = ["--decode_config", conf("decode_6steps"), *mel_option, *given]
    assert vocoders(["bench", "stream", conf("diffwave_tiny"), *options]) == 0
    assert tables(capsys.readouterr().out)["training, float32"]["look-ahead ms"] == "all"
