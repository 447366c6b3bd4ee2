"""The words of a schedule: spans, actions, steps.

A step is a set of concurrent actions: reads see the state before the step, writes land at its end,
and the next step waits for all of them. Messages match first in, first out per ordered pair of
ranks, never by step number. A rank reads its operands from `in`, leaves its result in `out`, and may
use `tmp`; it never writes `in`. Where a sum's `dst` is its first operand, it is added to in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Literal, NamedTuple

Buffer = Literal["in", "out", "tmp"]


class Kind(IntEnum):
    """What an action does; the numbers are those of the plans."""

    SEND = 0
    RECV = 1
    RECV_REDUCE = 2
    """dst = src + what arrives."""
    COPY = 3
    REDUCE = 4
    """dst = the sum of the sources, in their order."""
    SIGNAL = 6
    """A message without data."""
    WAIT = 7
    SCALE = 8
    """dst = src / the number of ranks."""


SENDS = frozenset({Kind.SEND, Kind.SIGNAL})
RECEIVES = frozenset({Kind.RECV, Kind.RECV_REDUCE, Kind.WAIT})


class Span(NamedTuple):
    """`count` blocks of a buffer from `first` on; bytes are only known to a Layout.

    Blocks are numbered as in the whole vector, also where `in` or `out` holds one part of it. `tmp` may
    hold the vector several times: its block i has the size of block i modulo the blocks of the vector.
    """

    buffer: Buffer
    first: int
    count: int = 1  # type: ignore[assignment]  # of a tuple's own `count` nobody has need

    @property
    def end(self) -> int:
        return self.first + self.count

    def __str__(self) -> str:
        return f"{self.buffer}[{self.first}:{self.end}]"


class Action(NamedTuple):
    """One thing a rank does in a step; use the constructors below, which know what each needs."""

    kind: Kind
    peer: int | None = None
    dst: Span | None = None
    sources: tuple[Span, ...] = ()

    def __str__(self) -> str:
        parts = [self.kind.name]
        if self.dst is not None:
            parts.append(str(self.dst))
        if self.sources:
            arrow = "" if self.dst is None else "= "
            parts.append(arrow + " + ".join(map(str, self.sources)))
        if self.peer is not None:
            parts.append(f"{'to' if self.kind in SENDS else 'from'} {self.peer}")
        return " ".join(parts)


Step = tuple[Action, ...]
Steps = Iterator[Step]


def send(src: Span, to: int) -> Action:
    return Action(Kind.SEND, to, None, (src,))


def recv(dst: Span, source: int) -> Action:
    return Action(Kind.RECV, source, dst)


def recv_reduce(dst: Span, own: Span, source: int) -> Action:
    """dst = own + what arrives from `source`."""
    return Action(Kind.RECV_REDUCE, source, dst, (own,))


def copy(dst: Span, src: Span) -> Action:
    return Action(Kind.COPY, None, dst, (src,))


def reduce(dst: Span, sources: tuple[Span, ...]) -> Action:
    """dst = sources[0] + sources[1] + ..., summed from left to right."""
    return Action(Kind.REDUCE, None, dst, sources)


def scale(dst: Span, src: Span) -> Action:
    """dst = src / the number of ranks."""
    return Action(Kind.SCALE, None, dst, (src,))


def signal(to: int) -> Action:
    return Action(Kind.SIGNAL, to)


def wait(source: int) -> Action:
    return Action(Kind.WAIT, source)


def arcs(buffer: Buffer, first: int, count: int, ranks: int) -> list[Span]:
    """Parts `first` and the `count` - 1 behind it, where the first part follows the last: one span or two."""
    first %= ranks
    before = min(count, ranks - first)
    spans = [Span(buffer, first, before), Span(buffer, 0, count - before)]
    return [span for span in spans if span.count]
