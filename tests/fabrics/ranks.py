"""The ranks of the test worlds: `python ranks.py RANK SIZE BODY JSON-ARGUMENTS`."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import InvalidRun
from zbench.fabrics.base import World, window
from zbench.fabrics.shm import WINDOWED, Shm

SLOTS = 2
ROUNDS = 3


def case(op: str, dtype: str, size_bytes: int, ranks: int) -> Case:
    return Case(op, dtype, (size_bytes,), {"ranks": ranks})


def data(rank: int, slot: int, count: int, dtype: str) -> NDArray[Any]:
    """Exact integers that no other rank or slot has at the same place."""
    return ((np.arange(count) * 7 + rank * 131 + slot * 37) % 251).astype(NUMPY_DTYPES[dtype])


def expected(op: str, rank: int, ranks: int, slot: int, count: int, dtype: str) -> NDArray[Any] | None:
    if op == "allreduce":
        total = np.zeros(count, NUMPY_DTYPES[dtype])
        for peer in range(ranks):
            total += data(peer, slot, count, dtype)
        return total
    if op == "bcast":
        return data(0, slot, count, dtype)
    if op == "pingpong":
        return data(0, slot, count, dtype) if rank < 2 else None
    if op == "bidirectional":
        return data(1 - rank, slot, count, dtype) if rank < 2 else None
    return data(0, slot, count, dtype) if rank == 1 else None


def wrong(fabric: Shm, op: str, dtype: str, size_bytes: int, algorithm: str | None, registered: bool) -> str:
    """Run one case for a few rounds and through `execute`; what is wrong with its outputs, or ""."""
    rank, ranks = fabric.world.rank, fabric.world.size
    kind = NUMPY_DTYPES[dtype]
    messages = window(size_bytes) if op in WINDOWED else 1
    count = messages * size_bytes // kind.itemsize
    alloc = fabric.alloc if registered else lambda shape, _: np.empty(shape, kind)
    slots = [{name: alloc((count,), dtype) for name in ("in", "out")} for _ in range(SLOTS)]
    asked = case(op, dtype, size_bytes, ranks)
    plan = fabric.prepare(asked, slots, algorithm)
    label = f"{asked.key} {algorithm} {'registered' if registered else 'private'}"
    for batch in (1, 3):
        for slot, buffers in enumerate(slots):
            fabric.write(buffers["in"], data(rank, slot, count, dtype))
            buffers["out"].fill(99)
        stamps = fabric.run_rounds(plan, ROUNDS, batch)
        if stamps.shape != (ROUNDS, 2) or (np.diff(stamps.reshape(-1)) < 0).any():
            return f"{label}: stamps {stamps.tolist()}"
        for slot, buffers in enumerate(slots):
            right = expected(op, rank, ranks, slot, count, dtype)
            got = fabric.read(buffers["out"])
            if right is None:
                right = np.full(count, 99, kind)
            if not np.array_equal(right, got):
                at = int(np.flatnonzero(right != got)[0])
                return f"{label}: slot {slot} at {at}: expected {right[at]}, got {got[at]}"
            if not np.array_equal(data(rank, slot, count, dtype), fabric.read(buffers["in"])):
                return f"{label}: slot {slot}: the input changed"
    fabric.execute(plan, 1)
    fabric.release(plan)
    return ""


def run_cases(fabric: Shm, cases: list[tuple[str, str, int, str | None, bool]]) -> list[str]:
    """What is wrong with each case that went wrong."""
    found = [wrong(fabric, *each) for each in cases]
    return [each for each in found if each]


def early_leavers(fabric: Shm, algorithm: str, rounds: int) -> list[list[int]]:
    """Stamps of barriers that one rank, a different one each time, enters late."""
    plan = fabric.prepare(case("barrier", "byte", 0, fabric.world.size), [{}], algorithm)
    stamps = []
    for i in range(rounds):
        if i % fabric.world.size == fabric.world.rank:
            time.sleep(0.005)
        entered = time.monotonic_ns()
        fabric.execute(plan, 0)
        stamps.append([entered, time.monotonic_ns()])
    return stamps


def wait_forever(fabric: Shm, timeout_s: float) -> str:
    """Rank 0 never enters the barrier; what the others are told."""
    if fabric.world.rank == 0:
        time.sleep(timeout_s)
        return ""
    plan = fabric.prepare(case("barrier", "byte", 0, fabric.world.size), [{}])
    try:
        fabric.execute(plan, 0)
    except InvalidRun as error:
        return str(error)
    return "no error"


def operations(fabric: Shm) -> dict[str, tuple[str, ...]]:
    """What this rank can do."""
    return fabric.operations()


def probes(fabric: Shm) -> list[Any]:
    """A floor and a roof."""
    ranks = fabric.world.size
    return [
        fabric.probe(case("pingpong", "byte", 8, ranks)),
        fabric.probe(case("allreduce", "fp32", 1 << 20, ranks)),
    ]


def main() -> None:
    rank, size, body, arguments = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    Shm.timeout_s = float(os.environ.get("TEST_TIMEOUT_S", Shm.timeout_s))
    fabric = Shm(World(rank, size, lambda mine: [mine], size > len(cores)))
    print(json.dumps(globals()[body](fabric, *json.loads(arguments))))
    fabric.close()


if __name__ == "__main__":
    main()
