"""Ctrl-C once asks, twice interrupts."""

import signal

import pytest

from tfderm.training.interrupt import deferred_interrupt


@pytest.fixture(autouse=True)
def listening():
    """Ctrl-C as in a terminal: where a shell starts the tests in the background, it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_ctrl_c_asks_and_the_second_interrupts(capsys):
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as requested:
        assert not requested.is_set()
        signal.raise_signal(signal.SIGINT)
        assert requested.is_set()
        assert "stopping after this batch" in capsys.readouterr().err
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_ctrl_c_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with deferred_interrupt() as requested:
        signal.raise_signal(signal.SIGINT)
        assert not requested.is_set()
