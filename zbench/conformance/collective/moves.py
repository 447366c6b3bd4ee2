"""CO-01: every element says where it comes from, so that one in the wrong place names its origin."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.collective.oracle import MOVES, PAIRS, moved, operand_count
from zbench.conformance.compare import Difference, equal
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.workloads.messages import elements

Array = NDArray[Any]
TAG_BYTES = 8
COUNTS = (1, 5, 1009, 128, 2048, 65537)
"""Elements of a rank's part, of 8 bytes each: at a power of two another way of sending may begin. The last is
more than what is under way between two ranks at a time."""
INDEX_BITS = 40
"""Of a tag; the sender stands above."""


def tagged(rank: int, count: int, call: int) -> Array:
    """int64: rank, call and index of each element, no two alike."""
    return np.arange(count, dtype=np.int64) | (rank + 1) << 48 | (call & 0xFF) << INDEX_BITS


def origin(tag: int) -> str:
    """Whose element this is."""
    rank, call, index = (tag >> 48) - 1, tag >> INDEX_BITS & 0xFF, tag & (1 << INDEX_BITS) - 1
    return f"element {index} of rank {rank} in call {call}" if 0 <= rank < 1 << 14 else "nobody's element"


def explained(found: Difference | None, got: Array) -> str:
    return f"{found}: it is {origin(int(got[found.place]))}" if found else ""


def memory(name: str, size_bytes: int) -> Array:
    """Of ours, as it comes."""
    return np.empty(size_bytes, np.uint8)


def moves(ask: Ranks) -> None:
    """Every operation that moves, by every algorithm; over buffers of the fabric's and over memory of ours,
    from which data may travel another way."""
    call, lays = 0, (None, memory) if ask.thorough and ask.adopts() else (None,)
    for op in (*MOVES, *PAIRS) if ask.size > 1 else MOVES:
        if not ask.offers(op, "byte"):
            continue
        for count in [each * ask.size for each in COUNTS[: None if ask.thorough else 3]]:
            case = ask.case(op, "byte", count * TAG_BYTES)
            for algorithm, lay in product(ask.algorithms(case), lays):
                call += 1
                if not ask.attempt(f"{op} {count} {algorithm or 'default'}{' adopted' if lay else ''}"):
                    continue
                whole = elements(case) // TAG_BYTES
                given = [
                    tagged(rank, operand_count(op, whole, ask.size, rank), call) for rank in range(ask.size)
                ]
                expected = moved(op, given, ask.rank, root=0)
                got = ask.perform(case, given[ask.rank].view(np.uint8), algorithm, lay)
                if expected is None:
                    continue
                got = got.view(np.int64)[: expected.size]
                if why := explained(equal(expected, got), got):
                    ask.fail(why)


ITEMS = (
    Item(
        "CO-01",
        "moves: each element in its place",
        "gap in PARAM and mpi4py, whose ranks send the same",
        "L1",
        moves,
        smoke=True,
        families=("root", "index", "race", "stale", "sequence", "partial"),
    ),
)
