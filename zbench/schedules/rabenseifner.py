"""Recursive halving, and Rabenseifner's algorithms that are made of it."""

from __future__ import annotations

from fractions import Fraction

from zbench.schedules.action import Action, Buffer, Span, Steps, copy, recv, recv_reduce, send
from zbench.schedules.cost import Cost
from zbench.schedules.folding import Folding, fold, folded_parts


def allreduce(ranks: int, rank: int, chunks: int) -> Steps:
    """Reduce-scatter by recursive halving, then allgather by recursive doubling.

    Where p is no power of two, ranks fold in pairs before and are told the result afterwards. With several
    chunks one follows the other. Blocks: `chunks` x 2^k, the largest power of two not above p.
    Cost: 2 lg p a + 2 n (p - 1)/p b + n (p - 1)/p g; else 2 a + 2 n b + n g more. Source: Thakur,
    Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH", 2005, section 4.5.
    """
    power = fold(ranks).power
    for chunk in range(chunks):
        yield from _allreduce(ranks, rank, chunk * power)


def allreduce_cost(ranks: int, chunks: int) -> Cost:
    power, pairs = fold(ranks)
    rounds, moved, folded = power.bit_length() - 1, Fraction(power - 1, power), int(pairs > 0)
    return Cost(chunks * (2 * rounds + 2 * folded), 2 * moved + folded, moved + folded)


def _allreduce(ranks: int, rank: int, first: int) -> Steps:
    folding = fold(ranks)
    whole = Span("in", first, folding.power)
    out = whole._replace(buffer="out")
    if ranks == 1:
        yield (copy(out, whole),)
        return
    if folding.stands_aside(rank):
        yield (send(whole, rank + 1),)
        yield (recv(out, rank + 1),)
        return
    source: Buffer = "in"
    if folding.stands_in(rank):
        yield (recv_reduce(out, whole, rank - 1),)
        source = "out"
    place = folding.place(rank)
    size = folding.power // 2
    while size:
        mine = first + place // size * size
        other = first + (place // size ^ 1) * size
        peer = folding.rank(place ^ size)
        yield (
            send(Span(source, other, size), peer),
            recv_reduce(Span("out", mine, size), Span(source, mine, size), peer),
        )
        source = "out"
        size //= 2
    size = 1
    while size < folding.power:
        mine = first + place // size * size
        other = first + (place // size ^ 1) * size
        peer = folding.rank(place ^ size)
        yield send(Span("out", mine, size), peer), recv(Span("out", other, size), peer)
        size *= 2
    if folding.stands_in(rank):
        yield (send(out, rank - 1),)


def reduce_scatter(ranks: int, rank: int, chunks: int) -> Steps:
    """Recursive halving: in each round half of what a rank still sums goes to another.

    Where p is no power of two, ranks fold in pairs, and those that stand in send their pair its part.
    Blocks: p. Cost: lg p a + n (p - 1)/p b + n (p - 1)/p g; else 2 a + 2 n b + n g more. Source: Thakur,
    Rabenseifner and Gropp, 2005, section 4.3; the folding is MPICH's.
    """
    folding = fold(ranks)
    if ranks == 1:
        yield (copy(Span("out", 0), Span("in", 0)),)
        return
    if folding.stands_aside(rank):
        yield (send(Span("in", 0, ranks), rank + 1),)
        yield (recv(Span("out", rank), rank + 1),)
        return
    source: Buffer = "in"
    if folding.stands_in(rank):
        yield (recv_reduce(Span("tmp", 0, ranks), Span("in", 0, ranks), rank - 1),)
        source = "tmp"
    place = folding.place(rank)
    size = folding.power // 2
    while size:
        mine, other = place // size * size, (place // size ^ 1) * size
        peer = folding.rank(place ^ size)
        yield (
            *(send(parts, peer) for parts in _sums(folding, source, other, size)),
            *_taken(folding, rank, source, mine, size, peer),
        )
        source = "tmp"
        size //= 2
    if folding.stands_in(rank):
        yield (send(Span("tmp", rank - 1), rank - 1),)


def _sums(folding: Folding, buffer: Buffer, place: int, size: int) -> list[Span]:
    """The parts of places; at the end one by one, because they go to different buffers."""
    first, end = folding.first(place), folding.first(place + size)
    if size == 1:
        return [Span(buffer, part) for part in range(first, end)]
    return [Span(buffer, first, end - first)]


def _taken(folding: Folding, rank: int, source: Buffer, place: int, size: int, peer: int) -> list[Action]:
    return [
        recv_reduce(own._replace(buffer="out" if size == 1 and own.first == rank else "tmp"), own, peer)
        for own in _sums(folding, source, place, size)
    ]


def reduce_scatter_cost(ranks: int, chunks: int) -> Cost:
    power, pairs = fold(ranks)
    rounds = power.bit_length() - 1
    if not pairs:
        moved = Fraction(ranks - 1, ranks)
        return Cost(rounds, moved, moved)
    # Rank 1 adds its pair's vector, and then for two: it keeps ... four, two parts, while there are pairs.
    moved = 1 + Fraction(folded_parts(ranks), ranks)
    return Cost(rounds + 2, moved, moved)
