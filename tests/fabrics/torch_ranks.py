"""The ranks of torch's test worlds: `python torch_ranks.py RANK SIZE BODY JSON-ARGUMENTS`."""

from __future__ import annotations

import json
import os
import sys
import time
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import InvalidRun
from zbench.fabrics.base import World
from zbench.fabrics.torch import Torch
from zbench.fabrics.torch_operations import REDUCTIONS, lengths

SLOTS = 2
ROUNDS = 2
POISON = 99
AVERAGED = 6
"""Divides by 1, 2 and 3 ranks, so that averages are whole."""

Vector = NDArray[Any]
COMBINE = {
    "sum": np.add,
    "avg": np.add,
    "prod": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "band": np.bitwise_and,
    "bor": np.bitwise_or,
    "bxor": np.bitwise_xor,
}


def data(case: Case, rank: int, slot: int) -> Vector:
    """Exact integers that no other rank or slot has at the same place; of what is reduced 1 to 3, whose
    products are exact in every dtype."""
    kind = NUMPY_DTYPES[case.dtype]
    count = lengths(case, kind.itemsize)[0]
    mixed = (np.arange(count) * 7 + rank * 131 + slot * 37) % 251
    if case.workload in REDUCTIONS:
        mixed = (mixed % 3 + 1) * (AVERAGED if case.redop == "avg" else 1)
    return mixed.astype(kind)


def reduced(case: Case, slot: int) -> Vector:
    total = reduce(COMBINE[case.redop], [data(case, rank, slot) for rank in range(case.ranks)])
    if case.redop == "avg":
        total = (total.astype(np.float64) / case.ranks).astype(total.dtype)
    return total


def part(vector: Vector, rank: int, ranks: int) -> Vector:
    return vector[len(vector) // ranks * rank :][: len(vector) // ranks]


def expected(case: Case, rank: int, slot: int) -> Vector | None:
    """What stands in `out` afterwards; None: what stood there before. In place, the rank's part of it."""
    op, ranks = case.workload, case.ranks
    if op in ("allreduce", "reduce"):
        return reduced(case, slot) if op == "allreduce" or rank == case.root else None
    if op == "reduce_scatter":
        return part(reduced(case, slot), rank, ranks)
    if op in ("allgather", "gather"):
        joined = np.concatenate([data(case, each, slot) for each in range(ranks)])
        return joined if op == "allgather" or rank == case.root else None
    if op == "scatter":
        return part(data(case, case.root, slot), rank, ranks)
    if op == "alltoall":
        return np.concatenate([part(data(case, each, slot), rank, ranks) for each in range(ranks)])
    if op == "sendrecv":
        return data(case, (rank - 1) % ranks, slot)
    if op == "bidirectional":
        return data(case, 1 - rank, slot) if rank < 2 else None
    if op == "bcast":
        return data(case, case.root, slot)
    return data(case, 0, slot) if rank == 1 or (op == "pingpong" and rank == 0) else None


def wrong(fabric: Torch, case: Case) -> str:
    """Run one case for a few rounds and through `execute`; what is wrong with its outputs, or ""."""
    rank, kind = fabric.world.rank, NUMPY_DTYPES[case.dtype]
    needed = dict(zip(("in", "out"), lengths(case, kind.itemsize), strict=True))
    slots = [{name: fabric.alloc((n,), case.dtype) for name, n in needed.items()} for _ in range(SLOTS)]
    plan = fabric.prepare(case, slots)
    for batch in (1, 3):
        for slot, buffers in enumerate(slots):
            fabric.write(buffers["in"], data(case, rank, slot))
            buffers["out"].fill(POISON)
        stamps = fabric.run_rounds(plan, ROUNDS, batch)
        if stamps.shape != (ROUNDS, 2) or (np.diff(stamps.reshape(-1)) < 0).any():
            return f"{case.key}: stamps {stamps.tolist()}"
        for slot, buffers in enumerate(slots):
            if why := differs(fabric, case, slot, buffers):
                return f"{case.key}: batch {batch}, {why}"
    slots[1]["out"].fill(POISON)
    fabric.execute(plan, 1)
    why = differs(fabric, case, 1, slots[1])
    fabric.release(plan)
    return f"{case.key}: executed, {why}" if why else ""


def differs(fabric: Torch, case: Case, slot: int, buffers: dict[str, Vector]) -> str:
    rank, right = fabric.world.rank, expected(case, fabric.world.rank, slot)
    got = fabric.read(buffers["out"])
    if case.in_place:
        if right is None:
            return ""  # what a rank that receives nothing has in place is the library's to use
        if case.workload in ("reduce_scatter", "scatter"):
            got = part(got, rank, case.ranks)
    if right is None:
        right = np.full(len(got), POISON, got.dtype)
    if not np.array_equal(right, got):
        at = int(np.flatnonzero(right != got)[0])
        return f"slot {slot} at {at}: expected {right[at]}, got {got[at]}"
    if not np.array_equal(data(case, rank, slot), fabric.read(buffers["in"])):
        return f"slot {slot}: the input changed"
    return ""


def asked(ranks: int, op: str, dtype: str, size_bytes: int, parameters: dict[str, Any]) -> Case:
    return Case(op, dtype, (size_bytes,), {"ranks": ranks, **parameters})


def run_cases(fabric: Torch, cases: list[list[Any]]) -> list[str]:
    """What is wrong with each case that went wrong."""
    found = [wrong(fabric, asked(fabric.world.size, *each)) for each in cases]
    return [each for each in found if each]


def early_leavers(fabric: Torch, rounds: int) -> list[list[int]]:
    """Stamps of barriers that one rank, a different one each time, enters late."""
    plan = fabric.prepare(asked(fabric.world.size, "barrier", "byte", 0, {}), [{}])
    stamps = []
    for i in range(rounds):
        if i % fabric.world.size == fabric.world.rank:
            time.sleep(0.005)
        entered = time.monotonic_ns()
        fabric.execute(plan, 0)
        stamps.append([entered, time.monotonic_ns()])
    return stamps


def starts(fabric: Torch, rounds: int) -> list[list[int]]:
    """Stamps of rounds of a barrier."""
    plan = fabric.prepare(asked(fabric.world.size, "barrier", "byte", 0, {}), [{}])
    return fabric.run_rounds(plan, rounds).tolist()


def goes_missing(fabric: Torch, how: str, patience_s: float) -> str:
    """Rank 1 takes part once, or never, and is gone; what the others are told."""
    plan = fabric.prepare(
        asked(fabric.world.size, "allreduce", "fp32", 8, {}),
        [{name: fabric.alloc((2,), "fp32") for name in ("in", "out")}],
    )
    if how != "never comes":
        fabric.execute(plan, 0)
    if fabric.world.rank == 1:
        if how == "dies":
            os._exit(0)
        time.sleep(patience_s)
        os._exit(0)
    try:
        fabric.run_rounds(plan, 3)
    except InvalidRun as error:
        return str(error)
    return "no error"


def told(fabric: Torch) -> dict[str, Any]:
    """What this rank can do, and what it says of itself."""
    return {"operations": fabric.operations(), "described": fabric.describe()}


def main() -> None:
    rank, size, body, arguments = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    Torch.timeout_s = float(os.environ.get("TEST_TIMEOUT_S", Torch.timeout_s))
    fabric = Torch(World(rank, size, lambda mine: [mine], size > len(cores)), "gloo")
    answer = globals()[body](fabric, *json.loads(arguments))
    fabric.close()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
