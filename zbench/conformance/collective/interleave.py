"""CO-20 and CO-21: many calls, one after the other, with no barrier between them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.collective.calls import SUMS, Call, Wanted, agreed, bound, give, operands, wrong
from zbench.conformance.collective.moves import TAG_BYTES
from zbench.conformance.collective.oracle import MOVES
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.dtypes import NUMPY_DTYPES

Array = NDArray[Any]
CALLS = (30, 100, 1000)
"""Of a random program; at L0, L1, and from L2 on."""
PLANS = (8, 16, 32)
"""Prepared at the same time, among which the program chooses."""
ELEMENTS = (1, 5, 37, 1009, 9001)
"""Of each rank's part: a cache line, several, a page, and what is copied in pieces."""
JITTER_S = 0.005
"""The longest that a rank idles before a call: longer than any call takes, so that ranks overtake."""

AHEAD = ((200_003, 4), (1, 300), (5, 300), (37, 300))
"""Elements, and how often a rank may send them before any other receives: more often than `shm` has lines
between two ranks; and, in a world as new as can be, more bytes at once than it holds under way."""
LATE_S = 0.05
"""Which takes it less than this."""

LONG_RUN = 70_001
"""Executions: more than a sequence number of 16 bits holds."""
SHORT_RUN = 300
"""Rounds of more than two ranks, each of which begins late enough for all of them to be awake."""
SLOTS = 17
"""Prime: a sequence number that wraps after 2^8 or 2^16 calls comes back to another slot, with other data."""
LOOKS = 5
"""How often a long run is stopped to be looked at, at random points."""


def interleave(ask: Ranks) -> None:
    """CO-20: a random program of calls of different operations, sizes, roots, dtypes and algorithms, which
    every rank begins at its own time. Plans come again with other data: what is left of an earlier call, or
    belongs to another one, names itself; so does what is read from a buffer after its call has returned."""
    for elements, times in AHEAD if ask.offers("bcast", "byte") else ():
        if ask.attempt(f"far ahead {elements}"):
            far_ahead(ask, elements, times, root=elements % ask.size)
    for number in range(1 + ask.thorough // 2):
        if not ask.attempt(f"program {number}"):
            continue
        calls = plans(ask, PLANS[ask.thorough])
        if not calls:
            ask.tried -= 1
            continue
        rng, own = ask.rng(), ask.rng(1, ask.rank)
        for at in range(CALLS[ask.thorough]):
            call = calls[int(rng.integers(len(calls)))]
            given = operands(ask, call.case, at)
            if call.case.workload != "barrier":
                give(ask, call, 0, given[ask.rank])
            time.sleep(own.uniform(0.0, JITTER_S) if own.random() < 0.5 else 0.0)
            ask.fabric.execute(call.plan, 0)
            if call.case.workload != "barrier":  # the buffer is ours again: who is late must not need it
                taken = ask.fabric.read(call.slots[0]["in"])
                ask.fabric.write(call.slots[0]["in"], other(taken))
            if why := wrong(ask, call, 0, given):
                ask.fail(f"call {at}, {call.named}: {why}")
        for call in calls:
            ask.fabric.release(call.plan)


def far_ahead(ask: Ranks, elements: int, times: int, root: int) -> None:
    """One rank sends all it can while the others sleep: what is under way must not be written over, neither
    by what follows nor by who has its buffer back. In a mixed program ranks wait for each other long before a
    transport is full."""
    slots = min(SLOTS, times)
    call = bound(ask, Wanted(ask.case("bcast", "byte", elements * TAG_BYTES, root=root), slots=slots))
    if call is None:
        ask.tried -= 1
        return
    given = [operands(ask, call.case, slot) for slot in range(slots)]
    for slot in range(slots):
        give(ask, call, slot, given[slot][ask.rank])
    spoilt = other(ask.fabric.read(call.slots[0]["in"]))
    agreed(ask, "")
    time.sleep(LATE_S if ask.rank != root else 0.0)
    for at in range(times):
        slot = at % slots
        ask.fabric.execute(call.plan, slot)
        if ask.rank != root:
            if why := wrong(ask, call, slot, given[slot]):
                ask.fail(f"call {at}: {why}")
            give(ask, call, slot, given[slot][ask.rank])
        elif at + slots >= times:  # nobody sends it again
            ask.fabric.write(call.slots[slot]["in"], spoilt)
    ask.fabric.release(call.plan)


def other(data: Array) -> Array:
    """Of the same type and length, no byte of it the same."""
    return np.asarray((~np.ascontiguousarray(data).view(np.uint8)).view(data.dtype))


def plans(ask: Ranks, count: int) -> list[Call]:
    """Random operations, prepared, every second one over memory of ours, which may travel another way; fewer
    where the fabric lacks some of them."""
    found: list[Call] = []
    rng, adopts = ask.rng(0), ask.adopts()
    offered = ask.fabric.operations()
    names = [op for op in (*MOVES, *SUMS, "barrier") if op in offered]
    for _ in range(count):
        op = str(rng.choice(names))
        of_op = [dtype for dtype in ("fp32", "int64", "bf16", "fp16", "int32") if dtype in offered[op]]
        dtype = str(rng.choice(of_op)) if op in SUMS and of_op else "byte"
        unit = TAG_BYTES if dtype == "byte" else NUMPY_DTYPES[dtype].itemsize
        count_bytes = 0 if op == "barrier" else int(rng.choice(ELEMENTS)) * ask.size * unit
        said: dict[str, int | str] = {"root": int(rng.integers(ask.size))} if op in ROOTED else {}
        redop = str(rng.choice(("sum", "min", "max")))
        if op in SUMS and redop != "sum":
            said["redop"] = redop
        if not ask.offers(op, dtype):
            continue
        case = ask.case(op, dtype, count_bytes // NUMPY_DTYPES[dtype].itemsize, **said)
        algorithms = ask.algorithms(case)
        algorithm = algorithms[int(rng.integers(len(algorithms)))]
        call = bound(ask, Wanted(case, algorithm, adopted=adopts and len(found) % 2 == 1))
        if call is not None:
            found.append(call)
    return found


ROOTED = ("bcast", "gather", "scatter", "reduce")


def long_run(ask: Ranks) -> None:
    """CO-21: more calls than a short sequence number counts, back to back; looked at where they end, and at
    random points before. Every slot has data of its own, so that one call too many or too few shows."""
    for op, dtype in (("allreduce", "int64"), ("sendrecv", "byte"))[: 1 + ask.thorough // 2]:
        if not ask.offers(op, dtype) or not ask.attempt(f"{op} {LONG_RUN}"):
            continue
        call = bound(ask, Wanted(ask.case(op, dtype, 8 // NUMPY_DTYPES[dtype].itemsize), slots=SLOTS))
        if call is None:
            ask.tried -= 1
            continue
        stops = np.sort(ask.rng(0).choice(LONG_RUN, LOOKS, replace=False))
        for turn, executions in enumerate(np.diff([0, *stops, LONG_RUN]).tolist()):
            if not executions:
                continue
            given = [operands(ask, call.case, turn * SLOTS + slot) for slot in range(SLOTS)]
            for slot in range(SLOTS):
                give(ask, call, slot, given[slot][ask.rank])
            ask.fabric.run_rounds(call.plan, 1, executions)
            for slot in range(min(SLOTS, executions)):
                if why := wrong(ask, call, slot, given[slot]):
                    ask.fail(f"up to call {stops[turn] if turn < LOOKS else LONG_RUN}, slot {slot}: {why}")
        ask.fabric.release(call.plan)
    many_rounds(ask, LONG_RUN if ask.size == 2 else SHORT_RUN)


def many_rounds(ask: Ranks, rounds: int) -> None:
    """Meetings of all ranks have a number of their own, which one meeting a call makes go round, too."""
    if not ask.offers("allreduce", "int64") or not ask.attempt(f"rounds {rounds}"):
        return
    call = bound(ask, Wanted(ask.case("allreduce", "int64", 1)))
    if call is None:
        ask.tried -= 1
        return
    given = operands(ask, call.case, 0)
    give(ask, call, 0, given[ask.rank])
    ask.fabric.run_rounds(call.plan, rounds)
    if why := wrong(ask, call, 0, given):
        ask.fail(f"after {rounds} rounds: {why}")
    ask.fabric.release(call.plan)


ITEMS = (
    Item(
        "CO-20",
        "a random program of mixed calls, begun at different times",
        "PaddlePaddle#39567: two allreduces in a row swap values",
        "L1",
        interleave,
        smoke=True,
        families=("race", "stale", "sequence", "root", "sporadic"),
        least_ranks=2,
    ),
    Item(
        "CO-21",
        "more than 70,000 calls back to back",
        "sequence numbers of 8 and 16 bits",
        "L1",
        long_run,
        families=("sequence", "stale", "race", "wrap"),
        least_ranks=2,
        limit_s=600.0,
    ),
)
