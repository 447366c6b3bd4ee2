"""Recursive doubling: in round k, ranks whose places differ in bit k exchange what they have."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Span, Steps, copy, recv, recv_reduce, reduce, send
from zbench.schedules.cost import Cost, log2_ceil
from zbench.schedules.folding import fold, folded_parts


def allreduce(ranks: int, rank: int, chunks: int) -> Steps:
    """Ranks exchange their sums so far and add them.

    Where p is no power of two, ranks fold in pairs before and are told the result afterwards. Sums
    alternate between `out` and `tmp`, so that nothing is overwritten while a peer reads it. Sums are
    commutative, so all ranks get equal bits. With several chunks one follows the other. Blocks: `chunks`.
    Cost: lg p (a + n b + n g); else 2 a + 2 n b + n g more. Source: Thakur, Rabenseifner and
    Gropp, "Optimization of collective communication operations in MPICH", 2005, section 4.5.
    """
    for chunk in range(chunks):
        yield from _allreduce(ranks, rank, chunk)


def allreduce_cost(ranks: int, chunks: int) -> Cost:
    power, folded = ranks.bit_length() - 1, fold(ranks).pairs > 0
    # Of a folded pair the one that stays receives twice as often as it would alone.
    return Cost(chunks * (power + 2 * folded), Fraction(power + folded), Fraction(power + folded))


def _allreduce(ranks: int, rank: int, chunk: int) -> Steps:
    own, out, tmp = Span("in", chunk), Span("out", chunk), Span("tmp", chunk)
    folding = fold(ranks)
    if ranks == 1:
        yield (copy(out, own),)
        return
    if folding.stands_aside(rank):
        yield (send(own, rank + 1),)
        yield (recv(out, rank + 1),)
        return
    folds = folding.stands_in(rank)
    place = folding.place(rank)
    writes = folding.power.bit_length() - 1 + folds
    # The last write must land in `out`.
    targets = [out if (writes - i) % 2 else tmp for i in range(writes)]
    if folds:
        target = targets.pop(0)
        yield (recv_reduce(target, own, rank - 1),)
        own = target
    for k, target in enumerate(targets):
        peer = folding.rank(place ^ (1 << k))
        yield send(own, peer), recv_reduce(target, own, peer)
        own = target
    if folds:
        yield (send(out, rank - 1),)


def allgather(ranks: int, rank: int, chunks: int) -> Steps:
    """Ranks exchange all parts that they have; those stand side by side.

    Where p is no power of two, ranks fold as in allreduce. Blocks: p.
    Cost: lg p a + n (p - 1)/p b; else 2 a + n b more. Source: Thakur, Rabenseifner and Gropp, 2005, section
    4.1; the folding is that of their section 4.5.
    """
    own, folding = Span("out", rank), fold(ranks)
    if folding.stands_aside(rank):
        yield send(Span("in", rank), rank + 1), copy(own, Span("in", rank))
        yield tuple(recv(others, rank + 1) for others in _around(ranks, rank))
        return
    if folding.stands_in(rank):
        yield copy(own, Span("in", rank)), recv(Span("out", rank - 1), rank - 1)
    else:
        yield (copy(own, Span("in", rank)),)
    place = folding.place(rank)
    size = 1
    while size < folding.power:
        mine = place // size * size
        other = mine ^ size
        peer = folding.rank(place ^ size)
        yield (
            send(_parts(folding.first(mine), folding.first(mine + size)), peer),
            recv(_parts(folding.first(other), folding.first(other + size)), peer),
        )
        size *= 2
    if folding.stands_in(rank):
        yield tuple(send(others, rank - 1) for others in _around(ranks, rank - 1))


def allgather_cost(ranks: int, chunks: int) -> Cost:
    power, pairs = fold(ranks)
    if ranks == 1:
        return Cost(0, Fraction(0))
    if not pairs:
        return Cost(power.bit_length() - 1, Fraction(ranks - 1, ranks))
    # Rank 1 acts for two, so it sends two parts, four, ... and in the end all that its pair lacks.
    sent = folded_parts(ranks) + ranks - 1
    return Cost(power.bit_length() + 1, Fraction(sent, ranks))


def _around(ranks: int, rank: int) -> list[Span]:
    """All parts but the rank's own."""
    spans = [Span("out", 0, rank), Span("out", rank + 1, ranks - rank - 1)]
    return [span for span in spans if span.count]


def _parts(first: int, end: int) -> Span:
    return Span("out", first, end - first)


def scan(ranks: int, rank: int, chunks: int) -> Steps:
    """Ranks exchange the sums of their groups; what comes from below goes into the result, too.

    Blocks: 1. Cost: ceil(lg p) (a + n b + 2 n g). Source: MPICH,
    src/mpi/coll/scan/scan_intra_recursive_doubling.c.
    """
    yield (copy(Span("out", 0), Span("in", 0)),)
    yield from _prefix(ranks, rank, has_result=True)


def exscan(ranks: int, rank: int, chunks: int) -> Steps:
    """As scan, but the result begins with the first that comes from below, which goes there at once.

    Blocks: 1. Cost: ceil(lg p) (a + n b + 2 n g). Source: MPICH,
    src/mpi/coll/exscan/exscan_intra_recursive_doubling.c.
    """
    yield from _prefix(ranks, rank, has_result=False)


def _prefix(ranks: int, rank: int, has_result: bool) -> Steps:
    out, group, taken = Span("out", 0), Span("tmp", 0), Span("tmp", 1)
    partial = Span("in", 0)
    peers = _peers(ranks, rank)
    for peer in peers:
        place = out if peer < rank and not has_result else taken
        yield send(partial, peer), recv(place, peer)
        sums = [] if peer == peers[-1] else [reduce(group, (partial, place))]
        if peer < rank and has_result:
            sums.append(reduce(out, (out, taken)))
        has_result |= peer < rank
        if sums:
            yield tuple(sums)
        partial = group


def _peers(ranks: int, rank: int) -> list[int]:
    return [rank ^ (1 << k) for k in range(log2_ceil(ranks)) if rank ^ (1 << k) < ranks]


def scan_cost(ranks: int, chunks: int) -> Cost:
    return _prefix_cost(ranks, 0)


def exscan_cost(ranks: int, chunks: int) -> Cost:
    return _prefix_cost(ranks, 1)


def _prefix_cost(ranks: int, copied: int) -> Cost:
    """Rank 0 takes part in every round; results are summed once for each bit of a rank."""
    rounds = log2_ceil(ranks)
    reduced = max(max(len(_peers(ranks, r)) - 1, 0) + max(r.bit_count() - copied, 0) for r in range(ranks))
    return Cost(rounds, Fraction(rounds), Fraction(reduced))
