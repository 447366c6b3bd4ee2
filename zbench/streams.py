"""Standard streams that cannot break a run: closed, full, or with nobody left at the other end."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import Any, TextIO

from zbench.errors import ZbenchError, explain

KEPT = "what was measured is kept, `zbench report RUN` shows it"


class NotShown(ZbenchError):
    """Standard output cannot be written."""


class ReaderLeft(NotShown):
    """As with `zbench report | head -1`; the shells' convention for it is 128 + SIGPIPE."""

    exit_code = 128 + signal.SIGPIPE


class _Output(io.FileIO):
    """Standard output: that it cannot be written is told, once."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            # The interpreter tries once more as it ends; by then this must be somewhere else.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                raise ReaderLeft(f"the reader of standard output left; {KEPT}") from error
            raise NotShown(f"standard output cannot be written: {explain(error)}; {KEPT}") from error


class _Chatter(io.FileIO):
    """Standard error: that nobody hears of the progress of a run must not end it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def steady() -> None:
    """Make all three streams exist, and their failures be what the classes above say.

    A closed one would otherwise be the number of the next file that is opened: records would go where
    another process believes its standard output to be. A stream that somebody put there (a test) stays.
    """
    # Standard output for reading only: what is written to a closed stream still fails, and is told.
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Output(1, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Chatter(2, "w", closefd=False), sys.stderr, at_once=True)


def _text(raw: io.FileIO, old: TextIO | None, at_once: bool = False) -> io.TextIOWrapper:
    encoding, errors = (old.encoding, old.errors) if old is not None else (None, "backslashreplace")
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=at_once or raw.isatty())
