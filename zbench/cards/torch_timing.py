"""Rounds of a plan, timed: by the device's own events where it has them, else by the host's clock.

Either way rounds are chained, so that their sum is the elapsed time, and no launch is timed that has not
ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from time import perf_counter_ns
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Call = Callable[[], Any]
"""One execution; returns the tensor that holds the answer."""
MS_NS = 1e6

RING_EVENTS = 33
"""Events that take turns, and so one more than the rounds the host may be ahead: enough that the device never
waits for it, few enough that those which are read when all has ended cost less than 0.1 ms."""


class Event(Protocol):
    """A mark in a device's queue, as torch.cuda.Event and its likes (enable_timing=True)."""

    def record(self) -> Any: ...
    def synchronize(self) -> Any: ...
    def elapsed_time(self, end: Any, /) -> float:
        """ms from this event to the other; both have been reached."""


@dataclass
class Queue:
    """What is run: execution i is calls[i mod len(calls)]."""

    calls: list[Call]
    latest: list[Any] = field(default_factory=list)
    """The last answer of each, None before the first."""

    def __post_init__(self) -> None:
        self.latest = [None] * len(self.calls)


def on_host(queue: Queue, rounds: int, batch: int, synchronize: Call) -> NDArray[np.int64]:
    """int64 ns, shape (rounds,), of the host's clock, which is read when the device has ended each round."""
    turns, latest = cycle(list(enumerate(queue.calls))), queue.latest
    stamps = [0] * (rounds + 1)
    synchronize()
    stamps[0] = perf_counter_ns()
    for i in range(1, rounds + 1):
        for slot, call in islice(turns, batch):
            latest[slot] = call()
        synchronize()
        stamps[i] = perf_counter_ns()
    ends = np.array(stamps, np.int64)
    return ends[1:] - ends[:-1]


def on_device(
    queue: Queue, rounds: int, batch: int, synchronize: Call, ring: Sequence[Event]
) -> NDArray[np.int64]:
    """int64 ns, shape (rounds,), between events that the device passes at the rounds' boundaries.

    Events are read while later rounds run, so that reading costs no time that is not in a round.
    """
    turns, latest, size = cycle(list(enumerate(queue.calls))), queue.latest, len(ring)
    ns = np.zeros(rounds, np.int64)

    def read(i: int) -> None:
        end = ring[(i + 1) % size]
        end.synchronize()
        ns[i] = round(ring[i % size].elapsed_time(end) * MS_NS)

    synchronize()
    ring[0].record()
    for i in range(rounds):
        for slot, call in islice(turns, batch):
            latest[slot] = call()
        if i + 1 >= size:
            read(i + 1 - size)  # before its event is recorded anew
        ring[(i + 1) % size].record()
    for i in range(max(0, rounds + 1 - size), rounds):
        read(i)
    return ns


def events(module: Any, synchronize: Call) -> list[Event] | None:
    """A ring of events of a device's module; None where it has none, or where they do not time."""
    kind = getattr(module, "Event", None)
    if kind is None:
        return None
    try:
        ring: list[Event] = [kind(enable_timing=True) for _ in range(RING_EVENTS)]
        ring[0].record()
        ring[1].record()
        synchronize()
        return ring if ring[0].elapsed_time(ring[1]) >= 0 else None
    except (RuntimeError, TypeError, AttributeError, ValueError):
        return None
