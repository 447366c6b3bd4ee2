"""Flatten schedules to plans: rows of bytes that the executor runs and the record names by hash."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.schedules.action import RECEIVES, SENDS, Action, Kind, Span, Step
from zbench.schedules.layout import Layout

ACTION = np.dtype(
    [(name, np.int64) for name in ("step", "kind", "peer", "dst", "dst_offset", "src", "src_offset", "bytes")]
)
"""One row of a plan, as C reads it (csrc/coll/plan.h)."""

SOURCE = 5
"""The kind of the rows behind a REDUCE, one for each source after the first."""

BUFFERS = {"in": 0, "out": 1, "tmp": 2}
UNUSED = {"dst": Kind.SEND, "src": Kind.RECV}
"""Where a row of this kind has no place, though bytes: it says `in` from 0 on."""


def compile_plan(steps: Iterable[Step], layout: Layout) -> NDArray[Any]:
    """A rank's plan: rows of dtype ACTION, those of a step in the order in which they start.

    Sends start first, because peers wait for them, and receives last. Actions without bytes vanish on both
    sides; signals stay.
    """
    rows: list[tuple[int, ...]] = []
    for number, step in enumerate(steps):
        for action in sorted(step, key=_start_order):
            rows += _rows(number, action, layout)
    return np.array(rows, ACTION)


def _start_order(action: Action) -> int:
    return 0 if action.kind in SENDS else 2 if action.kind in RECEIVES else 1


def _rows(step: int, action: Action, layout: Layout) -> list[tuple[int, ...]]:
    peer = -1 if action.peer is None else action.peer
    if action.kind in (Kind.SIGNAL, Kind.WAIT):
        return [(step, action.kind, peer, 0, 0, 0, 0, 0)]
    dst = _address(action.dst, layout)
    sources = [_address(source, layout) for source in action.sources] or [(0, 0)]
    first = action.sources[0] if action.dst is None else action.dst
    size = layout.size(first)
    if size == 0:
        return []
    kinds = [int(action.kind)] + [SOURCE] * (len(sources) - 1)
    return [(step, kind, peer, *dst, *src, size) for kind, src in zip(kinds, sources, strict=True)]


def _address(span: Span | None, layout: Layout) -> tuple[int, int]:
    return (0, 0) if span is None else (BUFFERS[span.buffer], layout.offset(span))


def buffer_bytes(plan: NDArray[Any], buffer: str) -> int:
    """How large a plan's `in`, `out` or `tmp` must be."""
    ends = [0]
    for side in ("dst", "src"):
        rows = plan[(plan[side] == BUFFERS[buffer]) & (plan["kind"] != UNUSED[side])]
        ends += (rows[f"{side}_offset"] + rows["bytes"]).tolist()
    return max(ends)


def digest(plan: NDArray[Any], dtype: str) -> bytes:
    """The sha256 of one rank's plan."""
    return sha256(dtype.encode() + b"\n" + plan.tobytes()).digest()


def plan_hash(digests: Iterable[bytes]) -> str:
    """The sha256 (hex) of the plans of all ranks, from their digests in rank order."""
    return sha256(b"".join(digests)).hexdigest()
