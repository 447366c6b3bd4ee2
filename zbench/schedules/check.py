"""The checker: proves a schedule for all ranks of a world, abstractly, without any bytes.

It runs the steps with the strictest reading of a message unless told otherwise, capacity 0: a SEND ends only
when its receiver has taken it, so that nothing is proved that needs a transport's buffers. Matching is first
in, first out per ordered pair and no step chooses among messages, so a world that ends at capacity 0 ends at
every other with the same result (Kahn 1974: the order of execution does not change what deterministic
processes compute); `capacity` lets that be tried, with so many messages of a pair under way.

The rules are SY-1 ... SY-7: each contribution once, no undefined read, no hazard, FIFO matching, no deadlock,
one order of summation where all ranks must get the same bits, and what it costs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from zbench.schedules.action import SENDS, Action, Kind, Span, Step
from zbench.schedules.cost import Cost
from zbench.schedules.hazards import check_step
from zbench.schedules.memory import UNDEFINED, Memory, Misuse, Sums
from zbench.schedules.mistake import DEADLOCK, DEFINED, MATCH, ONE_ORDER, ScheduleError
from zbench.schedules.operation import OPERATIONS, Operation, Who, held


class Message(NamedTuple):
    """One message of a schedule that was played."""

    round: int
    """When it arrives: messages on the longest chain that ends in it."""
    sender: int
    receiver: int
    action: Action
    """The receiver's."""
    block: int
    """The first block that it brings; -1 for a signal, and for what was packed."""


def check(
    op: str,
    world: Sequence[Sequence[Step]],
    blocks: int,
    root: int = 0,
    in_place: bool = False,
    average: bool = False,
    told: list[Message] | None = None,
    capacity: int = 0,
) -> Cost:
    """Prove that `world`, the steps of all ranks, does the operation; returns what it costs.

    Blocks count as of one size. `in_place`: operands are in `out` at first. `average`: each contribution is
    scaled once. `told` gets every message. `capacity`: messages that a channel from one
    rank to another holds. Raises ScheduleError, which names rank, step and action.
    """
    operation = OPERATIONS[op]
    sums = Sums(blocks)
    ranks = [
        _Rank(Who(len(world), rank, root), steps, blocks, operation, in_place, sums)
        for rank, steps in enumerate(world)
    ]
    for rank in ranks:
        for number, step in enumerate(rank.steps):
            check_step(rank.number, number, step, len(ranks))
    _run(ranks, blocks, operation.places_differ, told, capacity)
    for rank in ranks:
        if op == "barrier":
            _all_entered(rank, len(ranks))
        _check_result(rank, operation, blocks, average)
    if operation.same_on_all and operation.sums:
        _same_sums(ranks, blocks)
    return _cost(ranks, blocks)


class _Rank:
    """A rank while its steps are played."""

    def __init__(
        self,
        who: Who,
        steps: Sequence[Step],
        blocks: int,
        operation: Operation,
        in_place: bool,
        sums: Sums,
    ) -> None:
        self.who, self.number, self.steps, self.sums = who, who.rank, steps, sums
        reads = held(operation.reads(who), who, blocks)
        writes = held(operation.writes(who), who, blocks)
        values = [sums.of(who.rank, block) for block in reads]
        self.memory = Memory(blocks, reads, values, writes, in_place)
        self.at = 0
        self.open = 0
        """Transfers of the step under way that are not matched yet."""
        self.landing: list[tuple[Span, list[int]]] = []
        """Writes of the step under way: they land at its end."""
        self.heard = 1 << who.rank
        """Ranks, as bits, that are known to have begun: those from which a chain of messages leads here."""
        self.hearing = 0
        self.clock = self.next_clock = 0
        """Messages on the longest chain that led to this step, and to its end."""
        self.sent = self.taken = self.reduced = 0

    def read(self, action: Action, span: Span) -> list[int]:
        try:
            return self.memory.read(span)
        except Misuse as error:
            raise ScheduleError(str(error), self.number, self.at, action, DEFINED) from error

    def write(self, action: Action, span: Span, values: list[int]) -> None:
        try:
            self.memory.check_write(span)
        except Misuse as error:
            raise ScheduleError(str(error), self.number, self.at, action) from error
        self.landing.append((span, values))

    def add(self, action: Action, parts: Sequence[list[int]]) -> list[int]:
        """The sums of blocks, from left to right."""
        total = parts[0]
        for part in parts[1:]:
            try:
                total = [self.sums.add(a, b) for a, b in zip(total, part, strict=True)]
            except Misuse as error:
                raise ScheduleError(str(error), self.number, self.at, action) from error
            self.reduced += len(part)
        return total

    def local(self, action: Action) -> None:
        assert action.dst is not None
        parts = [self.read(action, source) for source in action.sources]
        values = self.add(action, parts)
        if action.kind is Kind.SCALE:
            values = [self.sums.scale(value) for value in values]
        self.write(action, action.dst, values)

    def leave(self) -> None:
        """End the step under way."""
        for span, values in self.landing:
            self.memory.write(span, values)
        self.landing.clear()
        self.heard |= self.hearing
        self.clock = self.next_clock
        self.at += 1


class _Post:
    """One side of a message that its rank has reached."""

    __slots__ = ("action", "at", "clock", "heard", "rank", "values")

    def __init__(self, rank: _Rank, action: Action) -> None:
        self.rank = rank
        self.action = action
        self.at, self.clock, self.heard = rank.at, rank.clock, rank.heard
        self.values: list[int] | None = None
        """What the channel holds: its SEND has ended."""

    def depart(self) -> None:
        """Leave the sender's buffer for the channel."""
        sources = self.action.sources
        self.values = self.rank.read(self.action, sources[0]) if sources else []
        self.rank.open -= 1


def _run(
    ranks: Sequence[_Rank], blocks: int, places_differ: bool, told: list[Message] | None, capacity: int
) -> None:
    world = len(ranks)
    sends: dict[int, deque[_Post]] = {}
    receives: dict[int, deque[_Post]] = {}
    ready = [rank for rank in ranks if rank.steps]
    while ready:
        rank = ready.pop()
        touched = {rank.number}
        for action in rank.steps[rank.at]:
            if action.peer is None:
                rank.local(action)
                continue
            rank.open += 1
            post = _Post(rank, action)
            if action.kind in SENDS:
                pair = rank.number * world + action.peer
                mine, theirs = sends, receives
            else:
                pair = action.peer * world + rank.number
                mine, theirs = receives, sends
            waiting = theirs.get(pair)
            if waiting:  # then nothing of this side is queued before it
                other = waiting.popleft()
                sent, taken = (post, other) if mine is sends else (other, post)
                message = _match(sent, taken, blocks, places_differ)
                if told is not None:
                    told.append(message)
                if other.values is None:  # else its rank has gone on
                    touched.add(other.rank.number)
                if mine is receives and len(waiting) >= capacity > 0:  # the channel has room again
                    waiting[capacity - 1].depart()
                    touched.add(waiting[capacity - 1].rank.number)
            else:
                queue = mine.setdefault(pair, deque())
                queue.append(post)
                if mine is sends and len(queue) <= capacity:
                    post.depart()
        for number in touched:
            each = ranks[number]
            # A step may end only after all of its actions have begun: `rank` has begun all of its own.
            if each.open == 0 and each.at < len(each.steps):
                each.leave()
                if each.at < len(each.steps):
                    ready.append(each)
    _nothing_waits(ranks, sends, receives)


def _match(sent: _Post, taken: _Post, blocks: int, places_differ: bool) -> Message:
    send, receive = sent.action, taken.action
    sender, receiver = sent.rank, taken.rank
    if (send.kind is Kind.SIGNAL) != (receive.kind is Kind.WAIT):
        what = f"meets {send} of rank {sender.number}"
        raise ScheduleError(what, receiver.number, receiver.at, receive, MATCH)
    # A signal says that its sender has come this far, and all that its sender had heard of before.
    receiver.hearing |= sent.heard
    arrival = max(sent.clock, receiver.clock) + 1
    if sent.values is None:
        sender.next_clock = max(sender.next_clock, arrival)
    receiver.next_clock = max(receiver.next_clock, arrival)
    if send.kind is Kind.SEND:
        source, dst = send.sources[0], receive.dst
        assert dst is not None
        if source.count != dst.count or (not places_differ and (source.first - dst.first) % blocks):
            raise ScheduleError(
                f"takes other blocks than {send} of rank {sender.number} brings",
                receiver.number,
                receiver.at,
                receive,
                MATCH,
            )
        values = sender.read(send, source) if sent.values is None else sent.values
        if receive.kind is Kind.RECV_REDUCE:
            values = receiver.add(receive, (receiver.read(receive, receive.sources[0]), values))
        receiver.write(receive, dst, values)
        sender.sent += source.count
        receiver.taken += source.count
    if sent.values is None:
        sender.open -= 1
    receiver.open -= 1
    packed = places_differ and send.kind is Kind.SEND and send.sources[0].buffer == "tmp"
    block = -1 if packed or not send.sources else send.sources[0].first % blocks
    return Message(arrival, sender.number, receiver.number, receive, block)


def _nothing_waits(
    ranks: Sequence[_Rank], sends: dict[int, deque[_Post]], receives: dict[int, deque[_Post]]
) -> None:
    waiting = {rank.number for rank in ranks if rank.at < len(rank.steps)}
    for posts in [*sends.values(), *receives.values()]:
        for post in posts:
            other, rank = post.action.peer, post.rank.number
            why, rule = ("waits, too: a deadlock", DEADLOCK) if other in waiting else ("has ended", MATCH)
            what = f"is never matched by rank {other}, which {why}"
            raise ScheduleError(what, rank, post.at, post.action, rule)


def _check_result(rank: _Rank, operation: Operation, blocks: int, average: bool) -> None:
    who = rank.who
    size = max(1, blocks // who.ranks)
    for block in held(operation.writes(who), who, blocks):
        right = operation.result(who, block, size)
        if right is None:
            continue
        got = rank.memory.out[block]
        if got == UNDEFINED:
            raise ScheduleError(f"out[{block}] is never written", rank.number)
        if wrong := rank.sums.differs(got, right, average):
            raise ScheduleError(f"out[{block}] {wrong}", rank.number)


def _same_sums(ranks: Sequence[_Rank], blocks: int) -> None:
    """Sums are the same node where their trees are the same up to the order of commuting operands."""
    for rank in ranks:
        for block in range(blocks):
            if rank.memory.out[block] != ranks[0].memory.out[block]:
                what = f"out[{block}] is summed in another order than on rank 0, and may differ in bits"
                raise ScheduleError(what, rank.number, rule=ONE_ORDER)


def _all_entered(rank: _Rank, ranks: int) -> None:
    missing = [other for other in range(ranks) if not rank.heard >> other & 1]
    if missing:
        raise ScheduleError(f"may leave before rank {missing[0]} has entered", rank.number)


def _cost(ranks: Sequence[_Rank], blocks: int) -> Cost:
    return Cost(
        max(rank.clock for rank in ranks),
        Fraction(max(max(rank.sent, rank.taken) for rank in ranks), blocks),
        Fraction(max(rank.reduced for rank in ranks), blocks),
    )
