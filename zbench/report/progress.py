"""Live progress on stderr, drawn only when told to: nothing of ours runs while a burst is timed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PLAIN_EVERY_S = 5.0
"""Least time between two plain lines: a CI log stays short and is still seen to move."""


class Progress:
    """`with Progress() as progress: progress.update(done, total, "gemm/fp32/... cpu")` between bursts.

    A bar with what is running and the time left where the stream is a terminal, else plain lines. There is
    no refresh thread: a thread that wakes ten times a second would run on the cores being measured.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._started = clock()
        self._last_line: float | None = None
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        self._started = self._clock()
        if self._stream.isatty():
            self._bar = self._new_bar()
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, total: int, text: str) -> None:
        """`done` of `total` bursts have ended and `text` runs next."""
        left = time_left(self._clock() - self._started, done, total)
        if self._bar is None:
            self._line(done, total, text, left)
            return
        if self._task is None:
            self._task = self._bar.add_task("", total=total, text=text, left=left)
        self._bar.update(self._task, completed=done, total=total, text=text, left=left)
        self._bar.refresh()

    def _line(self, done: int, total: int, text: str, left: str) -> None:
        now = self._clock()
        if self._last_line is not None and now - self._last_line < PLAIN_EVERY_S and done < total:
            return
        self._last_line = now
        after = f" ({left})" if left else ""
        print(f"zbench: {done}/{total} {text}{after}", file=self._stream, flush=True)

    def _new_bar(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        # Markup off: a key or subject in brackets is text, not a style.
        return Bar(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            TextColumn(
                "{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="crop")
            ),
            console=Console(file=self._stream),
            auto_refresh=False,
            transient=True,
        )


def time_left(elapsed_s: float, done: int, total: int) -> str:
    """`2 min 10 s left`, from the mean time of what is done; empty while nothing is."""
    if done <= 0:
        return ""
    seconds = round(elapsed_s / done * max(0, total - done))
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds:02} s left" if minutes else f"{seconds} s left"
