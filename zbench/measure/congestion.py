"""One burst of victims with and without congestors beside them (GPCNeT's method); a record.

Rounds are common to the world. In a loaded round the congestors begin with the victims and go on for longer;
in an idle one they rest. Both kinds alternate in blocks, so that what drifts meanwhile drifts for both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import Any

import numpy as np

from zbench.case import Case
from zbench.errors import Unsupported
from zbench.fabrics.base import Fabric
from zbench.measure.bench import Bench, FabricBench, Ints, Timing, asked_for
from zbench.measure.burst import Policy, agree, first_reason, gather, verify
from zbench.workloads.ranks import CONGESTORS_MIN, congestor, victim

ROUND_NS = 100_000
"""Of a victim's round: the congestors have long begun in most of it, and the clock and the ranks' late starts
are lost in it."""
COVER = 1.5
"""Congestors are given so many times what the victims take, for rounds that take longer than most."""
SIZING_STEPS, SIZING_ROUNDS = 6, 8
"""Trials until congestors last long enough: they slow the victims, who then need more of them."""
LATE_SHARE = 0.05
"""A congestor that begins later than this share of a victim's round was not there all the time."""
PAIRS_OF_BLOCKS = 8
"""Idle and loaded blocks of a burst, in turns, either kind first as often as the other."""
ROUNDS_MIN = 2
"""Of a block: each of the slots is used."""


@dataclass(frozen=True)
class Groups:
    """Who does what: ranks of the world, disjoint."""

    victims: tuple[int, ...]
    congestors: tuple[int, ...]


def placed(case: Case, seed: int) -> Groups:
    """Drawn at random, so that the two lie among each other on hosts and cores. The same on all ranks. Pure.

    Raises Unsupported.
    """
    count = victim(case).ranks
    if case.ranks < count + CONGESTORS_MIN:
        raise Unsupported(
            f"{case.key}: {count} victims and {CONGESTORS_MIN} congestors need {count + CONGESTORS_MIN} ranks"
        )
    ranks = [int(rank) for rank in np.random.default_rng(seed).permutation(case.ranks)]
    return Groups(tuple(ranks[:count]), tuple(ranks[count:]))


class GroupBench(FabricBench):
    """One group's case; in an idle round the congestors do nothing instead."""

    def __init__(self, fabric: Fabric, case: Case, seeds: list[int], groups: Groups) -> None:
        """Raises Unsupported, MemoryError."""
        own = fabric.world.rank
        self.suffers = own in groups.victims
        members = groups.victims if self.suffers else groups.congestors
        Bench.__init__(self, victim(case) if self.suffers else congestor(case), members.index(own), seeds)
        self.fabric = fabric
        buffers = self.workload.buffers(self.case)
        self.slots = [{n: fabric.alloc(b.shape, b.dtype) for n, b in buffers.items()} for _ in seeds]
        self.plan = fabric.prepare(self.case, self.slots, None, members)
        rest = Case("barrier", "byte", (0,), {"ranks": 1})
        self.idle = (
            fabric.prepare(self.case, self.slots, None, members)
            if self.suffers
            else fabric.prepare(rest, [{}], None, (own,))
        )
        self.fill()

    def rounds(self, rounds: int, batch: int, loaded: bool) -> Ints:
        """Stamps, shape (rounds, 2)."""
        plan = self.plan if loaded else self.idle
        alone = not (loaded or self.suffers)
        return asked_for(self.fabric.run_rounds(plan, rounds, 1 if alone else batch), (rounds, 2))

    def release(self) -> None:
        self.fabric.release(self.idle)
        super().release()


@dataclass(frozen=True)
class Lengths:
    """The same on all ranks."""

    batch: int
    """Executions of the victims in a round."""
    congestor_batch: int
    rounds: int
    """Of a block."""


class _Burst:
    """The world's rounds, seen from one rank."""

    def __init__(self, bench: GroupBench, groups: Groups) -> None:
        self.bench, self.groups = bench, groups
        self.share = bench.fabric.world.share

    def rounds(self, rounds: int, lengths: Lengths, loaded: bool) -> Ints:
        batch = lengths.batch if self.bench.suffers else lengths.congestor_batch
        return self.bench.rounds(rounds, batch, loaded)

    def everyones(self, stamps: Ints) -> Ints:
        """Shape (ranks, rounds, 2)."""
        timings = gather(self.share, Timing(stamps[:, 1] - stamps[:, 0], stamps_ns=stamps))
        return np.stack([timing.stamps_ns for timing in timings if timing.stamps_ns is not None])

    def trial(self, rounds: int, lengths: Lengths, loaded: bool) -> tuple[float, float]:
        """Median ns of a round on the victims and the congestors, the same on all ranks."""
        everyone = self.everyones(self.rounds(rounds, lengths, loaded))
        took = everyone[:, :, 1] - everyone[:, :, 0]
        suffered = float(np.median(took[list(self.groups.victims)].max(axis=0)))
        return suffered, float(np.median(took[list(self.groups.congestors)].min(axis=0)))

    def sized(self, policy: Policy) -> Lengths:
        """By a pilot, which is not recorded."""
        lengths = Lengths(1, 1, ROUNDS_MIN)
        for _ in range(SIZING_STEPS):  # the first of a round takes longer than those behind it
            alone, _ = self.trial(SIZING_ROUNDS, lengths, False)
            if alone >= ROUND_NS / 2:
                break
            lengths = replace(lengths, batch=math.ceil(lengths.batch * ROUND_NS / max(1.0, alone)))
        for _ in range(SIZING_STEPS):
            began = perf_counter_ns()
            suffered, lasted = self.trial(SIZING_ROUNDS, lengths, True)
            loaded_ns = agree(self.share, (perf_counter_ns() - began) / SIZING_ROUNDS)
            if lasted >= COVER * suffered:
                break
            more = math.ceil(lengths.congestor_batch * COVER * suffered / max(1.0, lasted))
            lengths = replace(lengths, congestor_batch=max(lengths.congestor_batch + 1, more))
        both_ns = loaded_ns + alone
        rounds = int(min(policy.burst_ns / both_ns, policy.rounds_max) / PAIRS_OF_BLOCKS)
        return replace(lengths, rounds=max(ROUNDS_MIN, rounds))


def congested(fabric: Fabric, case: Case, seeds: list[int], policy: Policy, seed: int) -> dict[str, Any]:
    """Run one burst on all ranks; returns the record's fields, the same on each. Raises Unsupported,
    MemoryError on all of them where one has no room."""
    if not fabric.groups:
        raise Unsupported(f"{case.key}: this fabric has no groups of ranks")
    groups = placed(case, seeds[0])
    bench, why = None, ""
    try:
        bench = GroupBench(fabric, case, seeds, groups)
    except (Unsupported, MemoryError) as error:
        why = str(error) or "out of memory"
    try:
        if (told := first_reason(fabric.world.share, why)) or bench is None:
            raise Unsupported(told)
        return _measured(_Burst(bench, groups), policy, seed)
    finally:
        if bench is not None:
            bench.release()


def _measured(burst: _Burst, policy: Policy, seed: int) -> dict[str, Any]:
    bench, share = burst.bench, burst.share
    lengths = burst.sized(policy)
    for loaded in (False, True):
        burst.rounds(lengths.rounds, lengths, loaded)  # warm-up
    bench.rotate()
    bench.poison()
    share(b"ready")
    stamps: dict[bool, list[Ints]] = {False: [], True: []}
    for pair in range(PAIRS_OF_BLOCKS):
        for loaded in (False, True) if pair % 2 == 0 else (True, False):
            stamps[loaded].append(burst.rounds(lengths.rounds, lengths, loaded))
    idle, loaded_rounds = (burst.everyones(np.concatenate(stamps[kind])) for kind in (False, True))
    verification = verify(bench, len(bench.slots), [], seed, share)
    complaint = _complaint(idle) or _complaint(loaded_rounds)
    status = "invalid" if complaint else "ok" if verification["passed"] else "wrong"
    victims = list(burst.groups.victims)
    return {
        "variant": {},
        "batch": lengths.batch,
        "slots": len(bench.slots),
        "congestion": {
            "victims": victims,
            "congestors": list(burst.groups.congestors),
            "congestor_batch": lengths.congestor_batch,
            "idle_ns": _took(idle[victims]).tolist(),
            "loaded_ns": _took(loaded_rounds[victims]).tolist(),
            "uncovered": np.flatnonzero(~covered(loaded_rounds, burst.groups)).tolist(),
            "oversubscribed": bench.fabric.world.oversubscribed,
        },
        "verification": verification,
        "status": status,
        "why": complaint or verification["why"],
    }


def _took(stamps: Ints) -> Ints:
    """The longest of the ranks' own durations, of each round."""
    longest: Ints = (stamps[:, :, 1] - stamps[:, :, 0]).max(axis=0)
    return longest


def covered(stamps: Ints, groups: Groups) -> Any:
    """Rounds in which every congestor was at work from the victims' start to their end. Shape (rounds,).

    By stamps of different ranks: where these have no clock in common, rounds look uncovered, and nothing is
    made of them.
    """
    victims, congestors = stamps[list(groups.victims)], stamps[list(groups.congestors)]
    began, ended = victims[:, :, 0].min(axis=0), victims[:, :, 1].max(axis=0)
    late = congestors[:, :, 0].max(axis=0) - began
    return (late <= LATE_SHARE * (ended - began)) & (congestors[:, :, 1].min(axis=0) >= ended)


def _complaint(stamps: Ints) -> str:
    """Stamps must be in order on each rank."""
    disordered = (np.diff(stamps.reshape(len(stamps), -1), axis=1) < 0).any()
    return "round stamps are out of order or overlap" * bool(disordered)
