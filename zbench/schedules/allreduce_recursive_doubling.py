"""Allreduce by recursive doubling."""

from __future__ import annotations

from zbench.schedules.action import Span, Steps, copy, recv, recv_reduce, send


def steps(ranks: int, rank: int, root: int, chunks: int) -> Steps:
    """In round k ranks that differ in bit k exchange and add their sums.

    Where p is no power of two, the first ranks fold in pairs: the even one hands its vector to the
    odd one and gets the result at the end. Sums alternate between `out` and `tmp`, so that nothing is
    overwritten while a peer reads it. Sums are commutative, so all ranks get equal bits. With several
    chunks one follows the other. Blocks: `chunks`.
    Cost: lg p (a + n b + n g); else 2 a + 2 n b + n g more. Source: Thakur, Rabenseifner and
    Gropp, "Optimization of collective communication operations in MPICH", 2005.
    """
    for chunk in range(chunks):
        yield from _one(ranks, rank, chunk)


def _one(ranks: int, rank: int, chunk: int) -> Steps:
    own, out, tmp = Span("in", chunk), Span("out", chunk), Span("tmp", chunk)
    if ranks == 1:
        yield (copy(out, own),)
        return
    power = 1 << (ranks.bit_length() - 1)
    pairs = ranks - power
    if rank < 2 * pairs and rank % 2 == 0:
        yield (send(own, rank + 1),)
        yield (recv(out, rank + 1),)
        return
    folds = rank < 2 * pairs
    place = rank // 2 if folds else rank - pairs
    writes = power.bit_length() - 1 + folds
    # The last write must land in `out`.
    targets = [out if (writes - i) % 2 else tmp for i in range(writes)]
    if folds:
        target = targets.pop(0)
        yield (recv_reduce(target, own, rank - 1),)
        own = target
    for k, target in enumerate(targets):
        other = place ^ (1 << k)
        peer = 2 * other + 1 if other < pairs else other + pairs
        yield send(own, peer), recv_reduce(target, own, peer)
        own = target
    if folds:
        yield (send(out, rank - 1),)
