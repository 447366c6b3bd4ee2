"""Broadcast by the root alone."""

from __future__ import annotations

from zbench.schedules.action import Span, Steps, copy, recv, send


def steps(ranks: int, rank: int, root: int, chunks: int) -> Steps:
    """The root sends to all others at once; chunk follows chunk. Blocks: `chunks`.

    Cost: (p - 1) (a + n b) where the root's link serves one at a time, a + n b where the receivers
    read by themselves, as from shared memory. Source: Open MPI, coll_base_bcast.c (linear).
    """
    for chunk in range(chunks):
        if rank == root:
            source = Span("in", chunk)
            others = [(root + i) % ranks for i in range(1, ranks)]
            yield (*(send(source, other) for other in others), copy(Span("out", chunk), source))
        else:
            yield (recv(Span("out", chunk), root),)
