"""Rounds that begin at a named moment, over a fabric whose time is made up: no clock decides these tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.fabrics.base import Fabric, Slot, World
from zbench.measure.clocks import Clock
from zbench.measure.round_time import AHEAD, STARTS, RoundTime, beginnings, own_time

LOOK_NS, EXECUTE_NS = 10, 1000
AHEAD_OF_RANK_0 = Clock(5 * 10**15, 5 * 10**15, 123.0, 50_000.0, np.zeros((1, 2)))
"""Days and 123 ns ahead, and 50 us a second faster."""


class MadeUp(Fabric):
    """One rank; every look at its clock takes 10 ns, every execution 1 us, and some announcements longer."""

    def __init__(self, slow: Sequence[int] = ()) -> None:
        super().__init__(World(0, 1, lambda mine: [mine]))
        self.now, self.heard, self.slow = 5 * 10**15, 0, slow

    def clock_ns(self) -> int:
        self.now += LOOK_NS
        return self.now

    def operations(self) -> dict[str, tuple[str, ...]]:
        return {"barrier": ("byte",), "bcast": ("byte",)}

    def alloc(self, shape: tuple[int, ...], dtype: str) -> NDArray[np.uint8]:
        return np.zeros(shape, np.uint8)

    def write(self, buffer: NDArray[Any], data: NDArray[Any]) -> None:
        buffer[:] = data

    def read(self, buffer: NDArray[Any]) -> NDArray[Any]:
        return buffer.copy()

    def prepare(self, case: Case, slots: Sequence[Slot], *_: Any) -> tuple[Case, Slot]:
        return case, slots[0]

    def execute(self, plan: tuple[Case, Slot], slot: int) -> None:
        case, buffers = plan
        self.now += EXECUTE_NS
        if case.workload == "bcast":
            buffers["out"][:] = buffers["in"]
            self.now += 10**6 * (self.heard in self.slow)
            self.heard += 1

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        raise NotImplementedError

    def probe(self, case: Case) -> None:
        return None


def test_a_moment_is_translated_to_the_rank_s_own_clock_and_back() -> None:
    """Days apart and drifting, to the ns."""
    for common in (0, 10**12 + 7, 3 * 10**15):
        own = own_time(AHEAD_OF_RANK_0, common)
        assert abs(int(AHEAD_OF_RANK_0.common(np.array([own]))[0]) - common) <= 1


def test_rounds_begin_at_the_moment_and_not_before() -> None:
    """Within one look at the clock; the moment lies so far ahead that nobody is late."""
    fabric = MadeUp()
    together = RoundTime(fabric, Clock(0, 0, 0.0, 0.0, np.zeros((1, 2))))
    assert together.ahead_ns >= AHEAD * EXECUTE_NS
    met = fabric.now + EXECUTE_NS + LOOK_NS
    seen = together.rounds(together.barrier, 1)
    assert 0 <= seen.began_ns[0] - (met + together.ahead_ns) < LOOK_NS
    assert seen.ended_ns[0] == seen.began_ns[0] + EXECUTE_NS + LOOK_NS
    assert not seen.late.any()


def test_a_rank_that_hears_too_late_says_so() -> None:
    """Only those rounds are flagged, and they are left out of the figures, not hidden."""
    trials = 10
    told = beginnings(MadeUp([trials + 3, trials + 7]), Clock(0, 0, 0.0, 0.0, np.zeros((1, 2))))
    assert (told["rounds"], told["late"]) == (STARTS, 2)
    assert told["skew_max_ns"] == 0.0
    assert told["span_p50_ns"] == EXECUTE_NS + LOOK_NS
