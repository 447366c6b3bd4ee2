"""Allreduce around a ring."""

from __future__ import annotations

from zbench.schedules.action import Span, Steps, copy, recv, recv_reduce, send


def steps(ranks: int, rank: int, root: int, chunks: int) -> Steps:
    """Reduce-scatter, then allgather, each p - 1 times one block to the next rank.

    With several chunks one follows the other, so that the allgather finds its blocks in the cache.
    Blocks: `chunks` x p. Cost: 2 (p - 1) a + 2 n (p - 1)/p b + n (p - 1)/p g. Source: Patarasuk and
    Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009.
    """
    for chunk in range(chunks):
        yield from _one(ranks, rank, chunk * ranks)


def _one(ranks: int, rank: int, first: int) -> Steps:
    if ranks == 1:
        yield (copy(Span("out", first), Span("in", first)),)
        return
    after, before = (rank + 1) % ranks, (rank - 1) % ranks
    for turn in range(ranks - 1):
        sent = first + (rank - turn) % ranks
        taken = first + (rank - turn - 1) % ranks
        yield (
            send(Span("in" if turn == 0 else "out", sent), after),
            recv_reduce(Span("out", taken), Span("in", taken), before),
        )
    for turn in range(ranks - 1):
        sent = first + (rank + 1 - turn) % ranks
        taken = first + (rank - turn) % ranks
        yield send(Span("out", sent), after), recv(Span("out", taken), before)
