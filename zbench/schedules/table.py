"""All algorithms, by operation and name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from zbench.schedules import (
    allreduce_one_shot,
    allreduce_recursive_doubling,
    allreduce_ring,
    barrier_all_to_all,
    barrier_dissemination,
    bcast_binomial,
    bcast_flat,
    point_to_point,
)
from zbench.schedules.action import Step, Steps


@dataclass(frozen=True)
class Algorithm:
    """One way to do an operation."""

    steps: Callable[[int, int, int, int], Steps]
    """(ranks, rank, root, chunks) -> the rank's steps."""
    blocks: Callable[[int, int], int]
    """(ranks, chunks) -> the number of blocks in which the vector is cut."""
    least_ranks: int = 1

    @property
    def cost(self) -> str:
        """The formula of its docstring; see `ALGORITHMS` for the letters."""
        return _said(self.steps, r"Cost: (.+?)\.(?: |$)")

    @property
    def source(self) -> str:
        return _said(self.steps, r"Source: (.+?)\.?$")


def _said(function: Callable[..., Steps], what: str) -> str:
    found = re.search(what, " ".join((function.__doc__ or "").split()))
    return found[1] if found else ""


def _one_block(ranks: int, chunks: int) -> int:
    return 1


def _per_chunk(ranks: int, chunks: int) -> int:
    return chunks


def _per_chunk_and_rank(ranks: int, chunks: int) -> int:
    return chunks * ranks


ALGORITHMS: dict[str, dict[str, Algorithm]] = {
    "barrier": {
        "dissemination": Algorithm(barrier_dissemination.steps, _one_block),
        "all-to-all": Algorithm(barrier_all_to_all.steps, _one_block),
    },
    "bcast": {
        "binomial": Algorithm(bcast_binomial.steps, _per_chunk),
        "flat": Algorithm(bcast_flat.steps, _per_chunk),
    },
    "allreduce": {
        "recursive-doubling": Algorithm(allreduce_recursive_doubling.steps, _per_chunk),
        "ring": Algorithm(allreduce_ring.steps, _per_chunk_and_rank),
        "one-shot": Algorithm(allreduce_one_shot.steps, _per_chunk),
    },
    "pingpong": {"blocking": Algorithm(point_to_point.pingpong, _one_block, 2)},
    "unidirectional": {"window": Algorithm(point_to_point.unidirectional, _per_chunk, 2)},
    "bidirectional": {"paired": Algorithm(point_to_point.bidirectional, _per_chunk, 2)},
    "message_rate": {"window": Algorithm(point_to_point.unidirectional, _per_chunk, 2)},
}
"""Operation -> name -> algorithm; the docstring of each has its cost and source.

Costs: p ranks, n bytes, a seconds per message, b per byte moved, g per byte reduced.
"""


def steps(op: str, algorithm: str, ranks: int, rank: int, root: int = 0, chunks: int = 1) -> list[Step]:
    """One rank's steps of an operation. Raises KeyError for an unknown name, ValueError for a number
    out of range."""
    if not (0 <= rank < ranks and 0 <= root < ranks and chunks >= 1):
        raise ValueError(f"no such schedule: {ranks=} {rank=} {root=} {chunks=}")
    return list(ALGORITHMS[op][algorithm].steps(ranks, rank, root, chunks))
