"""CO-05 to CO-07: ends of vectors, worlds of one rank, and vectors of nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.collective.oracle import FOLDS, REDUCTIONS, reference, tolerance
from zbench.conformance.collective.sums import crafted
from zbench.conformance.collective.sweep import (
    ALL_MOVES,
    Choice,
    changed,
    operands,
    place,
    random_bits,
    strayed,
    sweep,
    wrong,
)
from zbench.conformance.compare import identical, within
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
EVERYTHING = (*REDUCTIONS, *ALL_MOVES)
LANES = (1, 2, 3, 5, 7, 9, 15, 17, 31, 33, 63, 65, 127, 129)
"""Around the elements of a vector register, of whatever dtype and instruction set."""


def whole_numbers(ask: Ranks, dtype: str, call: int, rank: int, count: int) -> Array:
    """Small ones, whose sums are exact in any dtype; of another call others."""
    drawn = ask.rng(rank, call).integers(1, 9, count)
    return np.asarray(drawn.astype(NUMPY_DTYPES[dtype]))


def bytes_of(ask: Ranks, dtype: str, call: int, rank: int, count: int) -> Array:
    """What is moved: any bytes."""
    return random_bits(ask.rng(rank, call), dtype, count)


def tails(ask: Ranks) -> None:
    """CO-05: what the call before has left stands in `out`, and in what the fabric keeps between calls."""
    p = ask.size
    counts = sorted(
        {*LANES, max(1, p - 1), p, p + 1, 2 * p - 1, 2 * p + 1} if ask.thorough else {1, 7, p + 1}
    )
    even: list[Choice] = [{"count": p * count, "root": count % p} for count in LANES[:: 3 - ask.thorough]]
    choices = even + [{"count": count, "root": count % p} for count in counts]
    choices += [{"count": count, "skew": "zipf"} for count in counts]
    for each in sweep(ask, EVERYTHING, choices):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        make = whole_numbers if case.workload in REDUCTIONS else bytes_of
        given = [operands(case, partial(make, ask, case.dtype, call)) for call in range(2)]
        calls = ask.executions(case, [own[ask.rank] for own in given], each.algorithm)
        for call, left in enumerate(calls):
            for found in (
                wrong(case, given[call], ask.rank, left),
                strayed(case, given[call], ask.rank, left),
            ):
                if found:
                    ask.fail(f"call {call + 1} on the same buffers: {found}")
    averages(ask)


def averages(ask: Ranks) -> None:
    """The end of a vector is divided, too; within what an average may be off. All operations divide alike, so
    that one of them tells until L2."""
    p = ask.size
    ops = REDUCTIONS if ask.thorough > 1 else ("allreduce",)
    choices: list[Choice] = [
        {"count": count, "redop": "avg", "root": count % p} for count in (13, 1, 7, 8 * p + 5, 101)
    ]
    for each in sweep(ask, ops, choices if ask.thorough else choices[:1]):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        given = operands(case, partial(crafted, ask, case.redop, case.dtype))
        for left in ask.executions(case, [given[ask.rank]], each.algorithm):
            exact = reference(case, given, ask.rank)
            if exact is not None and case.dtype in FLOATS:
                room = tolerance(case, given, ask.rank, ask.declared)
                got = left.out[place(case, ask.rank, exact.size)]
                ask.differs(within(exact.astype(np.float64), got, room))
            else:
                ask.differs(wrong(case, given, ask.rank, left))


def alone(ask: Ranks) -> None:
    """CO-06: one rank's result is its operand, bit for bit, whatever it is reduced by."""
    choices: list[Choice] = [
        {"count": count, "redop": redop, "inplace": inplace}
        for count in (1, 8, 9, 1009)
        for redop in FOLDS
        for inplace in ("no", "yes")
    ]
    for each in sweep(ask, EVERYTHING, choices, each=not ask.fabric.schedules):  # algorithms share them
        if not ask.attempt(str(each)):
            continue
        case = each.case
        given = random_bits(ask.rng(), case.dtype, case.size[0] // NUMPY_DTYPES[case.dtype].itemsize).copy()
        if case.dtype in FLOATS:
            given[::3] *= NUMPY_DTYPES[case.dtype].type(-0.0)
        for left in ask.executions(case, [given], each.algorithm):
            if case.workload != "exscan":  # whose first rank has no result
                ask.differs(identical(given, left.out[: given.size]))


def nothing(ask: Ranks) -> None:
    """CO-07: vectors of no elements touch nothing, and the call after them is in order."""
    for each in sweep(ask, EVERYTHING, [{"count": 0, "root": ask.size - 1}]):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        empty = [np.empty(0, NUMPY_DTYPES[case.dtype])] * ask.size
        calls = ask.executions(case, [empty[ask.rank]], each.algorithm, spare=3)
        if not calls:
            continue
        ask.differs(strayed(case, empty, ask.rank, calls[0]))
        ask.differs(changed(empty[ask.rank], calls[0]))
        after = ask.case(case.workload, case.dtype, 2 * ask.size, root=0)
        given = operands(after, partial(whole_numbers, ask, case.dtype, 1))
        for left in ask.executions(after, [given[ask.rank]], each.algorithm):
            if found := wrong(after, given, ask.rank, left):
                ask.fail(f"the call after it: {found}")


ITEMS = (
    Item(
        "CO-05",
        "tails, and nothing left of the call before",
        "NVIDIA/nccl#1950",
        "L1",
        tails,
        smoke=True,
        families=("tail", "stale"),
    ),
    Item(
        "CO-06",
        "a world of one rank",
        "NVIDIA/nccl#1950: avg of one rank left the last 8 elements",
        "L1",
        alone,
        families=("trivial P", "tail"),
        most_ranks=1,
    ),
    Item(
        "CO-07",
        "vectors of nothing",
        "gloo test/allreduce_test.cc",
        "L1",
        nothing,
        families=("trivial P", "sequence"),
    ),
)
