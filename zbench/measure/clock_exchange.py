"""The clocks of a world, measured with messages of its fabric and nothing else.

A fabric's round stamps are read in its own loop, as close to the message as it can; what a rank must know of
its parent's stamps travels through the fabric, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns, sleep
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.errors import InvalidRun, Unsupported
from zbench.fabrics.base import Fabric, Slot
from zbench.measure import clocks
from zbench.measure.burst import agree, first_reason
from zbench.measure.clocks import Bounds, Clock, Ints
from zbench.measure.round_time import beginnings
from zbench.measure.statistics import Floats
from zbench.workloads.profiles import MESSAGE_BYTES

METHOD = "HCA3"
POINTS = 50
"""Moments at which two clocks are compared, spread over the time that is given: the longer they lie apart,
the better a drift shows."""
POINTS_MIN = 10
"""Where messages are so slow that the time is too short for all of them."""
ROUNDS = 20
"""Messages each way at one moment: the fastest of them count, and even ranks that share a core meet an
undisturbed one among so many."""


@dataclass
class _Link:
    """Messages between a parent and its child: one down, one up, and the parent's stamps."""

    down: Any
    up: Any
    stamps: Any
    pair: tuple[int, int] | None
    """None: this rank rests, and only keeps the rounds of the world common."""
    payload: Slot


def measure_clocks(fabric: Fabric, duration_ns: int) -> tuple[Clock | None, dict[str, Any]]:
    """This rank's clock against rank 0's, and what a record keeps of the clocks of all ranks.

    Every rank calls it and returns the same record; the clock is None where no constant drift explains what
    a rank saw, which `why` tells. Takes about `duration_ns`. Raises Unsupported for a fabric without groups,
    and InvalidRun where its messages do not arrive.
    """
    world = fabric.world
    if world.size < 2:
        raise Unsupported("clocks: there is one rank, and nothing to compare its clock with")
    if world.size > 2 and not fabric.groups:
        raise Unsupported(f"clocks of {world.size} ranks: this fabric has no groups of ranks")
    levels = clocks.tree(world.size)
    level_ns = duration_ns / (len(levels) + 1)  # the last part is for the check
    own, seen, why = clocks.reference(), None, ""
    for level in levels:
        bounds = _meet(fabric, level, own, level_ns)
        if bounds is not None:
            seen, found = bounds, clocks.fit(bounds)
            own, why = (found, "") if found else (own, _broken(world.rank, level))
        if told := first_reason(world.share, why):
            return None, {"status": "invalid", "why": told}
    checked: dict[str, Any] = {}
    final: Clock | None = own
    for rank in range(1, world.size):
        bounds = _meet(fabric, [(0, rank)], own, level_ns / (world.size - 1))
        if bounds is not None and seen is not None:
            off = clocks.residuals(own, bounds)
            final, checked = clocks.fit(seen.then(bounds)), _told(rank, bounds, off)
    why = _broken(world.rank, [(0, world.rank)]) if final is None else ""
    if (told := first_reason(world.share, why)) or final is None:
        return None, {"status": "invalid", "why": told}
    if checked:
        checked |= clocks.told(final, final.at_ns)
    ranks = [msgspec.json.decode(each) for each in world.share(msgspec.json.encode(checked))]
    starts = beginnings(fabric, final)
    return final, {"clocks": {"method": METHOD, "rounds": ROUNDS, "ranks": ranks[1:], "starts": starts}}


def _broken(rank: int, level: list[tuple[int, int]]) -> str:
    pair = clocks.pair_of(level, rank)
    return f"clocks of ranks {pair and pair[0]} and {rank}: no constant drift keeps to all that they saw"


def _told(rank: int, bounds: Bounds, off: Floats) -> dict[str, Any]:
    """One rank's part of the record: what the check found, against what had been foretold."""
    offset, half = clocks.plain(bounds.last())
    return {
        "rank": rank,
        "plain_offset_ns": offset,
        "plain_error_ns": half,
        "residual_p50_ns": float(np.median(off)),
        "residual_max_ns": float(off.max()),
        "checks": len(off),
    }


def _meet(fabric: Fabric, level: list[tuple[int, int]], own: Clock, duration_ns: float) -> Bounds | None:
    """Compare the clocks of each pair for so long; see `_compare`."""
    link = _linked(fabric, level)
    points, pause_s = _points(fabric, link, duration_ns)
    bounds = _compare(fabric, link, own, points, pause_s)
    for plan in (link.down, link.up, link.stamps):
        fabric.release(plan)
    return bounds


def _linked(fabric: Fabric, level: list[tuple[int, int]]) -> _Link:
    """Prepared alike on all ranks, in the same order."""
    rank, size = fabric.world.rank, fabric.world.size
    pair = clocks.pair_of(level, rank)
    payload: Slot = {}
    if pair is None:
        rest = Case("barrier", "byte", (0,), {"ranks": 1})
        down, up, stamps = (_prepare(fabric, rest, {}, (rank,)) for _ in range(3))
        return _Link(down, up, stamps, None, payload)
    members = pair if size > 2 else None
    messages = [_buffers(fabric, MESSAGE_BYTES) for _ in range(2)]
    payload = _buffers(fabric, _payload_bytes(POINTS))
    down, up, stamps = (
        _prepare(fabric, _bcast(len(buffers["in"]), root), buffers, members)
        for buffers, root in ((messages[0], 0), (messages[1], 1), (payload, 0))
    )
    return _Link(down, up, stamps, pair, payload)


def _payload_bytes(points: int) -> int:
    """The parent's stamps of both directions, and a checksum."""
    return (1 + 2 * points * ROUNDS) * np.dtype(np.int64).itemsize


def _bcast(size_bytes: int, root: int) -> Case:
    return Case("bcast", "byte", (size_bytes,), {"ranks": 2, "root": root})


def _buffers(fabric: Fabric, size_bytes: int) -> Slot:
    buffers = {name: fabric.alloc((size_bytes,), "byte") for name in ("in", "out")}
    for buffer in buffers.values():
        fabric.write(buffer, np.zeros(size_bytes, np.uint8))
    return buffers


def _prepare(fabric: Fabric, case: Case, slot: Slot, members: tuple[int, ...] | None) -> Any:
    if members is None:
        return fabric.prepare(case, [slot])
    return fabric.prepare(case, [slot], None, members)


def _points(fabric: Fabric, link: _Link, duration_ns: float) -> tuple[int, float]:
    """How many moments, and the pause between two of them in s, the same on all ranks."""
    for _ in range(2):  # the first one warms
        began = perf_counter_ns()
        _stamps(fabric, link)
        took = agree(fabric.world.share, perf_counter_ns() - began)
    points = int(min(POINTS, max(POINTS_MIN, duration_ns / took)))
    return points, max(0.0, duration_ns / points - took) / clocks.NS_PER_S


def _stamps(fabric: Fabric, link: _Link) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One moment: rounds down, rounds up."""
    return fabric.run_rounds(link.down, ROUNDS), fabric.run_rounds(link.up, ROUNDS)


def _compare(fabric: Fabric, link: _Link, own: Clock, points: int, pause_s: float) -> Bounds | None:
    """What the child of this rank's pair saw; None on its parent, and on a rank that rests."""
    seen = []
    for _ in range(points):
        seen.append(_stamps(fabric, link))
        if pause_s:
            sleep(pause_s)
    down, up = (np.stack(each) for each in zip(*seen, strict=True))
    if link.pair is None:
        return None
    if fabric.world.rank == link.pair[0]:
        _send(fabric, link, np.stack([own.earliest(down[:, :, 0]), own.latest(up[:, :, 1])]))
        return None
    earliest, latest = _receive(fabric, link, points)
    received, left = down[:, :, 1], up[:, :, 0]
    return Bounds(received, received - earliest, left, left - latest)


def _send(fabric: Fabric, link: _Link, stamps: Ints) -> None:
    """When the parent sent at the earliest, and when it had received at the latest, on the global clock."""
    data = np.zeros(_payload_bytes(POINTS), np.uint8)
    said = np.concatenate([[crc32(stamps.tobytes())], stamps.ravel()]).astype(np.int64)
    data[: said.nbytes] = said.view(np.uint8)
    fabric.write(link.payload["in"], data)
    fabric.execute(link.stamps, 0)


def _receive(fabric: Fabric, link: _Link, points: int) -> Ints:
    """Raises InvalidRun."""
    fabric.execute(link.stamps, 0)
    said = np.ascontiguousarray(fabric.read(link.payload["out"])).view(np.int64)
    stamps = said[1 : 1 + 2 * points * ROUNDS].reshape(2, points, ROUNDS)
    if said[0] != crc32(stamps.tobytes()):
        raise InvalidRun(f"clocks: the stamps of rank {link.pair and link.pair[0]} arrived wrong")
    return stamps
