"""Ctrl-C during training: a request that is answered between two batches."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event; a second one interrupts at once.

    A KeyboardInterrupt raised wherever the interpreter happens to be can be swallowed by a destructor, or unwind past
    input threads that wait for the interpreter and keep the process from ending.
    """
    requested = threading.Event()
    previous = signal.getsignal(signal.SIGINT)

    def request(signum, frame):
        requested.set()
        signal.signal(signal.SIGINT, previous)
        print("stopping after this batch; Ctrl-C again stops at once", file=sys.stderr, flush=True)

    listens = threading.current_thread() is threading.main_thread() and previous is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, request)
    try:
        yield requested
    finally:
        if listens:
            signal.signal(signal.SIGINT, previous)
