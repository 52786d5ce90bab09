"""The first signal is a request, the second is what it always was."""

import os
import signal

import pytest

from experiment.training.terminal import Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request(number):
    before = signal.getsignal(number)
    with Interruption() as interruption:
        assert not interruption.requested
        signal.raise_signal(number)
        assert interruption.requested
        assert signal.getsignal(number) is before
    assert signal.getsignal(number) is before


def test_a_terminal_is_told_that_the_run_stops(monkeypatch):
    terminal, program = os.openpty()
    monkeypatch.setattr("experiment.training.terminal.STANDARD_ERROR", program)
    with Interruption():
        signal.raise_signal(signal.SIGTERM)
    assert b"stopping after this step" in os.read(terminal, 100)


def test_the_second_ctrl_c_interrupts():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    with pytest.raises(KeyboardInterrupt), Interruption():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
