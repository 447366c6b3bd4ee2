"""Broadcast along a binomial tree."""

from __future__ import annotations

from zbench.schedules.action import Action, Span, Steps, copy, recv, send


def steps(ranks: int, rank: int, root: int, chunks: int) -> Steps:
    """Counted from the root, a rank's parent lacks its lowest set bit; its children add a lower one.

    With several chunks a rank receives one while it passes on the one before. Blocks: `chunks`.
    Cost: ceil(lg p) (a + n b); chunked: (ceil(lg p) + c - 1) (a + n/c b) for fan-out 1. Source:
    MPICH, src/mpi/coll/bcast/bcast_intra_binomial.c.
    """
    place = (rank - root) % ranks
    lowest = place & -place if place else 1 << (ranks - 1).bit_length()
    distances = [1 << k for k in reversed(range(lowest.bit_length() - 1))]
    children = [(rank + d) % ranks for d in distances if place + d < ranks]
    if place == 0:
        for chunk in range(chunks):
            source = Span("in", chunk)
            yield (*(send(source, child) for child in children), copy(Span("out", chunk), source))
        return
    parent = (rank - lowest) % ranks
    for turn in range(chunks + bool(children)):
        step: list[Action] = []
        if turn > 0:
            step += [send(Span("out", turn - 1), child) for child in children]
        if turn < chunks:
            step.append(recv(Span("out", turn), parent))
        yield tuple(step)
