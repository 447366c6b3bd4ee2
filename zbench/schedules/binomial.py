"""Along a binomial tree from rank 0: a rank's parent lacks its lowest set bit."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import (
    Action,
    Buffer,
    Span,
    Steps,
    copy,
    recv,
    recv_reduce,
    send,
    signal,
    wait,
)
from zbench.schedules.cost import Cost, log2_ceil


def _lowest(ranks: int, rank: int) -> int:
    """Its lowest set bit; for the root one above all."""
    return rank & -rank if rank else 1 << log2_ceil(ranks)


def _subtree(ranks: int, rank: int) -> int:
    """How many there are from a rank downwards; they follow it."""
    return min(_lowest(ranks, rank), ranks - rank)


def _children(ranks: int, rank: int) -> list[int]:
    """The largest subtree first, whose way down is the longest."""
    lowest = _lowest(ranks, rank)
    halves = [lowest >> k for k in range(1, lowest.bit_length())]
    return [rank + half for half in halves if rank + half < ranks]


def _parent(rank: int) -> int:
    return rank & (rank - 1)


def _depth(ranks: int) -> int:
    """The most edges from the root to a leaf: the most bits that a rank has."""
    return max((ranks - 1).bit_count(), (ranks - 1).bit_length() - 1)


def barrier(ranks: int, rank: int, chunks: int) -> Steps:
    """All report to rank 0, which lets all go.

    Cost: 2 ceil(lg p) a. Source: Mellor-Crummey and Scott, "Algorithms for scalable synchronization", 1991.
    """
    yield from report(ranks, rank)
    yield from release(ranks, rank)


def report(ranks: int, rank: int) -> Steps:
    """Signal the parent when all children have."""
    children = _children(ranks, rank)
    if children:
        yield tuple(wait(child) for child in children)
    if rank:
        yield (signal(_parent(rank)),)


def release(ranks: int, rank: int) -> Steps:
    """Signal the children when the parent has."""
    children = _children(ranks, rank)
    if rank:
        yield (wait(_parent(rank)),)
    if children:
        yield tuple(signal(child) for child in children)


def barrier_cost(ranks: int, chunks: int) -> Cost:
    return Cost(2 * _depth(ranks), Fraction(0))


def bcast(ranks: int, rank: int, chunks: int) -> Steps:
    """A rank sends to all its children at once; with several chunks it takes one meanwhile.

    Blocks: `chunks`. Cost: ceil(lg p) (a + n b), where a rank sends one message after the other. Source:
    Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH", 2005,
    section 4.2.
    """
    children = _children(ranks, rank)
    if rank == 0:
        for chunk in range(chunks):
            own = Span("in", chunk)
            yield (*(send(own, child) for child in children), copy(Span("out", chunk), own))
        return
    for turn in range(chunks + bool(children)):
        step: list[Action] = []
        if turn > 0:
            step += [send(Span("out", turn - 1), child) for child in children]
        if turn < chunks:
            step.append(recv(Span("out", turn), _parent(rank)))
        yield tuple(step)


def bcast_cost(ranks: int, chunks: int) -> Cost:
    """The root sends its vector to each of its children."""
    if ranks == 1:
        return Cost(0, Fraction(0))
    return Cost(_depth(ranks) + chunks - 1, Fraction(log2_ceil(ranks)))


def reduce(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank adds what its children bring and hands the sum to its parent.

    With several chunks one follows the other. Blocks: `chunks`. Cost: ceil(lg p) (a + n b + n g). Source:
    Thakur, Rabenseifner and Gropp, 2005, section 4.4.
    """
    for chunk in range(chunks):
        own, total = Span("in", chunk), Span("tmp" if rank else "out", chunk)
        if ranks == 1:
            yield (copy(total, own),)
        for child in reversed(_children(ranks, rank)):  # the smallest subtree is done first
            yield (recv_reduce(total, own, child),)
            own = total
        if rank:
            yield (send(own, _parent(rank)),)


def reduce_cost(ranks: int, chunks: int) -> Cost:
    depth = log2_ceil(ranks)
    return Cost(depth * chunks, Fraction(depth), Fraction(depth))


def gather(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank collects the parts of the ranks below it.

    Parts lie where they lie in the vector. Blocks: p. Cost: ceil(lg p) a + n (p - 1)/p b. Source:
    MPICH, src/mpi/coll/gather/gather_intra_binomial.c.
    """
    children = _children(ranks, rank)
    held: Buffer = "out" if not rank else "tmp" if children else "in"
    if held != "in":
        takes = [recv(Span(held, child, _subtree(ranks, child)), child) for child in children]
        yield (copy(Span(held, rank), Span("in", rank)), *takes)
    if rank:
        yield (send(Span(held, rank, _subtree(ranks, rank)), _parent(rank)),)


def gather_cost(ranks: int, chunks: int) -> Cost:
    return Cost(_depth(ranks), Fraction(ranks - 1, ranks))


def scatter(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank takes the parts of the ranks below it and hands them on.

    Parts lie as in gather. Blocks: p. Cost: ceil(lg p) a + n (p - 1)/p b. Source: MPICH,
    src/mpi/coll/scatter/scatter_intra_binomial.c.
    """
    children = _children(ranks, rank)
    held: Buffer = "in" if not rank else "tmp" if children else "out"
    if rank:
        yield (recv(Span(held, rank, _subtree(ranks, rank)), _parent(rank)),)
    if held != "out":
        sends = [send(Span(held, child, _subtree(ranks, child)), child) for child in children]
        yield (*sends, copy(Span("out", rank), Span(held, rank)))


scatter_cost = gather_cost
