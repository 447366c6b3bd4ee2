"""Signals that ask a process to stop, and what this program makes of them."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a batch system, a terminal that was closed."""
UNWINDING_S = 10.0
"""Ending workers and closing the record takes less; after that a signal to stop counts again."""


def listen() -> list[int]:
    """Let a signal to stop unwind like Ctrl-C: workers end, the record is closed. Returns those that came.

    One that comes while that happens, as when Ctrl-C is pressed twice, changes nothing: it takes moments, and
    cut short it would leave the record open. One that is ignored from outside (nohup) stays ignored.
    """
    heard: list[int] = []
    deaf_until = 0.0

    def stop(number: int, frame: object) -> None:
        nonlocal deaf_until
        if time.monotonic() < deaf_until:
            return
        deaf_until = time.monotonic() + UNWINDING_S
        heard.append(number)
        raise KeyboardInterrupt

    for sign in STOPPING:
        if signal.getsignal(sign) is not signal.SIG_IGN:
            signal.signal(sign, stop)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored from outside, no worker's end could be told
    return heard


def ignore() -> None:
    """From now on, for good: what is left takes moments."""
    for sign in STOPPING:
        signal.signal(sign, signal.SIG_IGN)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals to stop take effect when the block ends: a worker must not be started and then forgotten.

    Only in the main thread, where Python delivers signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    handlers = {
        sign: signal.signal(sign, lambda number, frame: pending.append(number))
        for sign in STOPPING
        if signal.getsignal(sign) is not signal.SIG_IGN  # nohup, or a shell's background
    }
    try:
        yield
    finally:
        for sign, handler in handlers.items():
            signal.signal(sign, handler)
        for number in pending:
            signal.raise_signal(number)
