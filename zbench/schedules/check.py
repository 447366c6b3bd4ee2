"""The checker: proves a schedule for all ranks of a world, abstractly, without any bytes.

It runs the steps with the strictest reading of a message: a SEND ends only when its receiver has taken
it, so that nothing is proved that needs a transport's buffers. A value is the multiset of the
contributions that it sums, so that a contribution that is lost or counted twice shows.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from zbench.schedules.action import SENDS, Action, Buffer, Kind, Span, Step

Contribution = tuple[int, int]
"""(rank, block): what stood in this block of this rank's `in`."""
Value = Counter[Contribution]
"""How often each contribution is in a sum."""
Expected = Callable[[int, int], Value | None]
"""(rank, block) -> what `out` must hold at the end; None: anything."""


class ScheduleError(Exception):
    """A schedule that is wrong; says where. `rank`, `step` and `action` are None where none is to blame."""

    def __init__(
        self, what: str, rank: int | None = None, step: int | None = None, action: Action | None = None
    ) -> None:
        places = [("rank", rank), ("step", step), ("action", action)]
        where = ", ".join(f"{name} {place}" for name, place in places if place is not None)
        super().__init__(f"{where}: {what}" if where else what)
        self.rank = rank
        self.step = step
        self.action = action


def check(op: str, world: Sequence[Sequence[Step]], blocks: int, root: int = 0) -> None:
    """Prove that `world`, the steps of all ranks, does the operation; raises ScheduleError.

    That is: every SEND is matched, first in first out per ordered pair, by a receive of the same blocks;
    nothing waits for ever; nothing undefined is read; within a step no write overlaps a read or
    another write; `in` is never written; and the result is right: in an allreduce each block holds each
    rank's contribution exactly once, in a broadcast the root's data stand everywhere, and no rank leaves a
    barrier before all have entered it.
    """
    has_input = (lambda rank: rank == root) if op == "bcast" else (lambda rank: op != "barrier")
    ranks = [_Rank(rank, steps, blocks, has_input(rank)) for rank, steps in enumerate(world)]
    for rank in ranks:
        for number, step in enumerate(rank.steps):
            _check_step(rank.number, number, step, blocks, len(ranks))
    _run(ranks, blocks)
    expected = EXPECTED[op](len(ranks), root)
    for rank in ranks:
        if op == "barrier":
            _all_entered(rank, len(ranks))
        for block in range(blocks):
            _compare(rank, block, expected(rank.number, block))


@dataclass
class _Rank:
    """A rank's memory while its steps are played."""

    number: int
    steps: Sequence[Step]
    blocks: int
    has_input: bool
    at: int = 0
    memory: dict[tuple[Buffer, int], Value] = field(default_factory=dict)
    landing: dict[tuple[Buffer, int], Value] = field(default_factory=dict)
    """Writes of the step under way: they land at its end."""
    heard: set[int] = field(default_factory=set)
    """Ranks that are known to have begun: those from which a chain of messages leads here."""
    hearing: set[int] = field(default_factory=set)
    open: int = 0
    """Transfers of the step under way that are not matched yet."""

    def __post_init__(self) -> None:
        self.heard = {self.number}
        if self.has_input:
            self.memory = {("in", b): Counter({(self.number, b): 1}) for b in range(self.blocks)}

    def read(self, action: Action, span: Span) -> list[Value]:
        values = []
        for block in range(span.first, span.first + span.count):
            value = self.memory.get((span.buffer, block))
            if value is None:
                raise ScheduleError(
                    f"reads {span.buffer}[{block}], which is not defined yet", self.number, self.at, action
                )
            values.append(value)
        return values

    def write(self, span: Span, values: Sequence[Value]) -> None:
        for block, value in enumerate(values, span.first):
            self.landing[span.buffer, block] = value


def _check_step(rank: int, number: int, step: Step, blocks: int, ranks: int) -> None:
    """What can be seen without running: spans, peers, overlaps."""
    for i, action in enumerate(step):
        spans = ([] if action.dst is None else [action.dst]) + list(action.sources)
        for span in spans:
            outside = span.buffer != "tmp" and span.first + span.count > blocks
            if span.first < 0 or span.count < 1 or outside:
                raise ScheduleError(f"{span} is not in a vector of {blocks} blocks", rank, number, action)
            if (span.first - spans[0].first) % blocks or span.count != spans[0].count:
                raise ScheduleError(f"{span} and {spans[0]} are not the same blocks", rank, number, action)
        if action.peer is not None and (action.peer == rank or not 0 <= action.peer < ranks):
            raise ScheduleError(f"has no peer {action.peer} in a world of {ranks}", rank, number, action)
        if action.dst is None:
            continue
        if action.dst.buffer == "in":
            raise ScheduleError("writes its input", rank, number, action)
        for j, other in enumerate(step):
            if any(action.dst.overlaps(source) for source in other.sources):
                raise ScheduleError(f"writes what {other} reads in the same step", rank, number, action)
            if j != i and other.dst is not None and action.dst.overlaps(other.dst):
                raise ScheduleError(f"writes what {other} writes in the same step", rank, number, action)


@dataclass
class _Post:
    """One side of a message that its rank has reached."""

    rank: _Rank
    action: Action


def _run(ranks: Sequence[_Rank], blocks: int) -> None:
    sends: dict[tuple[int, int], deque[_Post]] = {}
    receives: dict[tuple[int, int], deque[_Post]] = {}

    def enter(rank: _Rank) -> list[tuple[int, int]]:
        """Post a rank's step; which ordered pairs may match now."""
        pairs = []
        for action in rank.steps[rank.at]:
            if action.peer is None:
                _local(rank, action)
                continue
            rank.open += 1
            out = action.kind in SENDS
            pair = (rank.number, action.peer) if out else (action.peer, rank.number)
            (sends if out else receives).setdefault(pair, deque()).append(_Post(rank, action))
            pairs.append(pair)
        return pairs

    ready = [rank for rank in ranks if rank.steps]
    while ready:
        rank = ready.pop()
        touched = [rank]
        for pair in enter(rank):
            while sends.get(pair) and receives.get(pair):
                sent, taken = sends[pair].popleft(), receives[pair].popleft()
                _match(sent, taken, blocks)
                touched += [sent.rank, taken.rank]
        for each in {each.number: each for each in touched}.values():
            if each.open == 0 and each.at < len(each.steps):
                _leave(each)
                if each.at < len(each.steps):
                    ready.append(each)
    _nothing_waits(ranks, sends, receives)


def _leave(rank: _Rank) -> None:
    rank.memory.update(rank.landing)
    rank.landing.clear()
    rank.heard |= rank.hearing
    rank.hearing.clear()
    rank.at += 1


def _local(rank: _Rank, action: Action) -> None:
    assert action.dst is not None
    values = [rank.read(action, source) for source in action.sources]
    rank.write(action.dst, [_sum(parts) for parts in zip(*values, strict=True)])


def _sum(parts: Sequence[Value]) -> Value:
    total: Value = Counter()
    for part in parts:
        total.update(part)
    return total


def _match(sent: _Post, taken: _Post, blocks: int) -> None:
    send, receive = sent.action, taken.action
    if (send.kind is Kind.SIGNAL) != (receive.kind is Kind.WAIT):
        raise ScheduleError(
            f"meets {send} of rank {sent.rank.number}", taken.rank.number, taken.rank.at, receive
        )
    # A signal says that its sender has come this far, and all that its sender had heard of before.
    taken.rank.hearing |= sent.rank.heard
    if send.kind is Kind.SEND:
        source, dst = send.sources[0], receive.dst
        assert dst is not None
        if source.count != dst.count or (source.first - dst.first) % blocks:
            raise ScheduleError(
                f"takes other blocks than {send} of rank {sent.rank.number} brings",
                taken.rank.number,
                taken.rank.at,
                receive,
            )
        values = sent.rank.read(send, source)
        if receive.kind is Kind.RECV_REDUCE:
            own = taken.rank.read(receive, receive.sources[0])
            values = [_sum(parts) for parts in zip(own, values, strict=True)]
        taken.rank.write(dst, values)
    sent.rank.open -= 1
    taken.rank.open -= 1


def _nothing_waits(
    ranks: Sequence[_Rank],
    sends: dict[tuple[int, int], deque[_Post]],
    receives: dict[tuple[int, int], deque[_Post]],
) -> None:
    waiting = {rank.number for rank in ranks if rank.at < len(rank.steps)}
    for posts in [*sends.values(), *receives.values()]:
        for post in posts:
            other = post.action.peer
            why = "which waits, too: a deadlock" if other in waiting else "which has ended"
            raise ScheduleError(
                f"is never matched by rank {other}, {why}", post.rank.number, post.rank.at, post.action
            )


def _compare(rank: _Rank, block: int, right: Value | None) -> None:
    if right is None:
        return
    got = rank.memory.get(("out", block))
    if got is None:
        raise ScheduleError(f"out[{block}] is never written", rank.number)
    if got == right:
        return
    for contribution in sorted(set(got) | set(right)):
        times, wanted = got[contribution], right[contribution]
        if times != wanted:
            raise ScheduleError(
                f"out[{block}] holds block {contribution[1]} of rank {contribution[0]} {times} times "
                f"instead of {wanted}",
                rank.number,
            )


def _all_entered(rank: _Rank, ranks: int) -> None:
    missing = sorted(set(range(ranks)) - rank.heard)
    if missing:
        raise ScheduleError(f"may leave before rank {missing[0]} has entered", rank.number)


def _one(source: int, block: int) -> Value:
    return Counter({(source, block): 1})


def _between_two(source: Callable[[int], int | None]) -> Callable[[int, int], Expected]:
    def expected(rank: int, block: int) -> Value | None:
        peer = source(rank) if rank < 2 else None
        return None if peer is None else _one(peer, block)

    return lambda ranks, root: expected


_FORWARD = _between_two(lambda rank: 0 if rank == 1 else None)

EXPECTED: dict[str, Callable[[int, int], Expected]] = {
    "barrier": lambda ranks, root: lambda rank, block: None,
    "bcast": lambda ranks, root: lambda rank, block: _one(root, block),
    "allreduce": lambda ranks, root: lambda rank, block: Counter({(peer, block): 1 for peer in range(ranks)}),
    "pingpong": _between_two(lambda rank: 0),
    "unidirectional": _FORWARD,
    "message_rate": _FORWARD,
    "bidirectional": _between_two(lambda rank: 1 - rank),
}
"""Operation -> (ranks, root) -> what must stand in `out` at the end."""
