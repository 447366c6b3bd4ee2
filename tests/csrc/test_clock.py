"""The clock: Python's, read in C."""

from __future__ import annotations

from time import perf_counter_ns

from zbench.native import cpu
from zbench.native._zbench import lib


def test_it_is_the_clock_of_perf_counter():
    """A reading in C falls between two of Python's before and after it."""
    before = perf_counter_ns()
    now = lib.zb_clock_ns()
    assert before <= now <= perf_counter_ns()


def test_the_cost_of_a_read_is_measured():
    """Above nothing, and below the slowest system call."""
    assert 0 < cpu.clock_cost_ns() < 100_000
