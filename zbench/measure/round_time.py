"""Rounds that begin at one moment of the common clock (ReproMPI's round_time_sync.c), over any fabric.

A barrier lets ranks go one after the other, and what follows pays for it. Here rank 0 names a moment that
lies far enough ahead for its word to reach every rank, and each waits for it on its own clock, translated. A
round in which the word came too late for a rank is flagged; nothing is made of it and nothing is hidden.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from zbench.case import Case
from zbench.fabrics.base import Fabric, Slot
from zbench.measure.burst import agree
from zbench.measure.clocks import NS_PER_S, Clock, Ints

AHEAD = 4.0
"""How far ahead the moment lies, in times that it takes to hear of it (ReproMPI multiplies likewise)."""
TRIALS = 10
WORD_BYTES = 8
STARTS = 50
"""Rounds of `beginnings`."""


@dataclass(frozen=True)
class Rounds:
    """What this rank saw, one entry a round; moments on rank 0's clock as this rank's model has it."""

    began_ns: Ints
    ended_ns: Ints
    late: Any
    """Whether the named moment had passed when this rank heard of it: shape (rounds,), bool."""


class RoundTime:
    """What a world needs to begin together. Every rank makes one, at the same time. Raises Unsupported."""

    def __init__(self, fabric: Fabric, clock: Clock) -> None:
        self.fabric, self.clock = fabric, clock
        world: dict[str, int | str] = {"ranks": fabric.world.size}
        self.word: Slot = {name: fabric.alloc((WORD_BYTES,), "byte") for name in ("in", "out")}
        self.announce = fabric.prepare(Case("bcast", "byte", (WORD_BYTES,), world), [self.word])
        self.barrier = fabric.prepare(Case("barrier", "byte", (0,), world), [{}])
        self.ahead_ns = 0
        took = [self._announced()[1] for _ in range(TRIALS)]
        self.ahead_ns = round(AHEAD * agree(fabric.world.share, float(np.median(took))))

    def rounds(self, plan: Any, rounds: int) -> Rounds:
        """One execution of `plan` in each, on slot 0."""
        fabric, clock = self.fabric, self.clock
        began, ended = (np.empty(rounds, np.int64) for _ in range(2))
        late = np.zeros(rounds, bool)
        for i in range(rounds):
            moment, _ = self._announced()
            late[i] = fabric.clock_ns() >= moment
            while (now := fabric.clock_ns()) < moment:
                if fabric.world.oversubscribed:
                    os.sched_yield()
            began[i] = now
            fabric.execute(plan, 0)
            ended[i] = fabric.clock_ns()
        return Rounds(clock.common(began), clock.common(ended), late)

    def _announced(self) -> tuple[int, int]:
        """Meet, and hear rank 0's moment: that on this rank's clock, and how long it took to know it."""
        fabric = self.fabric
        fabric.execute(self.barrier, 0)
        met = fabric.clock_ns()
        if fabric.world.rank == 0:
            fabric.write(self.word["in"], np.array([met + self.ahead_ns], np.int64).view(np.uint8))
        fabric.execute(self.announce, 0)
        moment = own_time(self.clock, int(fabric.read(self.word["out"]).view(np.int64)[0]))
        return moment, fabric.clock_ns() - met

    def release(self) -> None:
        for plan in (self.announce, self.barrier):
            self.fabric.release(plan)


def own_time(clock: Clock, common_ns: int) -> int:
    """What a rank's clock shows at a moment of rank 0's. Pure.

    The offset is asked at the answer itself: each step leaves no more than the drift of what was missing, a
    thousandth at worst, so that four bring an offset of 1 s to the ns. Without numpy, which would be late.
    """
    own = common_ns + clock.base_ns
    for _ in range(4):
        own = (
            common_ns + clock.base_ns + round(clock.offset_ns + clock.drift * (own - clock.at_ns) / NS_PER_S)
        )
    return own


def beginnings(fabric: Fabric, clock: Clock) -> dict[str, Any]:
    """How well barriers begin together at moments of the clock that was found; the same on all ranks."""
    share = fabric.world.share
    together = RoundTime(fabric, clock)
    seen = together.rounds(together.barrier, STARTS)
    together.release()
    began = np.stack([np.frombuffer(each, np.int64) for each in share(seen.began_ns.tobytes())])
    ended = np.stack([np.frombuffer(each, np.int64) for each in share(seen.ended_ns.tobytes())])
    late = np.stack([np.frombuffer(each, bool) for each in share(seen.late.tobytes())]).any(axis=0)
    kept = ~late if not late.all() else late
    apart, span = np.ptp(began[:, kept], axis=0), ended[:, kept].max(axis=0) - began[:, kept].min(axis=0)
    return {
        "rounds": STARTS,
        "late": int(late.sum()),
        "skew_p50_ns": float(np.median(apart)),
        "skew_max_ns": float(apart.max()),
        "span_p50_ns": float(np.median(span)),
    }
