"""For all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def signals_are_heard() -> Iterator[None]:
    """A shell starts what it runs in the background deaf to Ctrl-C, and nohup deaf to SIGHUP; processes that
    tests start would inherit that, and the tests that interrupt them would wait in vain."""
    before = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for sign in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(sign, signal.SIG_DFL)
    yield
    for sign, handler in before.items():
        signal.signal(sign, handler)
