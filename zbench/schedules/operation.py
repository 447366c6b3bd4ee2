"""The operations: who reads and writes which part of the vector, and what must stand there at the end.

Definitions: MPI 4.1, chapter 6; sizes as in nccl-tests. Blocks are numbered as in the whole vector; of
`parts` operations each rank has a part, blocks rank * n ... rank * n + n - 1 of n * ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Extent(Enum):
    """How much of the vector a buffer holds."""

    NOTHING = "nothing"
    PART = "the rank's part"
    WHOLE = "all of it"


NOTHING, PART, WHOLE = Extent


class Who(NamedTuple):
    """A rank of a world, and the root."""

    ranks: int
    rank: int
    root: int


def held(extent: Extent, who: Who, blocks: int) -> range:
    """The blocks of the vector that are in a buffer of this extent."""
    if extent is NOTHING:
        return range(0)
    if extent is WHOLE:
        return range(blocks)
    size = blocks // who.ranks
    return range(who.rank * size, (who.rank + 1) * size)


class Content(NamedTuple):
    """What stands in a block: the sum of one block of the `in` of some ranks."""

    ranks: frozenset[int]
    block: int


def _everyone(extent: Extent) -> Callable[[Who], Extent]:
    return lambda who: extent


def _root_only(extent: Extent) -> Callable[[Who], Extent]:
    return lambda who: extent if who.rank == who.root else NOTHING


@dataclass(frozen=True)
class Operation:
    """What an operation is, whatever the algorithm."""

    reads: Callable[[Who], Extent]
    writes: Callable[[Who], Extent]
    result: Callable[[Who, int, int], Content | None]
    """(who, block, blocks of a part) -> what must stand in `out`; None: anything. Asked only for what is
    written."""
    parts: bool = False
    sums: bool = False
    rooted: bool = False
    same_on_all: bool = False
    """Whether all ranks must get the same bits, so that sums must be of the same order everywhere."""
    places_differ: bool = False
    """Whether a block lands at another place of the vector than it came from."""


def _from(rank: Callable[[Who, int, int], int]) -> Callable[[Who, int, int], Content | None]:
    """A block of one rank, at its place."""
    return lambda who, block, size: Content(frozenset({rank(who, block, size)}), block)


def _sum(ranks: Callable[[Who], range]) -> Callable[[Who, int, int], Content | None]:
    return lambda who, block, size: Content(frozenset(ranks(who)), block) if ranks(who) else None


def _exchanged(who: Who, block: int, size: int) -> Content:
    source, place = divmod(block, size)
    return Content(frozenset({source}), who.rank * size + place)


def _in_pair(source: Callable[[int], int | None]) -> Operation:
    """Ranks 0 and 1 have something to do."""

    def result(who: Who, block: int, size: int) -> Content | None:
        peer = source(who.rank)
        return None if peer is None else Content(frozenset({peer}), block)

    def writes(who: Who) -> Extent:
        return WHOLE if who.rank < 2 and source(who.rank) is not None else NOTHING

    return Operation(lambda who: WHOLE if who.rank < 2 else NOTHING, writes, result)


_ALL = _sum(lambda who: range(who.ranks))
_ROOT = _from(lambda who, block, size: who.root)
_OWNER = _from(lambda who, block, size: block // size)
_TO_ONE = _in_pair(lambda rank: 0 if rank == 1 else None)

OPERATIONS: dict[str, Operation] = {
    "barrier": Operation(_everyone(NOTHING), _everyone(NOTHING), lambda who, block, size: None),
    "bcast": Operation(_root_only(WHOLE), _everyone(WHOLE), _ROOT, rooted=True, same_on_all=True),
    "reduce": Operation(_everyone(WHOLE), _root_only(WHOLE), _ALL, sums=True, rooted=True),
    "allreduce": Operation(_everyone(WHOLE), _everyone(WHOLE), _ALL, sums=True, same_on_all=True),
    "reduce_scatter": Operation(_everyone(WHOLE), _everyone(PART), _ALL, parts=True, sums=True),
    "allgather": Operation(_everyone(PART), _everyone(WHOLE), _OWNER, parts=True, same_on_all=True),
    "gather": Operation(_everyone(PART), _root_only(WHOLE), _OWNER, parts=True, rooted=True),
    "scatter": Operation(_root_only(WHOLE), _everyone(PART), _ROOT, parts=True, rooted=True),
    "alltoall": Operation(_everyone(WHOLE), _everyone(WHOLE), _exchanged, parts=True, places_differ=True),
    "alltoallv": Operation(_everyone(WHOLE), _everyone(WHOLE), _exchanged, parts=True, places_differ=True),
    "scan": Operation(_everyone(WHOLE), _everyone(WHOLE), _sum(lambda who: range(who.rank + 1)), sums=True),
    "exscan": Operation(
        _everyone(WHOLE),
        lambda who: WHOLE if who.rank else NOTHING,
        _sum(lambda who: range(who.rank)),
        sums=True,
    ),
    "sendrecv": Operation(
        _everyone(WHOLE), _everyone(WHOLE), _from(lambda who, block, size: (who.rank - 1) % who.ranks)
    ),
    "pingpong": _in_pair(lambda rank: 0),
    "unidirectional": _TO_ONE,
    "message_rate": _TO_ONE,
    "bidirectional": _in_pair(lambda rank: 1 - rank),
}
