"""A fabric whose last rank dies, and whose first can only say that something has failed."""

import os
import signal
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.errors import InvalidRun
from zbench.fabrics.base import World
from zbench.fabrics.shm import Shm
from zbench.measure.processes import has_ended


class Vague(Shm):
    def __init__(self, world: World, option: str | None = None) -> None:
        super().__init__(world, option)
        self.last = int(world.share(str(os.getpid()).encode())[-1])

    def execute(self, plan: Any, slot: int) -> None:
        if os.getpid() == self.last:
            os.kill(self.last, signal.SIGKILL)
        while not has_ended(self.last):
            time.sleep(0.001)
        raise InvalidRun("something has failed")

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        self.execute(plan, 0)
        raise AssertionError
