"""What every operation must leave, by MPI's definitions (MPI 4.1, chapter 6) and numpy alone: written apart
from the schedules and from the workloads' check, so that none of them is held against itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MOVES = ("bcast", "allgather", "gather", "scatter", "alltoall", "sendrecv")
"""Operations that move and do not combine."""


def parts(vector: Array, ranks: int) -> list[Array]:
    """The vector cut in parts that differ by one element at most, longer ones first."""
    return np.array_split(vector, ranks)


def part_of(count: int, ranks: int, rank: int) -> slice:
    """Where `parts` finds a rank's part of `count` elements."""
    length, longer = divmod(count, ranks)
    begin = rank * length + min(rank, longer)
    return slice(begin, begin + length + (rank < longer))


def operand_count(op: str, count: int, ranks: int, rank: int) -> int:
    """Elements that a rank brings, of `count` in the whole vector."""
    if op in ("allgather", "gather"):
        where = part_of(count, ranks, rank)
        return int(where.stop - where.start)
    return count


def moved(op: str, given: Sequence[Array], rank: int, root: int) -> Array | None:
    """What a rank must find after an operation of MOVES on all ranks' operands; None: its `out` stays."""
    ranks = len(given)
    if op == "bcast":
        return given[root]
    if op == "allgather":
        return np.concatenate(given)
    if op == "gather":
        return np.concatenate(given) if rank == root else None
    if op == "scatter":
        return parts(given[root], ranks)[rank]
    if op == "alltoall":
        return np.concatenate([parts(each, ranks)[rank] for each in given])
    if op == "sendrecv":
        return given[(rank - 1) % ranks]
    raise ValueError(op)
