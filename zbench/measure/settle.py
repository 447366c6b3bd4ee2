"""Load until a card's clocks have settled, before anything of a launch is recorded.

An accelerator starts cold, at clocks that its power and temperature do not let it keep, or asleep: what the
first seconds tell has been 30 % off (triton-lang/triton#2306, ggml-org/llama.cpp#21282).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns

from zbench.fabrics.base import Share
from zbench.measure.bench import Bench
from zbench.measure.burst import agree, alone

WINDOW_NS = 500_000_000
"""Of load between two looks at its rate: clocks swing within tenths of a second."""
WINDOWS = 3
AGREEMENT = 0.02
"""So many successive windows within this share of each other: it has settled."""
LIMIT_BURSTS = 30
"""Where it does not settle, load ends after this many bursts' time: 30 s in the full profile."""
LOOKS = 10
"""Readings of the clock in a window."""


def settled(rates: Sequence[float]) -> bool:
    """Whether the last windows' rates agree. Pure."""
    last = rates[-WINDOWS:]
    return len(last) == WINDOWS and max(last) <= (1 + AGREEMENT) * min(last)


def settle(
    bench: Bench, limit_ns: int, clock: Callable[[], int] = perf_counter_ns, share: Share = alone
) -> list[float]:
    """Run the case until its rate holds or the time is up; executions per second of each window.

    Cards that are measured at the same time go on until the last of them holds: one that waited would cool.
    """
    bench.run(1, 1)  # the first one loads code
    began = clock()
    bench.run(1, 1)
    rounds = max(1, WINDOW_NS // LOOKS // max(1, clock() - began))
    rates: list[float] = []
    while agree(share, float(not settled(rates) and clock() - began < limit_ns)):
        start, executions, elapsed_ns = clock(), 0, 0
        while elapsed_ns < WINDOW_NS:
            bench.run(rounds, 1)
            executions, elapsed_ns = executions + rounds, clock() - start
        rates.append(executions / elapsed_ns * 1e9)
    return rates
