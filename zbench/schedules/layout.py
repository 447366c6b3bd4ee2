"""Where the blocks of a schedule lie: the only place that knows bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from zbench.schedules.action import Span
from zbench.schedules.operation import OPERATIONS, WHOLE, Who, held


@dataclass(frozen=True)
class Layout:
    """One rank's buffers. Offsets and sizes are bytes."""

    vector: tuple[int, ...]
    """Where each block of the whole vector begins, and where the last one ends; `tmp` repeats it."""
    edges: dict[str, tuple[int, ...]]
    """The same of `in` and `out`, where they differ from the vector."""
    begins: dict[str, int]
    """The offset in the vector of what `in` and `out` hold of it."""
    sizes: dict[str, int]
    """How many bytes `in` and `out` have."""

    def offset(self, span: Span) -> int:
        edges = self.edges.get(span.buffer, self.vector)
        row, block = divmod(span.first, len(edges) - 1)
        return row * edges[-1] + edges[block] - self.begins.get(span.buffer, 0)

    def size(self, span: Span) -> int:
        edges = self.edges.get(span.buffer, self.vector)
        (row, block), (end_row, end) = divmod(span.first, len(edges) - 1), divmod(span.end, len(edges) - 1)
        return (end_row - row) * edges[-1] + edges[end] - edges[block]


def even(op: str, who: Who, blocks: int, elements: int, item_bytes: int, in_place: bool = False) -> Layout:
    """A vector of `elements` cut evenly in blocks; the first ones are an element longer.

    A rank's part has the blocks that are its own. In place, `out` holds the whole vector.
    """
    length, longer = divmod(elements, blocks)
    vector = tuple((block * length + min(block, longer)) * item_bytes for block in range(blocks + 1))
    operation = OPERATIONS[op]
    extents = {"in": operation.reads(who), "out": operation.writes(who)}
    windows = {
        name: range(blocks) if in_place or extent is WHOLE else held(extent, who, blocks)
        for name, extent in extents.items()
    }
    return Layout(
        vector,
        {},
        {name: vector[window.start] for name, window in windows.items()},
        {name: vector[window.stop] - vector[window.start] for name, window in windows.items()},
    )


def by_counts(who: Who, counts: Sequence[Sequence[int]], item_bytes: int) -> Layout:
    """alltoallv: rank i sends counts[i][j] elements to rank j."""
    sent = _edges(counts[who.rank], item_bytes)
    taken = _edges([row[who.rank] for row in counts], item_bytes)
    return Layout(sent, {"in": sent, "out": taken}, {}, {"in": sent[-1], "out": taken[-1]})


def _edges(counts: Sequence[int], item_bytes: int) -> tuple[int, ...]:
    return tuple(accumulate((count * item_bytes for count in counts), initial=0))
