"""Ctrl-C once asks, twice interrupts."""

import signal

import pytest

from tfderm.training.interrupt import deferred_interrupt


def test_the_first_ctrl_c_asks_and_the_second_interrupts(capsys):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as requested:
        assert not requested.is_set()
        signal.raise_signal(signal.SIGINT)
        assert requested.is_set()
        assert "stopping after this batch" in capsys.readouterr().err
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_interrupt() as requested:
            signal.raise_signal(signal.SIGINT)
            assert not requested.is_set()
    finally:
        signal.signal(signal.SIGINT, before)
