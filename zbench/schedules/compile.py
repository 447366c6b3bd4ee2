"""Flatten schedules to plans: rows of bytes that the executor runs and the record names by hash."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.schedules.action import RECEIVES, SENDS, Action, Kind, Span, Step

ACTION = np.dtype(
    [(name, np.int64) for name in ("step", "kind", "peer", "dst", "dst_offset", "src", "src_offset", "bytes")]
)
"""One row of a plan, as C reads it (csrc/coll/plan.h)."""

SOURCE = 5
"""The kind of the rows behind a REDUCE, one for each source after the first."""

BUFFERS = {"in": 0, "out": 1, "tmp": 2}


@dataclass(frozen=True)
class Partition:
    """A vector of `elements` cut evenly in blocks; the first ones are an element longer."""

    blocks: int
    elements: int
    item_bytes: int

    @property
    def size_bytes(self) -> int:
        return self.elements * self.item_bytes

    def offset(self, block: int) -> int:
        """Where a block begins, bytes. Blocks beyond the vector's lie in its repetitions (`tmp`)."""
        row, place = divmod(block, self.blocks)
        length, longer = divmod(self.elements, self.blocks)
        return row * self.size_bytes + (place * length + min(place, longer)) * self.item_bytes

    def size(self, span: Span) -> int:
        """The bytes of a span."""
        return self.offset(span.first + span.count) - self.offset(span.first)


def compile_plan(steps: Iterable[Step], partition: Partition) -> NDArray[Any]:
    """A rank's plan: rows of dtype ACTION, those of a step in the order in which they start.

    Sends start first, because peers wait for them, and receives last. Actions without bytes vanish on both
    sides; signals stay.
    """
    rows: list[tuple[int, ...]] = []
    for number, step in enumerate(steps):
        for action in sorted(step, key=_start_order):
            rows += _rows(number, action, partition)
    return np.array(rows, ACTION)


def _start_order(action: Action) -> int:
    return 0 if action.kind in SENDS else 2 if action.kind in RECEIVES else 1


def _rows(step: int, action: Action, partition: Partition) -> list[tuple[int, ...]]:
    peer = -1 if action.peer is None else action.peer
    if action.kind in (Kind.SIGNAL, Kind.WAIT):
        return [(step, action.kind, peer, 0, 0, 0, 0, 0)]
    dst = _address(action.dst, partition)
    sources = [_address(source, partition) for source in action.sources] or [(0, 0)]
    spans = (action.dst, *action.sources)
    size = next(partition.size(span) for span in spans if span is not None)
    if size == 0:
        return []
    kinds = [int(action.kind)] + [SOURCE] * (len(sources) - 1)
    return [(step, kind, peer, *dst, *src, size) for kind, src in zip(kinds, sources, strict=True)]


def _address(span: Span | None, partition: Partition) -> tuple[int, int]:
    return (0, 0) if span is None else (BUFFERS[span.buffer], partition.offset(span.first))


def tmp_bytes(plan: NDArray[Any]) -> int:
    """How large a plan's `tmp` must be."""
    ends = [0]
    for side in ("dst", "src"):
        rows = plan[plan[side] == BUFFERS["tmp"]]
        ends += (rows[f"{side}_offset"] + rows["bytes"]).tolist()
    return max(ends)


def digest(plan: NDArray[Any], dtype: str) -> bytes:
    """The sha256 of one rank's plan."""
    return sha256(dtype.encode() + b"\n" + plan.tobytes()).digest()


def plan_hash(digests: Iterable[bytes]) -> str:
    """The sha256 (hex) of the plans of all ranks, from their digests in rank order."""
    return sha256(b"".join(digests)).hexdigest()
