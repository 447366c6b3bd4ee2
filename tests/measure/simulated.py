"""A world of threads whose rounds take as long as is said: messages arrive, and time is made up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.fabrics.base import Fabric, Slot, World, group
from zbench.measure.burst import Policy, burst
from zbench.measure.pairs import PairsBench

Took = Callable[[int, int], float]
"""(who begins or sends, the other) -> ns of an execution."""
JITTER = 0.02
"""Of a round's time; normal."""


@dataclass
class Hub:
    """What the ranks have in common."""

    ranks: int
    inputs: dict[int, Sequence[Slot]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.meeting = threading.Barrier(self.ranks, timeout=60)
        self.said = [b""] * self.ranks

    def share(self, rank: int, mine: bytes) -> list[bytes]:
        self.said[rank] = mine
        self.meeting.wait()
        everyone = list(self.said)
        self.meeting.wait()
        return everyone


class Simulated(Fabric):
    groups = True

    def __init__(self, world: World, hub: Hub, took: Took, seed: int) -> None:
        super().__init__(world)
        self.hub, self.took = hub, took
        self.now_ns = 0
        self.rng = np.random.default_rng([seed, world.rank])

    def clock(self) -> int:
        """A look at it takes a microsecond."""
        self.now_ns += 1000
        return self.now_ns

    def operations(self) -> dict[str, tuple[str, ...]]:
        return {"pingpong": ("byte",), "unidirectional": ("byte",), "barrier": ("byte",)}

    def alloc(self, shape: tuple[int, ...], dtype: str) -> Any:
        return np.zeros(shape, NUMPY_DTYPES[dtype])

    def write(self, buffer: Any, data: NDArray[Any]) -> None:
        buffer[:] = data

    def read(self, buffer: Any) -> NDArray[Any]:
        copy: NDArray[Any] = buffer.copy()
        return copy

    def prepare(
        self,
        case: Case,
        slots: Sequence[Slot],
        algorithm: str | None = None,
        members: tuple[int, ...] | None = None,
    ) -> Any:
        ranks = group(self.world, members)
        assert case.ranks == len(ranks)
        if len(ranks) == 2:
            self.hub.inputs[self.world.rank] = slots
        return case, slots, ranks

    def execute(self, plan: Any, slot: int) -> None:
        case, slots, ranks = plan
        if len(ranks) == 2 and (case.workload == "pingpong" or self.world.rank == ranks[1]):
            slots[slot]["out"][:] = self.hub.inputs[ranks[0]][slot]["in"]

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        _, slots, ranks = plan
        told = self.took(*ranks) if len(ranks) == 2 else 1000.0
        stamps = np.empty((rounds, 2), np.int64)
        for i in range(rounds):
            for j in range(batch):
                self.execute(plan, (i * batch + j) % len(slots))
            lasts = batch * told * float(np.exp(self.rng.normal(0, JITTER)))
            stamps[i] = self.clock(), self.now_ns + round(lasts)
            self.now_ns = int(stamps[i, 1])
        return stamps

    def probe(self, case: Case) -> tuple[str, float] | None:
        return None


def bursts(case: Case, took: Took, seed: int) -> list[dict[str, Any]]:
    """What each rank makes of one burst."""
    hub = Hub(case.ranks)

    def rank(number: int) -> dict[str, Any]:
        world = World(number, case.ranks, lambda mine: hub.share(number, mine))
        fabric = Simulated(world, hub, took, seed)
        bench = PairsBench(fabric, case, [seed, seed + 1])
        world.share(b"everybody's inputs are there")
        try:
            return burst(bench, Policy(100_000_000, 500), 20.0, seed, world.share, fabric.clock)
        finally:
            bench.release()

    with ThreadPoolExecutor(case.ranks) as pool:
        return list(pool.map(rank, range(case.ranks)))
