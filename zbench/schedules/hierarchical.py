"""Composed over groups, such as the ranks of a node, and then one rank of each group."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt

from zbench.schedules import binomial, dissemination, recursive_doubling, ring
from zbench.schedules.action import Buffer, Span, Steps
from zbench.schedules.cost import Cost
from zbench.schedules.rename import in_place, renamed

SUMS_OF_GROUP = 1
"""The row of `tmp` that holds the sums of a group; row 0 is the inner algorithms' own."""


def groups_of(ranks: int) -> list[range]:
    """About as many groups as ranks in each; the last may be smaller. Where nothing is known of nodes."""
    size = isqrt(ranks - 1) + 1
    return [range(first, min(first + size, ranks)) for first in range(0, ranks, size)]


def _mine(groups: Sequence[range], rank: int) -> range:
    return next(group for group in groups if rank in group)


def _leaders(groups: Sequence[range]) -> list[int]:
    return [group[0] for group in groups]


def barrier(ranks: int, rank: int, chunks: int) -> Steps:
    """Groups report to their first ranks, which meet by dissemination and let their groups go.

    Cost: (2 ceil(lg g) + ceil(lg p/g)) a, with g ranks in a group. Source: MPICH,
    src/mpi/coll/barrier/barrier_intra_smp.c.
    """
    groups = groups_of(ranks)
    group, leaders = _mine(groups, rank), _leaders(groups)
    yield from renamed(binomial.report(len(group), rank - group[0]), group)
    if rank == group[0]:
        place = leaders.index(rank)
        yield from renamed(dissemination.barrier(len(leaders), place, 1), leaders)
    yield from renamed(binomial.release(len(group), rank - group[0]), group)


def barrier_cost(ranks: int, chunks: int) -> Cost:
    groups = groups_of(ranks)
    met = dissemination.barrier_cost(len(groups), 1).rounds
    within = max(binomial.bcast_cost(len(group), 1).rounds for group in groups)
    return Cost(2 * within + met, Fraction(0))


def allreduce(ranks: int, rank: int, chunks: int) -> Steps:
    """Groups reduce to their first ranks, which exchange by recursive doubling and broadcast the result.

    With several chunks one follows the other. Blocks: `chunks`. Cost: (2 ceil(lg g) + lg p/g) (a + n b) +
    (ceil(lg g) + lg p/g) n g', with g ranks in a group. Source: MPICH,
    src/mpi/coll/allreduce/allreduce_intra_smp.c.
    """
    for chunk in range(chunks):
        yield from _allreduce(ranks, rank, chunk, chunks)


def _allreduce(ranks: int, rank: int, chunk: int, chunks: int) -> Steps:
    groups = groups_of(ranks)
    group, leaders = _mine(groups, rank), _leaders(groups)
    place = rank - group[0]
    sums, out = Span("tmp", SUMS_OF_GROUP * chunks + chunk), Span("out", chunk)

    def at_chunk(result: Span) -> dict[Buffer, Span]:
        return {"in": Span("in", chunk), "out": result, "tmp": Span("tmp", chunk)}

    up, down, across = at_chunk(sums), at_chunk(out), at_chunk(out) | {"in": sums}
    sums_of_group = binomial.reduce(len(group), place, 1)
    yield from renamed(sums_of_group, group, lambda span: up[span.buffer])
    if place == 0:
        exchange = recursive_doubling.allreduce(len(leaders), leaders.index(rank), 1)
        yield from renamed(exchange, leaders, lambda span: across[span.buffer])
    result = in_place(binomial.bcast(len(group), place, 1))
    yield from renamed(result, group, lambda span: down[span.buffer])


def allreduce_cost(ranks: int, chunks: int) -> Cost:
    groups = groups_of(ranks)
    size = len(groups[0])
    up, down = binomial.reduce_cost(size, 1), binomial.bcast_cost(size, 1)
    across = recursive_doubling.allreduce_cost(len(groups), 1)
    rounds = up.rounds + across.rounds + down.rounds
    return Cost(chunks * rounds, up.volume + across.volume, up.reduced + across.reduced)


def allreduce_2d(ranks: int, rank: int, chunks: int) -> Steps:
    """Reduce-scatter within groups, allreduce of each part across groups, allgather within; all around rings.

    Groups are of one size, the largest divisor of p that is not above its square root. Blocks: p.
    Cost: 2 (g + p/g - 2) a + 2 n (p - 1)/p b + n (p - 1)/p g'. Source: Ying, Kumar, Chen, Wang, Cheng,
    "Image classification at supercomputer scale", 2018 (2-D torus all-reduce).
    """
    size = _divisor(ranks)
    others = ranks // size
    row, column = divmod(rank, size)
    group = range(row * size, (row + 1) * size)
    across = range(column, ranks, size)

    def parts(span: Span) -> Span:
        return Span(span.buffer, span.first * others, span.count * others)

    def within_part(span: Span) -> Span:
        return Span(span.buffer, column * others + span.first, span.count)

    yield from renamed(ring.scatter_sums(size, column, 0, "out"), group, parts)
    yield from renamed(in_place(ring.allreduce(others, row, 1)), across, within_part)
    yield from renamed(ring.pass_on(size, column, 0), group, parts)


def _divisor(ranks: int) -> int:
    return max(size for size in range(1, isqrt(ranks) + 1) if ranks % size == 0)


def allreduce_2d_cost(ranks: int, chunks: int) -> Cost:
    size = _divisor(ranks)
    moved = Fraction(ranks - 1, ranks)
    return Cost(2 * (size - 1 + ranks // size - 1), 2 * moved, moved)
