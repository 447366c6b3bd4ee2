"""Directly: whoever has something sends it to whoever needs it, all at once.

The fewest waits of all, and the most messages: what wins for small vectors, and where each wait costs a turn
of the scheduler because there are more ranks than cores.
"""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Action, Span, Steps, copy, recv, reduce, send, signal, wait
from zbench.schedules.cost import Cost


def _others(ranks: int, rank: int) -> list[int]:
    """Everyone else, the next one first, so that not all turn to the same."""
    return [(rank + i) % ranks for i in range(1, ranks)]


def barrier(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank signals all others and waits for all others.

    Cost: a + (p - 2) o, with o the overhead of one more message in flight. Source: the
    all-write-all-read barrier, Mellor-Crummey and Scott, "Algorithms for scalable synchronization", 1991.
    """
    others = _others(ranks, rank)
    if others:
        yield (*map(signal, others), *map(wait, others))


def barrier_cost(ranks: int, chunks: int) -> Cost:
    return Cost(min(ranks - 1, 1), Fraction(0))


def bcast(ranks: int, rank: int, chunks: int) -> Steps:
    """Rank 0 sends to all.

    Blocks: `chunks`, one after the other. Cost: a + (p - 1) n b. Source: Open MPI,
    ompi/mca/coll/base/coll_base_bcast.c, ompi_coll_base_bcast_intra_basic_linear.
    """
    for chunk in range(chunks):
        own, out = Span("in", chunk), Span("out", chunk)
        if rank == 0:
            yield (copy(out, own), *(send(own, other) for other in _others(ranks, rank)))
        else:
            yield (recv(out, 0),)


def bcast_cost(ranks: int, chunks: int) -> Cost:
    return Cost(chunks * min(ranks - 1, 1), Fraction(ranks - 1))


def reduce_at_root(ranks: int, rank: int, chunks: int) -> Steps:
    """All send to rank 0, which adds in the order of ranks.

    Blocks: `chunks`, one after the other; its `tmp` holds the vector p times. Cost: a + (p - 1) (n b
    + n g). Source: Open MPI, ompi/mca/coll/base/coll_base_reduce.c, ompi_coll_base_reduce_intra_basic_linear.
    """
    for chunk in range(chunks):
        own, out = Span("in", chunk), Span("out", chunk)
        if rank:
            yield (send(own, 0),)
            continue
        yield from _collect(ranks, rank, [own] * ranks, out, chunks, [])


def reduce_cost(ranks: int, chunks: int) -> Cost:
    return Cost(chunks * min(ranks - 1, 1), Fraction(ranks - 1), Fraction(ranks - 1))


def allreduce(ranks: int, rank: int, chunks: int) -> Steps:
    """All vectors go to all ranks; each adds them in the order of ranks, so all get equal bits.

    With several chunks one follows the other. Blocks: `chunks`; `tmp` holds the vector p times.
    Cost: a + (p - 1) (n b + n g). Source: the one-shot allreduce of NVIDIA TensorRT-LLM and
    DeepSpeed (PR 5571).
    """
    for chunk in range(chunks):
        own = Span("in", chunk)
        yield from _collect(ranks, rank, [own] * ranks, Span("out", chunk), chunks, _others(ranks, rank))


allreduce_cost = reduce_cost


def reduce_scatter(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank gets its part from all others at once, and adds in the order of ranks.

    Blocks: p; `tmp` holds the vector p times, of which only the own part is touched. Cost: a + n (p - 1)/p b
    + n (p - 1)/p g. Source: Open MPI, ompi/mca/coll/basic/coll_basic_reduce_scatter_block.c.
    """
    parts = [Span("in", part) for part in range(ranks)]
    yield from _collect(ranks, rank, parts, Span("out", rank), ranks, _others(ranks, rank))


def reduce_scatter_cost(ranks: int, chunks: int) -> Cost:
    moved = Fraction(ranks - 1, ranks)
    return Cost(min(ranks - 1, 1), moved, moved)


def _collect(ranks: int, rank: int, parts: list[Span], out: Span, blocks: int, targets: list[int]) -> Steps:
    """Send each target its part, take the own one from all others into rows of `tmp`, and add them up."""
    own = parts[rank]
    if ranks == 1:
        yield (copy(out, own),)
        return
    rows = [own if r == rank else Span("tmp", r * blocks + own.first) for r in range(ranks)]
    yield (
        *(send(parts[target], target) for target in targets),
        *(recv(rows[other], other) for other in _others(ranks, rank)),
    )
    yield (reduce(out, tuple(rows)),)


def allgather(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank sends its part to all others.

    Blocks: p. Cost: a + n (p - 1)/p b. Source: Open MPI, ompi/mca/coll/base/coll_base_allgather.c,
    basic_linear, of which every rank is a root.
    """
    own = Span("in", rank)
    others = _others(ranks, rank)
    yield (
        copy(Span("out", rank), own),
        *(send(own, other) for other in others),
        *(recv(Span("out", other), other) for other in others),
    )


def allgather_cost(ranks: int, chunks: int) -> Cost:
    return Cost(min(ranks - 1, 1), Fraction(ranks - 1, ranks))


def gather(ranks: int, rank: int, chunks: int) -> Steps:
    """All send their parts to rank 0.

    Blocks: p. Cost: a + n (p - 1)/p b. Source: Open MPI, ompi/mca/coll/base/coll_base_gather.c,
    basic_linear.
    """
    own = Span("in", rank)
    if rank:
        yield (send(own, 0),)
        return
    takes = [recv(Span("out", other), other) for other in _others(ranks, rank)]
    yield (copy(Span("out", rank), own), *takes)


gather_cost = allgather_cost


def scatter(ranks: int, rank: int, chunks: int) -> Steps:
    """Rank 0 sends every rank its part.

    Blocks: p. Cost: a + n (p - 1)/p b. Source: Open MPI, ompi/mca/coll/base/coll_base_scatter.c,
    basic_linear.
    """
    if rank:
        yield (recv(Span("out", rank), 0),)
        return
    sends: list[Action] = [send(Span("in", other), other) for other in _others(ranks, rank)]
    yield (copy(Span("out", rank), Span("in", rank)), *sends)


scatter_cost = allgather_cost


def alltoall(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank sends every other its part; parts may be of any size.

    Blocks: p. Cost: a + n (p - 1)/p b. Source: MPICH, src/mpi/coll/alltoall/alltoall_intra_scattered.c.
    """
    others = _others(ranks, rank)
    yield (
        copy(Span("out", rank), Span("in", rank)),
        *(send(Span("in", other), other) for other in others),
        *(recv(Span("out", other), other) for other in others),
    )


alltoall_cost = allgather_cost


def scan(ranks: int, rank: int, chunks: int) -> Steps:
    """Every rank sends its vector to all ranks above it, and adds those from below in the order of ranks.

    Blocks: 1; `tmp` holds the vector p times. Cost: a + (p - 1) (n b + n g). Source: the definition,
    MPI 4.1, section 6.11.
    """
    yield from _prefix(ranks, rank, rank + 1)


def exscan(ranks: int, rank: int, chunks: int) -> Steps:
    """As scan, without the own vector; what is only taken needs no copy.

    Blocks: 1. Cost: a + (p - 1) n b + (p - 2) n g. Source: the definition, MPI 4.1, section 6.11.2.
    """
    yield from _prefix(ranks, rank, rank)


def _prefix(ranks: int, rank: int, end: int) -> Steps:
    own, out = Span("in", 0), Span("out", 0)
    rows = [own if r == rank else Span("tmp", r) for r in range(end)]
    if end == 1 and rank == 1:
        rows = [out]
    messages = [send(own, above) for above in range(rank + 1, ranks)]
    messages += [recv(row, below) for below, row in enumerate(rows[:rank])]
    if messages:
        yield tuple(messages)
    if len(rows) > 1:
        yield (reduce(out, tuple(rows)),)
    elif rows == [own]:
        yield (copy(out, own),)


def scan_cost(ranks: int, chunks: int) -> Cost:
    return Cost(min(ranks - 1, 1), Fraction(ranks - 1), Fraction(ranks - 1))


def exscan_cost(ranks: int, chunks: int) -> Cost:
    return Cost(min(ranks - 1, 1), Fraction(ranks - 1), Fraction(max(ranks - 2, 0)))
