"""Shared memory with one slow rank and one slow pair: whoever has to do with them takes longer.

Every round lasts as long as is said here, asleep, so that busy cores change little.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.fabrics.base import Slot
from zbench.fabrics.shm import Shm

SLOW_RANK, SLOW_PAIR = 0, {3, 4}
ROUND_NS, SLOWER_NS = 2_000_000, 4_000_000


@dataclass
class Delayed:
    plan: Any
    slots: int
    least_ns: int


class Uneven(Shm):
    def prepare(
        self,
        case: Case,
        slots: Sequence[Slot],
        algorithm: str | None = None,
        members: tuple[int, ...] | None = None,
    ) -> Any:
        paired = set(members or ())
        slow = len(paired) == 2 and (SLOW_RANK in paired or paired == SLOW_PAIR)
        plan = super().prepare(case, slots, algorithm, members)
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # so that all pairs are alike
        return Delayed(plan, len(slots), SLOWER_NS if slow else ROUND_NS)

    def execute(self, plan: Any, slot: int) -> None:
        super().execute(plan.plan, slot)

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        stamps = np.empty((rounds, 2), np.int64)
        for i in range(rounds):
            stamps[i, 0] = time.monotonic_ns()
            for j in range(batch):
                self.execute(plan, (i * batch + j) % plan.slots)
            time.sleep(max(0.0, (stamps[i, 0] + plan.least_ns - time.monotonic_ns()) / 1e9))
            stamps[i, 1] = time.monotonic_ns()
        return stamps

    def variant(self, plan: Any) -> dict[str, str]:
        return super().variant(plan.plan)

    def release(self, plan: Any) -> None:
        super().release(plan.plan)
