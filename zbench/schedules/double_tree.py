"""Two pipelined binary trees: who passes on in the one is a leaf in the other, so that all links are used."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import NamedTuple

from zbench.schedules.action import Action, Span, Steps, copy, recv, reduce, send
from zbench.schedules.cost import Cost
from zbench.schedules.rename import in_place

# Places 1 ... p - 1 form the trees, and the root, place 0, stands above both. The first is the binary tree in
# order: a place's height is the number of zeros at its end, so odd places are leaves. In the second a place
# stands where its mirror image in the first does, or its neighbour: whichever makes odd places of even ones.


class _Node(NamedTuple):
    parent: int
    children: tuple[int, ...]
    depth: int
    """Edges to the root."""


def _in_order(places: int, at: int) -> _Node:
    """Position 1 ... `places` of the binary tree in order; the parent of its top is 0."""
    bit = at & -at
    parent = at ^ bit | bit << 1
    if parent > places:
        parent = at ^ bit
    children = []
    if bit > 1:
        children.append(at - bit // 2)
        right = bit // 2
        while right and at + right > places:
            right //= 2
        if right:
            children.append(at + right)
    depth = 1 if parent == 0 else _in_order(places, parent).depth + 1
    return _Node(parent, tuple(children), depth)


def _turned(places: int, at: int) -> int:
    """The position in the second tree of a place, and the place of a position."""
    if at == 0:
        return 0
    if places % 2 == 0:
        return places + 1 - at
    return at % places + 1


def _back(places: int, at: int) -> int:
    if at == 0 or places % 2 == 0:
        return _turned(places, at)
    return (at - 2) % places + 1


@cache
def _nodes(ranks: int, place: int) -> tuple[_Node, _Node]:
    """A place's node in either tree."""
    places = ranks - 1
    if place == 0:
        top = 1 << (places.bit_length() - 1)
        return _Node(0, (top,), 0), _Node(0, (_back(places, top),), 0)
    second = _in_order(places, _turned(places, place))
    children = tuple(_back(places, child) for child in second.children)
    return _in_order(places, place), _Node(_back(places, second.parent), children, second.depth)


def _tree(chunk: int) -> tuple[int, int]:
    """The tree of a chunk, and its number there."""
    return chunk % 2, chunk // 2


def bcast(ranks: int, rank: int, chunks: int) -> Steps:
    """Even chunks go down the first tree, odd ones down the second.

    A rank at depth d takes chunk i of a tree in turn i + d and passes it on in the next. Blocks: `chunks`,
    c of them. Cost: (lg p + c/2) (2 a + 2 n/c b), as a rank sends to two children. Source: Sanders, Speck
    and Traeff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan", 2009.
    """
    if ranks == 1:
        yield (copy(Span("out", 0, chunks), Span("in", 0, chunks)),)
        return
    turns: dict[int, list[Action]] = {}
    held = Span("out" if rank else "in", 0)
    for chunk in range(chunks):
        tree, number = _tree(chunk)
        node = _nodes(ranks, rank)[tree]
        own = held._replace(first=chunk)
        if rank:
            turns.setdefault(number + node.depth, []).append(recv(own, node.parent))
        else:
            turns.setdefault(number, []).append(copy(Span("out", chunk), own))
        sends = [send(own, child) for child in node.children]
        turns.setdefault(number + node.depth + 1, []).extend(sends)
    yield from (tuple(turns[turn]) for turn in sorted(turns) if turns[turn])


@cache
def _height(ranks: int, tree: int) -> int:
    return max(_nodes(ranks, rank)[tree].depth for rank in range(ranks))


def bcast_cost(ranks: int, chunks: int) -> Cost:
    """The root sends everything once; whoever has two children sends half of it twice."""
    if ranks == 1:
        return Cost(0, Fraction(0))
    trees = min(chunks, 2)
    rounds = max(_height(ranks, tree) + (chunks - tree + 1) // 2 - 1 for tree in range(trees))
    sent = max(_passed_on(ranks, place, chunks) for place in range(ranks))
    return Cost(rounds, max(sent, Fraction(1)))


def _passed_on(ranks: int, place: int, chunks: int) -> Fraction:
    """Vectors that a place sends to its children."""
    first, second = _nodes(ranks, place)
    even, odd = (chunks + 1) // 2, chunks // 2
    return Fraction(len(first.children) * even + len(second.children) * odd, chunks)


def reduce_at_root(ranks: int, rank: int, chunks: int) -> Steps:
    """The broadcast backwards: each rank adds what its children bring.

    Blocks: `chunks`, c of them; `tmp` holds the vector three times. Cost: (lg p + c/2) (2 a + 2 n/c b +
    2 n/c g). Source: Sanders, Speck and Traeff, 2009.
    """
    if ranks == 1:
        yield (copy(Span("out", 0, chunks), Span("in", 0, chunks)),)
        return
    takes: dict[int, list[Action]] = {}
    sums: dict[int, list[Action]] = {}
    sends: dict[int, list[Action]] = {}
    for chunk in range(chunks):
        tree, number = _tree(chunk)
        node = _nodes(ranks, rank)[tree]
        turn = number + _height(ranks, tree) - node.depth
        rows = [Span("tmp", (i + 1) * chunks + chunk) for i in range(len(node.children))]
        own, total = Span("in", chunk), Span("tmp" if rank else "out", chunk)
        if rows:
            arrivals = zip(rows, node.children, strict=True)
            taken = [recv(row, child) for row, child in arrivals]
            takes.setdefault(turn, []).extend(taken)
            sums.setdefault(turn, []).append(reduce(total, (own, *rows)))
            own = total
        if rank:
            sends.setdefault(turn + 1, []).append(send(own, node.parent))
    for turn in sorted({*takes, *sends}):
        yield (*sends.get(turn, ()), *takes.get(turn, ()))
        if turn in sums:
            yield tuple(sums[turn])


def reduce_cost(ranks: int, chunks: int) -> Cost:
    down = bcast_cost(ranks, chunks)
    return down._replace(reduced=down.volume) if ranks > 1 else down


def allreduce(ranks: int, rank: int, chunks: int) -> Steps:
    """Up both trees to rank 0, then down.

    Blocks: `chunks`, c of them. Cost: 2 (lg p + c/2) (2 a + 2 n/c b) + (lg p + c/2) 2 n/c g. Source: Sanders,
    Speck and Traeff, 2009; NCCL, src/graph/trees.cc, whose two halves overlap.
    """
    yield from reduce_at_root(ranks, rank, chunks)
    if ranks > 1:  # the broadcast reads what the reduction left in `out`
        yield from in_place(bcast(ranks, rank, chunks))


def allreduce_cost(ranks: int, chunks: int) -> Cost:
    """Going up a place sends once what it then gets once, so that directions even out."""
    up, down = reduce_cost(ranks, chunks), bcast_cost(ranks, chunks)
    passed = max((_passed_on(ranks, place, chunks) for place in range(1, ranks)), default=Fraction(0))
    return Cost(up.rounds + down.rounds, min(ranks - 1, 1) * (1 + passed), up.reduced)
