"""A pipelined chain: from rank to rank, a chunk comes in while the one before goes out."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Action, Span, Steps, copy, recv, recv_reduce, send
from zbench.schedules.cost import Cost


def bcast(ranks: int, rank: int, chunks: int) -> Steps:
    """The chunks of rank 0 wander to the next rank, and on.

    Blocks: `chunks`, c of them. Cost: (p - 2 + c) (a + n/c b). Source: Open MPI,
    ompi/mca/coll/base/coll_base_bcast.c, ompi_coll_base_bcast_intra_pipeline.
    """
    held = Span("out" if rank else "in", 0)
    for turn in range(chunks + 1):
        step: list[Action] = []
        if turn > 0 and rank < ranks - 1:
            step.append(send(held._replace(first=turn - 1), rank + 1))
        if turn < chunks:
            out = Span("out", turn)
            step.append(recv(out, rank - 1) if rank else copy(out, Span("in", turn)))
        if step:
            yield tuple(step)


def bcast_cost(ranks: int, chunks: int) -> Cost:
    return Cost(ranks - 2 + chunks, Fraction(1)) if ranks > 1 else Cost(0, Fraction(0))


def reduce(ranks: int, rank: int, chunks: int) -> Steps:
    """From the far end to rank 0 every rank adds its own chunk.

    Blocks: `chunks`, c of them. Cost: (p - 2 + c) (a + n/c b + n/c g). Source: Open MPI,
    ompi/mca/coll/base/coll_base_reduce.c, ompi_coll_base_reduce_intra_pipeline.
    """
    if ranks == 1:
        yield (copy(Span("out", 0, chunks), Span("in", 0, chunks)),)
        return
    if rank == ranks - 1:
        yield from ((send(Span("in", chunk), rank - 1),) for chunk in range(chunks))
        return
    for turn in range(chunks + 1):
        step: list[Action] = []
        if turn > 0 and rank:
            step.append(send(Span("tmp", turn - 1), rank - 1))
        if turn < chunks:
            step.append(recv_reduce(Span("tmp" if rank else "out", turn), Span("in", turn), rank + 1))
        if step:
            yield tuple(step)


def reduce_cost(ranks: int, chunks: int) -> Cost:
    if ranks == 1:
        return Cost(0, Fraction(0))
    return Cost(ranks - 2 + chunks, Fraction(1), Fraction(1))
