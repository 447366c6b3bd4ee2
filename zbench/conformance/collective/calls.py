"""Calls whose plans stay prepared: what each rank brings to one, and what it must find afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.collective.moves import TAG_BYTES, explained, tagged
from zbench.conformance.collective.oracle import MOVES, operand_count, result
from zbench.conformance.compare import equal
from zbench.conformance.world import Ranks, poison
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported
from zbench.fabrics.base import Slot
from zbench.workloads.base import Buffer
from zbench.workloads.messages import buffers

Array = NDArray[Any]

SUMS = ("allreduce", "reduce", "reduce_scatter", "scan")
"""Operations that combine, each with a result on some rank."""
EXACT_SUM = {"fp16": 2**11, "bf16": 2**8, "fp32": 2**24}
"""Up to here a float holds every whole number: sums below are exact in any order."""


@dataclass(frozen=True)
class Call:
    """A prepared operation of some ranks, seen from one of them, whose number among them is `rank`."""

    case: Case
    rank: int
    slots: list[Slot]
    plan: Any
    named: str
    """For people: key and algorithm."""


@dataclass(frozen=True)
class Wanted:
    """What is to be prepared."""

    case: Case
    algorithm: str | None = None
    """None: the fabric's own choice."""
    slots: int = 1
    members: Sequence[int] | None = None
    """None: all ranks."""
    adopted: bool = False
    """Over memory of ours, not of the fabric's."""


def bind(ask: Ranks, wanted: Wanted) -> Call:
    """Prepare it. Raises Unsupported."""
    case, members = wanted.case, wanted.members

    def buffer(each: Buffer) -> Any:
        if wanted.adopted:
            return ask.fabric.adopt(np.zeros(each.shape, NUMPY_DTYPES[each.dtype]))
        return ask.fabric.alloc(each.shape, each.dtype)

    shapes = buffers(case)
    made = [{name: buffer(each) for name, each in shapes.items()} for _ in range(wanted.slots)]
    named = f"{case.key} by {wanted.algorithm or 'default'}"
    if members is None:
        return Call(case, ask.rank, made, ask.fabric.prepare(case, made, wanted.algorithm), named)
    plan = ask.fabric.prepare(case, made, wanted.algorithm, tuple(members))
    return Call(case, list(members).index(ask.rank), made, plan, f"{named} of ranks {list(members)}")


def agreed(ask: Ranks, why: str) -> str:
    """The first reason that any rank has not to go on; "" if none has one."""
    return next((each.decode() for each in ask.everyone(why.encode()) if each), "")


def all_bound(ask: Ranks, wanted: Sequence[Wanted]) -> list[Call] | None:
    """`bind` each, or None on all ranks where any rank cannot: what it lacks is noted, and an attempt that
    needs them has not been tried."""
    calls: list[Call] = []
    why = ""
    try:
        for each in wanted:
            calls.append(bind(ask, each))
    except Unsupported as error:
        why = str(error)
    if why := agreed(ask, why):
        ask.lacking(why)
        for call in calls:
            ask.fabric.release(call.plan)
        return None
    return calls


def bound(ask: Ranks, wanted: Wanted) -> Call | None:
    """`all_bound`, of one."""
    calls = all_bound(ask, [wanted])
    return calls[0] if calls else None


def operands(ask: Ranks, case: Case, number: int) -> list[Array]:
    """What each rank of the case brings to the call of this number. Moves: tags of rank, call and place, so
    that one in the wrong place names its origin; sums: random whole numbers, exact in any order."""
    ranks, kind = case.ranks, NUMPY_DTYPES[case.dtype]
    if case.workload in MOVES:
        count = case.size[0] // TAG_BYTES
        return [
            tagged(rank, operand_count(case.workload, count, ranks, rank), number) for rank in range(ranks)
        ]
    count = case.size[0] // kind.itemsize
    most = EXACT_SUM.get(case.dtype, 2**31) // ranks
    return list(ask.rng(number).integers(-most, most + 1, (ranks, count)).astype(kind))


def left(case: Case, given: Sequence[Array], rank: int) -> Array | None:
    """What the rank must find; None: nothing is promised."""
    return None if case.workload == "barrier" else result(case, given, rank)


def give(ask: Ranks, call: Call, slot: int, operand: Array) -> None:
    """Write the operand, and poison where the result will stand."""
    shapes, buffer = buffers(call.case), call.slots[slot]
    if shapes["in"].shape[0]:
        whole = np.resize(operand.view(NUMPY_DTYPES[call.case.dtype]), shapes["in"].shape)
        ask.fabric.write(buffer["in"], whole)
    ask.fabric.write(buffer["out"], poison(shapes["out"].shape, call.case.dtype))


def wrong(ask: Ranks, call: Call, slot: int, given: Sequence[Array]) -> str:
    """What is wrong with what a slot holds after the call on these operands; "": nothing."""
    expected = left(call.case, given, call.rank)
    if expected is None:
        return ""
    got = ask.fabric.read(call.slots[slot]["out"]).view(expected.dtype)[: expected.size]
    found = equal(expected, got)
    if found is None:
        return ""
    return explained(found, got) if call.case.workload in MOVES else str(found)
