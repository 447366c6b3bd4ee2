"""Around a ring: every rank sends to the next and receives from the one before."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Buffer, Span, Steps, copy, recv, recv_reduce, send
from zbench.schedules.cost import Cost


def allreduce(ranks: int, rank: int, chunks: int) -> Steps:
    """Reduce-scatter, then allgather, each p - 1 times one block to the next rank.

    With several chunks one follows the other, so that the allgather finds its blocks in the cache.
    Blocks: `chunks` x p. Cost: 2 (p - 1) a + 2 n (p - 1)/p b + n (p - 1)/p g. Source: Patarasuk and
    Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009.
    """
    for chunk in range(chunks):
        yield from scatter_sums(ranks, rank, chunk * ranks, "out")
        yield from pass_on(ranks, rank, chunk * ranks)


def allreduce_cost(ranks: int, chunks: int) -> Cost:
    moved = Fraction(ranks - 1, ranks)
    return Cost(2 * (ranks - 1) * chunks, 2 * moved, moved)


def reduce_scatter(ranks: int, rank: int, chunks: int) -> Steps:
    """A block starts at the rank behind its owner and collects a summand at each rank on its way.

    Blocks: p. Cost: (p - 1) a + n (p - 1)/p b + n (p - 1)/p g. Source: as allreduce.
    """
    yield from scatter_sums(ranks, rank, 0, "tmp")


def reduce_scatter_cost(ranks: int, chunks: int) -> Cost:
    moved = Fraction(ranks - 1, ranks)
    return Cost(ranks - 1, moved, moved)


def allgather(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank passes on the part that it got last.

    Blocks: p. Cost: (p - 1) a + n (p - 1)/p b. Source: Thakur, Rabenseifner and Gropp,
    "Optimization of collective communication operations in MPICH", 2005, section 4.1.
    """
    yield (copy(Span("out", rank), Span("in", rank)),)
    yield from pass_on(ranks, rank, 0)


def allgather_cost(ranks: int, chunks: int) -> Cost:
    return Cost(ranks - 1, Fraction(ranks - 1, ranks))


def sendrecv(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank sends its vector to the next one while it takes that of the one before.

    Blocks: 1. Cost: a + n b. Source: nccl-tests, src/sendrecv.cu.
    """
    own, out = Span("in", 0), Span("out", 0)
    if ranks == 1:
        yield (copy(out, own),)
    else:
        yield send(own, (rank + 1) % ranks), recv(out, (rank - 1) % ranks)


def sendrecv_cost(ranks: int, chunks: int) -> Cost:
    return Cost(1, Fraction(1)) if ranks > 1 else Cost(0, Fraction(0))


def scatter_sums(ranks: int, rank: int, first: int, partial: Buffer) -> Steps:
    """Leave the sum of block first + rank in `out`, partial sums of others in `partial`."""
    if ranks == 1:
        yield (copy(Span("out", first), Span("in", first)),)
        return
    after, before = (rank + 1) % ranks, (rank - 1) % ranks
    for turn in range(ranks - 1):
        sent = first + (rank - turn - 1) % ranks
        taken = first + (rank - turn - 2) % ranks
        yield (
            send(Span("in" if turn == 0 else partial, sent), after),
            recv_reduce(Span("out" if turn == ranks - 2 else partial, taken), Span("in", taken), before),
        )


def pass_on(ranks: int, rank: int, first: int) -> Steps:
    """From block first + rank of `out` to all of them."""
    after, before = (rank + 1) % ranks, (rank - 1) % ranks
    for turn in range(ranks - 1):
        sent = first + (rank - turn) % ranks
        taken = first + (rank - turn - 1) % ranks
        yield send(Span("out", sent), after), recv(Span("out", taken), before)
