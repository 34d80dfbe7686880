"""When a Ctrl-C is raised."""

import signal

import pytest

from vocoders.interrupt import held_back


def test_it_waits_for_the_end_of_a_piece_of_work():
    done = []
    with pytest.raises(KeyboardInterrupt), held_back() as let_interrupts_in:
        for piece in range(3):
            signal.raise_signal(signal.SIGINT)
            done.append(piece)
            let_interrupts_in()
    assert done == [0]


def test_none_gets_lost_at_the_end():
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)


def test_a_second_one_does_not_wait():
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it waited")


def test_afterwards_python_raises_it_again():
    with held_back() as let_interrupts_in:
        let_interrupts_in()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
