"""Progress: a bar on a terminal, few plain lines elsewhere, and no thread of its own."""

from __future__ import annotations

import io
import threading

import pytest

from zbench.report.progress import PLAIN_EVERY_S, Progress, time_left


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_are_few_and_the_last_one_always_comes() -> None:
    """Without a terminal: the first, one every few seconds, and the end."""
    out, clock = io.StringIO(), Clock()
    with Progress(out, clock) as progress:
        for done in range(101):
            progress.update(done, 100, f"case {done}")
            clock.now += 1.0
    lines = out.getvalue().splitlines()
    assert lines[0] == "zbench: 0/100 case 0"
    assert lines[1] == f"zbench: {PLAIN_EVERY_S:.0f}/100 case 5 (1 min 35 s left)"
    assert lines[-1] == "zbench: 100/100 case 100 (0 s left)"
    assert len(lines) == 21


def test_terminal_gets_a_bar_with_what_runs_and_time_left_and_no_thread() -> None:
    """It is drawn when told to: no refresh thread may wake on the cores being measured."""
    out, clock = Terminal(), Clock()
    before = threading.active_count()
    with Progress(out, clock) as progress:
        clock.now = 10.0
        progress.update(1, 4, "gemm/fp32/[1] cpu")
        assert threading.active_count() == before
    assert "1/4" in out.getvalue()
    assert "30 s left" in out.getvalue()
    assert "gemm/fp32/[1]" in out.getvalue()


def test_an_error_inside_passes_through() -> None:
    """The bar is taken down and hides nothing."""
    with pytest.raises(KeyError, match="inside"), Progress(Terminal()):
        raise KeyError("inside")


def test_time_left_is_the_mean_of_what_is_done() -> None:
    """Nothing is promised before anything is done."""
    assert time_left(10.0, 0, 5) == ""
    assert time_left(10.0, 2, 5) == "15 s left"
    assert time_left(130.0, 1, 2) == "2 min 10 s left"
    assert time_left(10.0, 5, 5) == "0 s left"
