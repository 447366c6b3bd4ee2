"""All algorithms, by operation and name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from zbench.schedules import (
    binomial,
    bruck,
    chain,
    direct,
    dissemination,
    double_tree,
    hierarchical,
    pairwise,
    point_to_point,
    rabenseifner,
    recursive_doubling,
    ring,
    scatter_allgather,
)
from zbench.schedules.action import Buffer, Span, Step, Steps, scale
from zbench.schedules.cost import Cost
from zbench.schedules.folding import fold
from zbench.schedules.operation import OPERATIONS, Who, held
from zbench.schedules.rename import from_copy, rotated
from zbench.schedules.rename import in_place as read_in_place


@dataclass(frozen=True)
class Algorithm:
    """One way to do an operation."""

    steps: Callable[[int, int, int], Steps]
    """(ranks, rank, chunks) -> the rank's steps; of a rooted operation with root 0."""
    cost: Callable[[int, int], Cost]
    """(ranks, chunks) -> what it costs, in closed form."""
    blocks: Callable[[int, int], int]
    """(ranks, chunks) -> the number of blocks in which the vector is cut."""
    chunked: bool = False
    """Whether it works a long vector off chunk by chunk; else `chunks` must be 1."""
    in_place: bool = True
    """Whether it may find its operand in `out`; else that is copied away first."""
    least_ranks: int = 1

    @property
    def formula(self) -> str:
        """The cost as its docstring says it; see `ALGORITHMS` for the letters."""
        return _said(self.steps, r"Cost: (.+?)\.(?: |$)")

    @property
    def source(self) -> str:
        return _said(self.steps, r"Source: (.+?)\.?$")


def _said(function: Callable[..., Steps], what: str) -> str:
    found = re.search(what, " ".join((function.__doc__ or "").split()))
    return found[1] if found else ""


def _chunked(
    steps: Callable[[int, int, int], Steps], cost: Callable[[int, int], Cost], in_place: bool = True
) -> Algorithm:
    return Algorithm(steps, cost, lambda ranks, chunks: chunks, True, in_place)


def _whole(
    steps: Callable[[int, int, int], Steps], cost: Callable[[int, int], Cost], in_place: bool = True
) -> Algorithm:
    return Algorithm(steps, cost, lambda ranks, chunks: 1, False, in_place)


def _parts(
    steps: Callable[[int, int, int], Steps], cost: Callable[[int, int], Cost], in_place: bool = True
) -> Algorithm:
    return Algorithm(steps, cost, lambda ranks, chunks: ranks, False, in_place)


def _pair(
    steps: Callable[[int, int, int], Steps], cost: Callable[[int, int], Cost], windowed: bool = True
) -> Algorithm:
    return Algorithm(steps, cost, lambda ranks, chunks: chunks if windowed else 1, True, False, 2)


ALGORITHMS: dict[str, dict[str, Algorithm]] = {
    "barrier": {
        "dissemination": _whole(dissemination.barrier, dissemination.barrier_cost),
        "direct": _whole(direct.barrier, direct.barrier_cost),
        "binomial": _whole(binomial.barrier, binomial.barrier_cost),
        "hierarchical": _whole(hierarchical.barrier, hierarchical.barrier_cost),
    },
    "bcast": {
        "binomial": _chunked(binomial.bcast, binomial.bcast_cost),
        "direct": _chunked(direct.bcast, direct.bcast_cost),
        "chain": _chunked(chain.bcast, chain.bcast_cost),
        "double-tree": _chunked(double_tree.bcast, double_tree.bcast_cost),
        "scatter-allgather": _parts(scatter_allgather.bcast, scatter_allgather.bcast_cost),
    },
    "reduce": {
        "binomial": _chunked(binomial.reduce, binomial.reduce_cost),
        "direct": _chunked(direct.reduce_at_root, direct.reduce_cost),
        "chain": _chunked(chain.reduce, chain.reduce_cost),
        "double-tree": _chunked(double_tree.reduce_at_root, double_tree.reduce_cost),
    },
    "allreduce": {
        "recursive-doubling": _chunked(
            recursive_doubling.allreduce, recursive_doubling.allreduce_cost, False
        ),
        "ring": Algorithm(ring.allreduce, ring.allreduce_cost, lambda ranks, chunks: chunks * ranks, True),
        "rabenseifner": Algorithm(
            rabenseifner.allreduce,
            rabenseifner.allreduce_cost,
            lambda ranks, chunks: chunks * fold(ranks).power,
            True,
        ),
        "direct": _chunked(direct.allreduce, direct.allreduce_cost, False),
        "double-tree": _chunked(double_tree.allreduce, double_tree.allreduce_cost),
        "hierarchical": _chunked(hierarchical.allreduce, hierarchical.allreduce_cost),
        "two-dimensional": _parts(hierarchical.allreduce_2d, hierarchical.allreduce_2d_cost),
    },
    "reduce_scatter": {
        "ring": _parts(ring.reduce_scatter, ring.reduce_scatter_cost),
        "pairwise": _parts(pairwise.reduce_scatter, pairwise.reduce_scatter_cost),
        "rabenseifner": _parts(rabenseifner.reduce_scatter, rabenseifner.reduce_scatter_cost),
        "direct": _parts(direct.reduce_scatter, direct.reduce_scatter_cost, False),
    },
    "allgather": {
        "ring": _parts(ring.allgather, ring.allgather_cost),
        "recursive-doubling": _parts(recursive_doubling.allgather, recursive_doubling.allgather_cost),
        "bruck": _parts(bruck.allgather, bruck.allgather_cost),
        "direct": _parts(direct.allgather, direct.allgather_cost),
    },
    "gather": {
        "binomial": _parts(binomial.gather, binomial.gather_cost),
        "direct": _parts(direct.gather, direct.gather_cost),
    },
    "scatter": {
        "binomial": _parts(binomial.scatter, binomial.scatter_cost),
        "direct": _parts(direct.scatter, direct.scatter_cost),
    },
    "alltoall": {
        "pairwise": _parts(pairwise.alltoall, pairwise.alltoall_cost, False),
        "bruck": _parts(bruck.alltoall, bruck.alltoall_cost),
        "direct": _parts(direct.alltoall, direct.alltoall_cost, False),
    },
    "alltoallv": {
        "pairwise": _parts(pairwise.alltoall, pairwise.alltoall_cost, False),
        "direct": _parts(direct.alltoall, direct.alltoall_cost, False),
    },
    "scan": {
        "recursive-doubling": _whole(recursive_doubling.scan, recursive_doubling.scan_cost, False),
        "direct": _whole(direct.scan, direct.scan_cost, False),
    },
    "exscan": {
        "recursive-doubling": _whole(recursive_doubling.exscan, recursive_doubling.exscan_cost, False),
        "direct": _whole(direct.exscan, direct.exscan_cost, False),
    },
    "sendrecv": {"ring": _whole(ring.sendrecv, ring.sendrecv_cost, False)},
    "pingpong": {"blocking": _pair(point_to_point.pingpong, point_to_point.pingpong_cost, False)},
    "unidirectional": {"window": _pair(point_to_point.unidirectional, point_to_point.unidirectional_cost)},
    "bidirectional": {"paired": _pair(point_to_point.bidirectional, point_to_point.bidirectional_cost)},
    "message_rate": {"window": _pair(point_to_point.unidirectional, point_to_point.unidirectional_cost)},
}
"""Operation -> name -> algorithm; the docstring of each has its cost and source.

Costs: p ranks, n bytes, a seconds per message, b per byte moved, g per byte reduced.
"""


Scaling = Literal["no", "first", "last"]
"""When a sum is divided by the number of ranks: not at all, every operand at first, or the result."""


def steps(
    op: str,
    algorithm: str,
    ranks: int,
    rank: int,
    root: int = 0,
    chunks: int = 1,
    in_place: bool = False,
    scaling: Scaling = "no",
) -> list[Step]:
    """One rank's steps of an operation. `in_place`: the operand stands in `out`, at its place.

    Raises KeyError for an unknown name, ValueError for a number out of range.
    """
    found, operation = ALGORITHMS[op][algorithm], OPERATIONS[op]
    if not (0 <= rank < ranks and 0 <= root < ranks and (chunks == 1 or (chunks > 1 and found.chunked))):
        raise ValueError(f"no such schedule: {ranks=} {rank=} {root=} {chunks=}")
    blocks, who = found.blocks(ranks, chunks), Who(ranks, rank, root)
    from_zero = found.steps(ranks, (rank - root) % ranks, chunks)
    own = [step for step in rotated(from_zero, ranks, root, blocks, operation.parts) if step]
    operand = _span("out" if in_place else "in", held(operation.reads(who), who, blocks))
    if scaling == "first" or (in_place and not found.in_place):
        own = list(from_copy(own, operand, blocks, scaling == "first"))
    elif in_place:
        own = list(read_in_place(own))
    result = _span("out", held(operation.writes(who), who, blocks))
    if scaling == "last" and result is not None:
        own.append((scale(result, result),))
    return own


def _span(buffer: Buffer, blocks: range) -> Span | None:
    return Span(buffer, blocks.start, len(blocks)) if blocks else None


def world(op: str, algorithm: str, ranks: int, **settings: Any) -> list[list[Step]]:
    """The steps of all ranks; takes and raises what `steps` does."""
    return [steps(op, algorithm, ranks, rank, **settings) for rank in range(ranks)]
