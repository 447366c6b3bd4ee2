"""The sustained run: one case for minutes, its rounds grouped into spans between which meters are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from zbench.measure.bench import Span

ROUND_NS = 50_000_000
"""The least length of a round: hundreds of executions of a short case are one sample, as nobody looks at
single ones over minutes."""
ROUNDS = 6000
"""Samples that are kept of a run however long: ten minutes in rounds of 100 ms."""
ROUNDS_MOST = 2 * ROUNDS
"""A card may turn out twice as fast as the pilot found it; beyond that the run ends early."""
WINDOW_NS = 1_000_000_000
"""Of a span, as MLPerf Power asks for a reading a second."""
WINDOWS_LEAST, WINDOWS_MOST = 20, 600
"""Spans of a run: short enough that a tenth of a short run has some, few enough for the record."""
WARMUP_NS = 3_000_000_000
"""Clocks swing for the first three seconds under load (CUTLASS, "GEMM performance measurement methodology");
what comes later is what a sustained run is to show."""
WARMUP_SHARE = 0.2
"""Of the whole, at most."""


def lengths(execution_ns: float, burst_ns: int, max_batch: int | None, slots: int) -> tuple[int, int, int]:
    """(executions of a round, rounds of the warm-up, rounds of a span). Pure.

    A span begins at the first slot, so it goes over all of them some whole number of times: each holds an
    answer to verify, and none comes again while it is still in a cache that it is to be cold in.
    """
    batch = max(1, round(max(ROUND_NS, burst_ns / ROUNDS) / max(execution_ns, 1.0)))
    batch = min(batch, max_batch or batch)
    round_ns = max(batch * execution_ns, 1.0)
    warmup_ns = min(WARMUP_NS, WARMUP_SHARE * burst_ns)
    span_ns = max(min(WINDOW_NS, burst_ns / WINDOWS_LEAST), burst_ns / WINDOWS_MOST)
    turn = slots // math.gcd(slots, batch)
    rounds = turn * max(1, round(span_ns / round_ns / turn))
    return batch, max(1, math.ceil(warmup_ns / round_ns)), rounds


def rounds_until(spans: Sequence[Span], each: int, burst_ns: int, rounds_max: int) -> Iterator[int]:
    """Rounds of the next span, until the `spans` that have been timed meanwhile add up to the burst."""
    rounds = 0
    while sum(span.ended_ns - span.began_ns for span in spans) < burst_ns and rounds < rounds_max:
        yield each
        rounds += each
