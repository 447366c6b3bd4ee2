"""What stands in a rank's buffers while its steps are played: sums, by number."""

from __future__ import annotations

from zbench.schedules.action import Buffer, Span
from zbench.schedules.operation import Content

UNDEFINED = -1


class Misuse(Exception):
    """What cannot be read, written or added, in words."""


class Sums:
    """All sums that appear in a world, each with a number of its own.

    Two sums have the same number exactly when they add the same contributions in the same order, up to
    the order of the two operands of each addition: floating-point addition commutes, but does not associate.
    """

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._numbers: dict[tuple[int, int], int] = {}
        self._ranks: list[int] = []
        """Which ranks' blocks it holds, as bits."""
        self._block: list[int] = []
        self._scaled: list[bool] = []

    def of(self, rank: int, block: int) -> int:
        """What stands in a block of a rank's `in`."""
        return self._number((-1 - rank, block), 1 << rank, block, False)

    def add(self, one: int, other: int) -> int:
        """Raises Misuse where a contribution would be counted twice, or blocks do not belong together."""
        key = (one, other) if one < other else (other, one)
        known = self._numbers.get(key)
        if known is not None:
            return known
        ranks = self._ranks
        twice = ranks[one] & ranks[other]
        if twice:
            raise Misuse(f"counts block {self._block[one]} of rank {twice.bit_length() - 1} 2 times")
        if self._block[one] != self._block[other]:
            raise Misuse(f"adds block {self._block[other]} to block {self._block[one]}")
        if self._scaled[one] != self._scaled[other]:
            raise Misuse("adds what is scaled to what is not")
        return self._number(key, ranks[one] | ranks[other], self._block[one], self._scaled[one])

    def scale(self, one: int) -> int:
        """Raises Misuse where it is scaled already."""
        if self._scaled[one]:
            raise Misuse("scales twice")
        return self._number((one, UNDEFINED), self._ranks[one], self._block[one], True)

    def _number(self, key: tuple[int, int], ranks: int, block: int, scaled: bool) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._ranks)
            self._ranks.append(ranks)
            self._block.append(block)
            self._scaled.append(scaled)
        return number

    def differs(self, got: int, right: Content, scaled: bool) -> str:
        """How a sum differs from what it should be, in words; "" if it does not."""
        if self._block[got] != right.block:
            return f"holds block {self._block[got]} instead of {right.block}"
        wanted = sum(1 << rank for rank in right.ranks)
        wrong = self._ranks[got] ^ wanted
        if wrong:
            rank = (wrong & -wrong).bit_length() - 1
            times = self._ranks[got] >> rank & 1
            return f"holds block {right.block} of rank {rank} {times} times instead of {1 - times}"
        if self._scaled[got] != scaled:
            return f"is {'not ' * scaled}divided by the number of ranks"
        return ""


class Memory:
    """A rank's buffers. `held` of `in` or, in place, of `out` is defined at first; of `out` only
    `written` may be written."""

    def __init__(self, blocks: int, held: range, values: list[int], written: range, in_place: bool) -> None:
        self.input = [UNDEFINED] * blocks
        self.out = [UNDEFINED] * blocks
        self._tmp: list[int] = []
        (self.out if in_place else self.input)[held.start : held.stop] = values
        self._written = written

    def _buffer(self, buffer: Buffer) -> list[int]:
        return self.out if buffer == "out" else self._tmp if buffer == "tmp" else self.input

    def read(self, span: Span) -> list[int]:
        """Raises Misuse."""
        values = self._buffer(span.buffer)[span.first : span.first + span.count]
        if len(values) < span.count or UNDEFINED in values:
            values += [UNDEFINED] * (span.count - len(values))
            block = span.first + values.index(UNDEFINED)
            raise Misuse(f"reads {span.buffer}[{block}], which is not defined yet")
        return values

    def check_write(self, span: Span) -> None:
        """Raises Misuse where the result has no such blocks."""
        if span.buffer == "out" and not (
            self._written.start <= span.first and span.end <= self._written.stop
        ):
            raise Misuse(f"writes {span}, but only {_said(self._written)} belongs to its result")

    def write(self, span: Span, values: list[int]) -> None:
        buffer = self._buffer(span.buffer)
        if len(buffer) < span.end:
            buffer += [UNDEFINED] * (span.end - len(buffer))
        buffer[span.first : span.end] = values


def _said(blocks: range) -> str:
    return f"out[{blocks.start}:{blocks.stop}]" if blocks else "nothing"
