"""CO-02: each rank counts itself once, in a digit of its own: a sum tells who was counted how often."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.collective.moves import memory
from zbench.conformance.collective.oracle import REDUCTIONS, contributors, part_of
from zbench.conformance.collective.sweep import Choice, operands, place, sweep, wrong
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
LONG = 65537
"""Elements: more than is added at once, or arrives in one piece from memory of ours."""
BASE = 4
"""Base 2 could not tell a rank counted twice from its neighbour; here a digit is wrong up to three times."""


def digits(dtype: str) -> int:
    """How many ranks one element counts, exactly whatever the digits are."""
    if dtype in FLOATS:
        return PRECISIONS[dtype] // 2
    return int(np.iinfo(NUMPY_DTYPES[dtype]).max).bit_length() // 2


def digit(rank: int, index: Array, ranks: int, width: int) -> Array:
    """Which digit of elements counts a rank; beyond the width none does. It moves on with the index, so that
    of more ranks than digits each is counted somewhere, and an element in a neighbour's place shows."""
    return np.asarray((rank + index) % max(ranks, width))


def census(rank: int, count: int, ranks: int, dtype: str, first: int = 0) -> Array:
    """A rank's operand, elements `first` and on; it repeats itself."""
    width = digits(dtype)
    own = digit(rank, np.arange(first, first + min(count, max(ranks, width))), ranks, width)
    powers = np.where(own < width, BASE ** np.minimum(own, width - 1).astype(np.int64), 0)
    return np.resize(powers.astype(NUMPY_DTYPES[dtype]), count)


def counted(value: int, index: int, case: Case, rank: int) -> str:
    """What an element's digits say of each rank: only what is wrong."""
    width = digits(case.dtype)
    due = contributors(case.workload, case.ranks, rank, case.root)
    told = []
    for each in range(case.ranks):
        at = int(digit(each, np.array(index), case.ranks, width))
        times = value // BASE**at % BASE if at < width else int(each in due)
        if times != (each in due):
            told.append(f"rank {each} is counted {times} times")
    return ", ".join(told) or "the digits are of another element"


def each_once(ask: Ranks) -> None:
    p = ask.size
    choices: list[Choice] = [
        {"count": 2 * p + 1, "root": p - 1},
        {"count": 4 * p, "root": p // 2, "inplace": "yes"},
        {"count": 1009, "root": 0},
        {"count": max(1, p - 1), "root": p - 1},
        {"count": 1, "root": p // 2},
    ]
    choices += [{"count": LONG, "root": 0}] if ask.thorough else []
    adopts = ask.thorough and ask.adopts()
    for each, lay in product(sweep(ask, REDUCTIONS, choices), (None, memory) if adopts else (None,)):
        case = each.case
        if lay and case.size[0] < LONG:
            continue
        if not ask.attempt(f"{each}{' adopted' if lay else ''}"):
            continue
        given = operands(case, partial(census, ranks=p, dtype=case.dtype))
        for left in ask.executions(case, [given[ask.rank]], each.algorithm, lay=lay):
            if found := wrong(case, given, ask.rank, left):
                at = found.place[0]
                got = left.out[place(case, ask.rank, at + 1)][at]
                begin = part_of(given[0].size, p, ask.rank).start if case.workload == "reduce_scatter" else 0
                whole = np.isfinite(np.float64(got)) and got >= 0
                why = counted(int(got), begin + at, case, ask.rank) if whole else "that is no count"
                ask.fail(f"{found}: {why}")


ITEMS = (
    Item(
        "CO-02",
        "census: each rank is counted once",
        "new; a rank counted twice and another never passes where all ranks send the same",
        "L1",
        each_once,
        smoke=True,
        families=("root", "index", "sporadic", "tail", "partial"),
    ),
)
