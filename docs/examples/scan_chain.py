"""A prefix sum along a chain of ranks."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Span, Steps, copy, recv_reduce, send
from zbench.schedules.cost import Cost


def scan(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank adds its vector to the sum that the one before brings, and passes it on.

    Blocks: 1. Cost: (p - 1) (a + n b + n g). The fewest bytes of all, and the longest wait. Source: Open MPI,
    ompi/mca/coll/base/coll_base_scan.c, ompi_coll_base_scan_intra_linear.
    """
    own, out = Span("in", 0), Span("out", 0)
    yield (recv_reduce(out, own, rank - 1) if rank else copy(out, own),)
    if rank + 1 < ranks:
        yield (send(out, rank + 1),)


def scan_cost(ranks: int, chunks: int) -> Cost:
    if ranks == 1:
        return Cost(0, Fraction(0))
    return Cost(ranks - 1, Fraction(1), Fraction(1))
