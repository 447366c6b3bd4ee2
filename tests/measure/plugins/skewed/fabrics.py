"""Shared memory whose last rank has a clock of its own, and one that does not keep to any line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.fabrics.shm import Shm

OFFSET_NS = 1_000_000
DRIFT_PPM = 50
JUMP_NS = 10_000_000
MILLION = 1_000_000


class Skewed(Shm):
    """The last rank's clock is 1 ms ahead and gains 50 us a second."""

    def clock_ns(self) -> int:
        return self._shown(super().clock_ns())

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        return self._shown(super().run_rounds(plan, rounds, batch))

    def _shown(self, moment: Any) -> Any:
        if self.world.rank != self.world.size - 1:
            return moment
        return moment + OFFSET_NS + moment * DRIFT_PPM // MILLION


class Jumping(Shm):
    """The last rank's clock is set forward every time that it is asked."""

    asked = 0

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        stamps = super().run_rounds(plan, rounds, batch)
        if self.world.rank == self.world.size - 1:
            self.asked += 1
            stamps += JUMP_NS * (self.asked % 7)
        return stamps


class Alone(Shm):
    """Knows no groups."""

    groups = False
