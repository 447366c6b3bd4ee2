"""SY-1 to SY-7: every schedule is proved for every rank of many worlds, without a process
(schedules/check.py), and each rule of the proof shows on broken schedules that it is one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from zbench.conformance.item import Item, Outcome
from zbench.conformance.schedule_mutants import BREAK, World, dropped
from zbench.conformance.tally import Tally
from zbench.schedules.check import check
from zbench.schedules.cost import Cost
from zbench.schedules.mistake import DEADLOCK, DEFINED, HAZARD, MATCH, ONCE, ONE_ORDER, ScheduleError
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS, Scaling, world

RANKS_MOST = (5, 16, 64)
"""At L0, L1, and from L2 on."""
ALL_ROOTS = 9
"""Ranks up to which every root is played; beyond, a root is root 0 by other names (`rename.rotated`)."""
CHUNKED_RANKS = 12
CHUNKS = (1, 2, 5)
AVERAGED_RANKS = 6
SCALINGS: tuple[Scaling, ...] = ("first", "last")
CAPACITIES = (1, 3)
"""Messages that a channel holds, beside 0, which proves every other."""
MUTANT_RANKS = 5
COSTS = "SY-7"
SCOPES = {ONE_ORDER: tuple(op for op, each in OPERATIONS.items() if each.sums and each.same_on_all)}
"""Rule -> the only operations that it is about."""


class Schedules(Tally):
    """The schedules of one operation, and the count of one test."""

    def __init__(self, op: str, item: Item, seed: int, thorough: int, only: str = "*") -> None:
        super().__init__(item, seed, thorough, only)
        self.op = op


@dataclass(frozen=True)
class Setting:
    """A world in which a schedule is played."""

    algorithm: str
    ranks: int
    root: int = 0
    chunks: int = 1
    in_place: bool = False
    scaling: Scaling = "no"
    capacity: int = 0

    def __str__(self) -> str:
        said = f"{self.algorithm} P={self.ranks} root={self.root} chunks={self.chunks}"
        average = f" average={self.scaling}" if self.scaling != "no" else ""
        return (
            said + " in place" * self.in_place + average + f" capacity={self.capacity}" * bool(self.capacity)
        )


def settings(op: str, thorough: int) -> Iterator[Setting]:
    """What is proved of an operation: all algorithms, ranks, roots, chunks; in place; averages."""
    operation = OPERATIONS[op]
    for name, algorithm in ALGORITHMS[op].items():
        for ranks in range(algorithm.least_ranks, RANKS_MOST[thorough] + 1):
            every = range(ranks) if operation.rooted and ranks <= ALL_ROOTS else (0,)
            for root in sorted({*every, ranks - 1} if operation.rooted else every):
                for chunks in CHUNKS if algorithm.chunked and ranks <= CHUNKED_RANKS else (1,):
                    yield Setting(name, ranks, root, chunks)
                    if algorithm.least_ranks == 1 and ranks <= CHUNKED_RANKS:
                        yield Setting(name, ranks, root, chunks, in_place=True)
                    if operation.sums and ranks <= AVERAGED_RANKS:
                        for in_place, scaling in product((False, True), SCALINGS):
                            yield Setting(name, ranks, root, chunks, in_place, scaling)


@cache
def played(op: str, setting: Setting) -> tuple[Cost | None, str]:
    """(what it costs, "") or (None, the rule that it breaks and where): each is played once for all rules."""
    of = setting
    found = ALGORITHMS[op][of.algorithm]
    more = {"root": of.root, "chunks": of.chunks, "in_place": of.in_place, "scaling": of.scaling}
    try:
        steps, blocks = world(op, of.algorithm, of.ranks, **more), found.blocks(of.ranks, of.chunks)
    except Exception as error:  # of whatever kind: an algorithm may be anybody's
        return None, f"cannot be made: {type(error).__name__}: {error}"
    try:
        average = of.scaling != "no"
        return check(op, steps, blocks, of.root, of.in_place, average, capacity=of.capacity), ""
    except ScheduleError as error:
        return None, f"{error.rule}: {error}"


def proof(ask: Schedules) -> None:
    """No schedule breaks a rule: one that breaks another is not proved to keep this one either. A broken one
    is rejected, by this rule."""
    for setting in settings(ask.op, ask.thorough):
        if ask.attempt(f"{ask.op} {setting}"):
            tell(ask, setting)
    reject(ask)


def capacities(ask: Schedules) -> None:
    """SY-5, with channels that hold messages, too: senders run ahead, results stay."""
    proof(ask)
    for setting in settings(ask.op, ask.thorough):
        if setting.ranks <= ALL_ROOTS and not setting.in_place and setting.scaling == "no":
            for capacity in CAPACITIES:
                ahead = Setting(
                    setting.algorithm, setting.ranks, setting.root, setting.chunks, False, "no", capacity
                )
                if ask.attempt(f"{ask.op} {ahead}"):
                    tell(ask, ahead)


def costs(ask: Schedules) -> None:
    """SY-7: messages on the longest chain, bytes and sums are those of the closed form; out of place."""
    for setting in settings(ask.op, ask.thorough):
        if setting.in_place or setting.scaling != "no" or not ask.attempt(f"{ask.op} {setting}"):
            continue
        cost = tell(ask, setting)
        form = ALGORITHMS[ask.op][setting.algorithm].cost(setting.ranks, setting.chunks)
        if cost is not None and cost != form:
            ask.fail(f"costs {told(cost)}; its closed form says {told(form)}")
    reject(ask)


def tell(ask: Schedules, setting: Setting) -> Cost | None:
    cost, why = played(ask.op, setting)
    if why:
        ask.fail(why)
    return cost


def told(cost: Cost) -> str:
    return f"{cost.rounds} rounds, {cost.volume} vectors moved, {cost.reduced} added"


def reject(ask: Schedules) -> None:
    """Schedules that break the rule, made from each algorithm: not to see one is a fault of the checker."""
    rule, operation = ask.item.id, OPERATIONS[ask.op]
    for name, algorithm in ALGORITHMS[ask.op].items():
        if played(ask.op, Setting(name, MUTANT_RANKS))[1]:
            continue  # which fails by itself: what is made of it shows nothing
        blocks = algorithm.blocks(MUTANT_RANKS, 1)
        right = world(ask.op, name, MUTANT_RANKS)
        for what, mutate in BREAK[rule].items():
            broken = mutate(right, operation, blocks)
            if broken is not None and ask.attempt(f"{ask.op} {name}: {what}"):
                found, why = caught(ask.op, broken, blocks, algorithm.cost(MUTANT_RANKS, 1))
                if found != rule:
                    instead = f"rejected for {found}: {why}" if found else "proved"
                    ask.fail(f"a schedule that breaks {rule} is {instead}")
        if rule == MATCH and ask.attempt(f"{ask.op} {name}: any message dropped on one side"):
            for where, broken in dropped(right):
                if not caught(ask.op, broken, blocks, algorithm.cost(MUTANT_RANKS, 1))[0]:
                    ask.fail(f"proved without {where}")


def caught(op: str, steps: World, blocks: int, cost: Cost) -> tuple[str, str]:
    """(the rule by which a schedule is rejected, why); ("", "") where it is proved."""
    try:
        found = check(op, steps, blocks)
    except ScheduleError as error:
        return error.rule, str(error)
    return (COSTS, f"costs {told(found)}") if found != cost else ("", "")


def operations(item: Item, only: str) -> tuple[str, ...]:
    """What a test of schedules is about: the one with which `only` begins, as every attempt's name does."""
    every = SCOPES.get(item.id, tuple(ALGORITHMS))
    named = only.partition(" ")[0]
    return (named,) if named in every else every


def prove(
    jobs: Sequence[tuple[Item, str]], subject: str, level: str, thorough: int, seed: int, only: str
) -> Iterator[Outcome]:
    """The outcome of each test for its operation."""
    for item, op in jobs:
        began = time.perf_counter()
        ask = Schedules(op, item, seed, thorough, only)
        item.run(ask)
        yield ask.outcome(subject, "schedules", op, level, time.perf_counter() - began)


SOURCE = "msccl language/collectives.py and passes.py"

ITEMS = (
    Item(
        ONCE,
        "each contribution exactly once, and nothing else",
        SOURCE,
        "L1",
        proof,
        True,
        ("alias", "root", "index", "partial", "trivial P", "tester"),
    ),
    Item(DEFINED, "nothing is read before it is there", SOURCE, "L1", proof, True, ("stale", "tester")),
    Item(
        HAZARD,
        "nothing in a step writes what another part of it touches",
        SOURCE,
        "L1",
        proof,
        True,
        ("race", "tester"),
    ),
    Item(
        MATCH,
        "messages match, first in, first out",
        SOURCE,
        "L1",
        proof,
        True,
        ("sequence", "index", "root", "tester"),
    ),
    Item(
        DEADLOCK,
        "no deadlock, whether channels hold no message, one, or several",
        "Kahn 1974; msccl passes.py, which looks inside a rank only",
        "L1",
        capacities,
        True,
        ("sequence", "index", "root", "tester"),
    ),
    Item(
        ONE_ORDER,
        "one order of summation on all ranks",
        "NVIDIA/nccl#434",
        "L1",
        proof,
        True,
        ("agreement", "tester"),
    ),
    Item(
        COSTS,
        "messages, bytes and sums of the closed form",
        "Thakur et al. 2005",
        "L1",
        costs,
        True,
        ("trivial P", "tester"),
    ),
)
