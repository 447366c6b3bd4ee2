"""All pairs of a world, matching by matching, as one burst."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from zbench.case import Case
from zbench.errors import Unsupported
from zbench.fabrics.base import Fabric, Share
from zbench.measure.bench import FabricBench, Ints, Timing, asked_for
from zbench.measure.statistics import percentile_upper_bound
from zbench.workloads import pairs
from zbench.workloads.base import Answer, Finding

RESTS = Case("barrier", "byte", (0,), {"ranks": 1})
"""What a rank without a partner does beside the pairs."""
P99 = 0.99


@dataclass(frozen=True)
class Turn:
    """One matching, as one rank takes part in it."""

    members: tuple[int, ...]
    """This rank's pair, or itself alone."""
    plan: Any

    @property
    def paired(self) -> bool:
        return len(self.members) == 2


class PairsBench(FabricBench):
    """The rounds of one matching, then those of the next; a sample is that of the middle pair."""

    def __init__(self, fabric: Fabric, case: Case, seeds: list[int]) -> None:
        if not fabric.groups:
            raise Unsupported(f"{case.key}: this fabric takes no groups, so no pairs side by side")
        if case.ranks < pairs.RANKS_MIN:
            raise Unsupported(f"{case.key}: pairs are told apart from {pairs.RANKS_MIN} ranks on")
        self.matchings = pairs.matchings(case, seeds[0])
        self.findings: list[Finding] = []
        self.looks = False
        super().__init__(case=case, fabric=fabric, seeds=seeds, algorithm=None)

    def _prepare(self, algorithm: str | None) -> Any:
        self.turns = [self._turn(matching) for matching in self.matchings]
        return next(turn.plan for turn in self.turns if turn.paired)

    def _turn(self, matching: pairs.Matching) -> Turn:
        mine = [pair for pair in matching if self.rank in pair]
        if not mine:
            resting = (self.rank,)
            return Turn(resting, self.fabric.prepare(RESTS, [{} for _ in self.slots], None, resting))
        case = pairs.pair_case(self.case)
        return Turn(mine[0], self.fabric.prepare(case, self.slots, None, mine[0]))

    def run(self, rounds: int, batch: int) -> Timing:
        """Of each round the middle of this rank's pairs, and under a matching's number what each took."""
        self.findings = []
        times, stamps = {}, []
        for number, turn in enumerate(self.turns):
            told = asked_for(self.fabric.run_rounds(turn.plan, rounds, batch), (rounds, 2))
            stamps.append(told)
            if turn.paired:
                times[str(number)] = told[:, 1] - told[:, 0]
                self.findings += [self._look(turn, rounds * batch)] if self.looks else []
        middle = np.median(np.stack(list(times.values())), axis=0).astype(np.int64)
        return Timing(middle, times, np.concatenate(stamps))

    def probe(self) -> tuple[str, float] | None:
        """Of what each pair does, asked of the whole world."""
        operation = pairs.pair_case(self.case).workload
        return self.fabric.probe(Case(operation, self.case.dtype, self.case.size, self.case.parameters))

    def poison(self) -> None:
        """Before the timed rounds, the only ones that are verified."""
        super().poison()
        self.looks = True

    def _look(self, turn: Turn, executions: int) -> Finding:
        """What stands in the slot of a matching's last execution: the next one writes over it."""
        slot = (executions - 1) % len(self.slots)
        outputs = {"out": self.read(slot, "out")}
        answer = Answer(self.case, self.seeds[slot], self.rank, {}, outputs, turn.members)
        return self.workload.check(answer, np.random.default_rng(0))

    def verify(self, slots: Sequence[int], rng: np.random.Generator) -> tuple[list[Finding], int]:
        """Of each matching of the last span the last execution."""
        return self.findings, len(self.matchings)

    def executions(self, rounds: int, batch: int) -> int:
        return rounds * batch * len(self.matchings)

    def pairs(self, timing: Timing, share: Share) -> dict[str, Any]:
        """As `records.schema.PairTimes`, the same on all ranks; by the clock of who begins (osu_latency)."""
        own = [
            (turn.members, *_told(timing.parts_ns[str(number)]))
            for number, turn in enumerate(self.turns)
            if turn.paired and turn.members[0] == self.rank
        ]
        cores = sorted(os.sched_getaffinity(0))
        place = platform.node(), cores[0] if len(cores) == 1 else -1
        everyone = [msgspec.msgpack.decode(each) for each in share(msgspec.msgpack.encode((place, own)))]
        told = sorted(each for _, theirs in everyone for each in theirs)
        return {
            "pairs": [members for members, _, _ in told],
            "median_ns": [median for _, median, _ in told],
            "p99_ns": [p99 for _, _, p99 in told],
            "hosts": [host for (host, _), _ in everyone],
            "cores": [core for (_, core), _ in everyone],
        }

    def release(self) -> None:
        for turn in self.turns:
            self.fabric.release(turn.plan)
        self.slots.clear()


def _told(times: Ints) -> tuple[float, float | None]:
    return float(np.median(times)), percentile_upper_bound(times, P99)


def middle(timings: Sequence[Timing]) -> Ints:
    """Of each round the middle of all ranks' middle pairs."""
    middle: Ints = np.median(np.stack([timing.samples_ns for timing in timings]), axis=0).astype(np.int64)
    return middle
