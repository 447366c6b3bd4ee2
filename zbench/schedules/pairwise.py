"""Pairwise exchange: in each turn every rank deals with one other."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Span, Steps, copy, recv, recv_reduce, send
from zbench.schedules.cost import Cost


def alltoall(ranks: int, rank: int, chunks: int) -> Steps:
    """In turn i a rank sends to the one i further and receives from the one i before.

    Where p is a power of two the two are the same: rank xor i. Parts may be of any size. Blocks: p.
    Cost: (p - 1) a + n (p - 1)/p b. Source: Thakur, Rabenseifner and Gropp, "Optimization of collective
    communication operations in MPICH", 2005, section 4 (long messages).
    """
    yield (copy(Span("out", rank), Span("in", rank)),)
    for turn in range(1, ranks):
        to, source = _partners(ranks, rank, turn)
        yield send(Span("in", to), to), recv(Span("out", source), source)


def _partners(ranks: int, rank: int, turn: int) -> tuple[int, int]:
    if ranks & (ranks - 1) == 0:
        return rank ^ turn, rank ^ turn
    return (rank + turn) % ranks, (rank - turn) % ranks


def alltoall_cost(ranks: int, chunks: int) -> Cost:
    return Cost(ranks - 1, Fraction(ranks - 1, ranks))


def reduce_scatter(ranks: int, rank: int, chunks: int) -> Steps:
    """A rank gets its part from one other after the other and adds it to its own.

    Blocks: p. Cost: (p - 1) a + n (p - 1)/p b + n (p - 1)/p g. Source: Thakur, Rabenseifner and Gropp, 2005,
    section 4.3 (long messages).
    """
    own, out = Span("in", rank), Span("out", rank)
    if ranks == 1:
        yield (copy(out, own),)
    for turn in range(1, ranks):
        to, source = (rank + turn) % ranks, (rank - turn) % ranks
        yield send(Span("in", to), to), recv_reduce(out, own, source)
        own = out


def reduce_scatter_cost(ranks: int, chunks: int) -> Cost:
    moved = Fraction(ranks - 1, ranks)
    return Cost(ranks - 1, moved, moved)
