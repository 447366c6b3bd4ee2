"""CO-29: operations in which any three of a fabric's ways to move, add and execute meet.

As GE-43 of cards: faults hide where ways meet, such as an average in place in a group whose ranks come in
another order, executed for the second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.collective.calls import Call, Wanted, bound, give
from zbench.conformance.collective.oracle import REDUCTIONS, ROOTED, reference, result, tolerance
from zbench.conformance.collective.sweep import ALL_MOVES, operands, place, random_bits, strayed
from zbench.conformance.compare import Difference, equal, within
from zbench.conformance.gemm.sizes import covering
from zbench.conformance.item import Item
from zbench.conformance.world import Left, Ranks
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
KINDS = (
    ("fp32", "sum"),
    ("fp32", "avg"),
    ("fp64", "max"),
    ("bf16", "sum"),
    ("bf16", "avg"),
    ("fp16", "prod"),
    ("fp16", "avg"),
    ("int32", "sum"),
    ("int64", "prod"),
    ("int64", "avg"),
    ("int8", "min"),
    ("uint8", "bxor"),
)
"""Of what is reduced, and how: one of each width, of each way to add, and each way to divide."""
MOVED = (("byte", "sum"),)
LENGTHS = ("1", "7", "p + 1", "8 p + 5", "1009", "20011")
"""Elements of the whole vector: fewer than there are ranks, parts of which some are longer, several
messages."""
GROUPS = ("world", "in another order", "halves")
RUNS = ("once", "again", "in turn")
"""Again: the same plan on other operands. In turn: timed, every slot in each of several rounds."""
SLOTS, ROUNDS = 2, 2
STRENGTH = {0: 2, 1: 3, 2: 3}
"""How thorough -> ways that meet."""
MOST_FACTOR, MOST_TERM = 2, 4
"""Of whole numbers that are multiplied, or added and compared: exact in any order and any dtype."""


@dataclass(frozen=True)
class Way:
    """One operation, as this rank asks for it."""

    case: Case
    algorithm: str | None
    members: tuple[int, ...] | None
    memory: str
    run: str
    name: str


def ways(ask: Ranks, ops: Sequence[str], kinds: Sequence[tuple[str, str]]) -> Iterator[Way]:
    """Those of a covering array over what the fabric says that it offers."""
    offered = ask.fabric.operations()
    ops = [op for op in ops if any(dtype in offered.get(op, ()) for dtype, _ in kinds)]
    chosen = [
        (op, i) for op in ops for i in range(len(ask.algorithms(ask.case(op, offered[op][0], ask.size))))
    ]
    factors: tuple[Sequence[Any], ...] = (
        chosen,
        kinds,
        LENGTHS,
        ("first", "last"),
        GROUPS if ask.fabric.groups and ask.size > 1 else GROUPS[:1],
        ("no", "yes"),
        ("own", "adopted") if ask.adopts() else ("own",),
        RUNS,
    )
    if not chosen:
        return
    named: set[str] = set()
    for row in covering(tuple(map(len, factors)), STRENGTH[ask.thorough]):
        (op, i), (dtype, redop), length, root, group, inplace, memory, run = (
            values[at] for values, at in zip(factors, row, strict=True)
        )
        if dtype not in offered[op] or (op == "alltoallv" and inplace == "yes"):
            continue
        members = _members(ask, group)
        case = _case(op, dtype, redop, length, root, inplace, ask.size if members is None else len(members))
        names = ask.algorithms(case)
        algorithm = names[i % len(names)]
        said = f"root={root} " * (op in ROOTED) + "in place " * (inplace == "yes")
        name = f"{op} {algorithm or 'default'} {dtype} {redop} {length} {said}{group} {memory} {run}"
        if name not in named:
            named.add(name)
            yield Way(case, algorithm, members, memory, run, name)


def _members(ask: Ranks, group: str) -> tuple[int, ...] | None:
    """This rank's group; None: no group is named."""
    ranks = np.arange(ask.size)
    if group == "in another order":
        return tuple(ranks[::-1].tolist())
    if group == "halves":
        return next(tuple(half.tolist()) for half in np.array_split(ranks, 2) if ask.rank in half)
    return None


def _case(op: str, dtype: str, redop: str, length: str, root: str, inplace: str, ranks: int) -> Case:
    """Of an alltoall as many elements for each."""
    count = {"p + 1": ranks + 1, "8 p + 5": 8 * ranks + 5}.get(length) or int(length)
    if op == "alltoall":
        count = -(-count // ranks) * ranks
    said: dict[str, int | str] = {"ranks": ranks}
    if op in ROOTED and root == "last":
        said["root"] = ranks - 1
    if redop != "sum":
        said["redop"] = redop
    if inplace == "yes":
        said["inplace"] = "yes"
    return Case(op, dtype, (count * NUMPY_DTYPES[dtype].itemsize,), said)


def drawn(ask: Ranks, case: Case, number: int, rank: int, count: int) -> Array:
    """What a rank brings to the execution of this number: any bytes to move, small whole numbers to add."""
    rng = ask.rng(number, rank)
    if case.workload not in REDUCTIONS:
        return random_bits(rng, case.dtype, count)
    most = MOST_FACTOR if case.redop == "prod" else MOST_TERM
    return np.asarray(rng.integers(1, most + 1, count).astype(NUMPY_DTYPES[case.dtype]))


def wrong(ask: Ranks, case: Case, given: Sequence[Array], rank: int, left: Left) -> Difference | None:
    """Exact, but for averages of floats, which round."""
    expected = result(case, given, rank)
    if expected is not None:
        got = left.out[place(case, rank, expected.size)]
        if case.redop == "avg" and case.dtype in FLOATS:
            wide = np.asarray(reference(case, given, rank)).astype(np.float64)
            found = within(wide, got, tolerance(case, given, rank, ask.declared))
        else:
            found = equal(expected, got)
        if found:
            return found
    return None if case.in_place else strayed(case, given, rank, left)


def combinations(ask: Ranks) -> None:
    """CO-29: each of `ways` whose name is asked for."""
    for ops, kinds in ((REDUCTIONS, KINDS), (ALL_MOVES, MOVED)):
        for way in ways(ask, ops, kinds):
            if not ask.attempt(way.name):
                continue
            wanted = Wanted(
                way.case,
                way.algorithm,
                SLOTS if way.run == "in turn" else 1,
                way.members,
                way.memory == "adopted",
            )
            call = bound(ask, wanted)
            if call is None:
                ask.tried -= 1
                continue
            for again in range(2 if way.run == "again" else 1):
                _one(ask, way, call, again)
            ask.fabric.release(call.plan)


def _one(ask: Ranks, way: Way, call: Call, again: int) -> None:
    """Executions over all slots, each with operands of its own."""
    case, slots = way.case, len(call.slots)
    given = [operands(case, partial(drawn, ask, case, slots * again + slot)) for slot in range(slots)]
    for slot in range(slots):
        give(ask, call, slot, given[slot][call.rank])
    with np.errstate(all="ignore"):  # a fabric of numpy's would warn of what is asked for here
        if way.run == "in turn":
            ask.fabric.run_rounds(call.plan, ROUNDS, slots)
        elif case.in_place:  # only run_rounds promises to put the operand where it is looked for
            ask.fabric.run_rounds(call.plan, 1)
        else:
            ask.fabric.execute(call.plan, 0)
    for slot, buffers in enumerate(call.slots):
        left = Left(ask.fabric.read(buffers["in"]), ask.fabric.read(buffers["out"]))
        if found := wrong(ask, case, given[slot], call.rank, left):
            ask.fail(f"slot {slot}: {found}")


ITEMS = (
    Item(
        "CO-29",
        "any three of what a fabric offers, at once",
        "Cohen, Dalal, Fredman & Patton 1997, AETG; Kuhn, Wallace & Gallo 2004",
        "L1",
        combinations,
        families=(
            "tail",
            "root",
            "alias",
            "index",
            "stale",
            "sequence",
            "partial",
            "wrap",
            "trivial P",
            "race",
        ),
        limit_s=600.0,
    ),
)
