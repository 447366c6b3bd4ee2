"""Bruck's algorithms: in round k, messages go 2^k ranks far."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Span, Steps, arcs, copy, recv, send
from zbench.schedules.cost import Cost, log2_ceil


def allgather(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank sends the parts that follow its own backwards, twice as many in each round.

    Parts land where they belong, so that nothing is turned at the end; those around the vector's end go in
    two messages. Blocks: p. Cost: ceil(lg p) a + n (p - 1)/p b. Source: Bruck, Ho, Kipnis, Upfal and
    Weathersby, "Efficient algorithms for all-to-all communications in multiport message-passing systems",
    1997, section 4.
    """
    yield (copy(Span("out", rank), Span("in", rank)),)
    distance = 1
    while distance < ranks:
        count = min(distance, ranks - distance)
        to, source = (rank - distance) % ranks, (rank + distance) % ranks
        yield (
            *(send(span, to) for span in arcs("out", rank, count, ranks)),
            *(recv(span, source) for span in arcs("out", source, count, ranks)),
        )
        distance *= 2


def allgather_cost(ranks: int, chunks: int) -> Cost:
    return Cost(log2_ceil(ranks), Fraction(ranks - 1, ranks))


def alltoall(ranks: int, rank: int, chunks: int) -> Steps:
    """A part for the rank d further travels the set bits of d, packed with all others that share the bit.

    `tmp` holds the parts by d, then what is packed to go, then what came. Blocks: p, all of one size.
    Cost: ceil(lg p) (a + n/2 b). Source: Bruck et al., 1997, section 3.
    """
    yield tuple(copy(Span("tmp", d), Span("in", (rank + d) % ranks)) for d in range(ranks))
    distance = 1
    while distance < ranks:
        moved = [d for d in range(ranks) if d & distance]
        yield tuple(copy(Span("tmp", ranks + i), Span("tmp", d)) for i, d in enumerate(moved))
        yield (
            send(Span("tmp", ranks, len(moved)), (rank + distance) % ranks),
            recv(Span("tmp", 2 * ranks, len(moved)), (rank - distance) % ranks),
        )
        yield tuple(copy(Span("tmp", d), Span("tmp", 2 * ranks + i)) for i, d in enumerate(moved))
        distance *= 2
    yield tuple(copy(Span("out", (rank - d) % ranks), Span("tmp", d)) for d in range(ranks))


def alltoall_cost(ranks: int, chunks: int) -> Cost:
    sent = sum(d.bit_count() for d in range(ranks))
    return Cost(log2_ceil(ranks), Fraction(sent, ranks))
