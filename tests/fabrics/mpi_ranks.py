"""The ranks of MPI's test worlds: `mpi_ranks.py RANK-VARIABLE SIZE FOLDER BODY JSON-ARGUMENTS`.

Each leaves its answer in FOLDER, in a file named by its rank.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported, UsageError
from zbench.fabrics.base import WINDOWED, World, window
from zbench.fabrics.mpi import Mpi
from zbench.fabrics.mpi_calls import PART_IN, PART_OUT, REDUCING

SLOTS = 3
ROUNDS = 2
UNTOUCHED = 99
"""What `out` holds before."""
FUNCTIONS: dict[str, Any] = {
    "sum": np.add,
    "prod": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "band": np.bitwise_and,
    "bor": np.bitwise_or,
    "bxor": np.bitwise_xor,
}

Array = NDArray[Any]


def data(rank: int, slot: int, count: int, dtype: str, redop: str) -> Array:
    """Integers that no other rank or slot has at the same place, small enough to be exact in every dtype."""
    most = {"prod": 3, "sum": 15}.get(redop, 100)
    return ((np.arange(count) * 7 + rank * 131 + slot * 37) % most + 1).astype(NUMPY_DTYPES[dtype])


def bounds(count: int, ranks: int) -> list[int]:
    """Where each rank's part begins, and the vector ends: the first ones an element longer."""
    length, longer = divmod(count, ranks)
    return [rank * length + min(rank, longer) for rank in range(ranks + 1)]


def expected(case: Case, ins: list[Array], rank: int) -> tuple[int, Array | None]:
    """From which element on `out` holds what; None where this rank's is not written. `ins`: of all ranks."""
    op, ranks, root = case.workload, case.ranks, int(case.parameters.get("root", 0))
    function = FUNCTIONS[str(case.parameters.get("redop", "sum"))]
    at = bounds(case.size[0] // NUMPY_DTYPES[case.dtype].itemsize, ranks)
    own = slice(at[rank], at[rank + 1])
    start = own.start if case.parameters.get("inplace") == "yes" else 0
    if op in ("allreduce", "reduce"):
        return 0, functools.reduce(function, ins) if op == "allreduce" or rank == root else None
    if op in ("scan", "exscan"):
        before = ins[: rank + (op == "scan")]
        return 0, functools.reduce(function, before) if before else None
    if op == "reduce_scatter":
        return start, functools.reduce(function, ins)[own]
    if op == "bcast":
        return 0, ins[root]
    if op == "scatter":
        return start, ins[root][own]
    if op in ("allgather", "gather"):
        return 0, np.concatenate(ins) if op == "allgather" or rank == root else None
    if op == "alltoall":
        return 0, np.concatenate([each[own] for each in ins])
    if op == "sendrecv":
        return 0, ins[rank - 1]
    sources: dict[str, list[int]] = {"pingpong": [0, 0], "bidirectional": [1, 0]}
    source = dict(enumerate(sources.get(op, []))) or {1: 0}
    return 0, ins[source[rank]] if rank in source else None


def wrong(fabric: Mpi, op: str, dtype: str, size_bytes: int, parameters: dict[str, Any]) -> str:
    """Run one case for a few rounds and through `execute`; what is wrong with its outputs, or ""."""
    rank, ranks = fabric.world.rank, fabric.world.size
    kind = NUMPY_DTYPES[dtype]
    case = Case(op, dtype, (size_bytes,), {"ranks": ranks, **parameters})
    messages = window(size_bytes) if op in WINDOWED else 1
    count = messages * size_bytes // kind.itemsize
    at = bounds(count, ranks)
    in_place = parameters.get("inplace") == "yes"
    lengths = [at[r + 1] - at[r] if op in PART_IN else count for r in range(ranks)]
    out_count = at[rank + 1] - at[rank] if op in PART_OUT and not in_place else count
    redop = str(parameters.get("redop", "sum")) if op in REDUCING else ""
    slots = [
        {"in": fabric.alloc((lengths[rank],), dtype), "out": fabric.alloc((out_count,), dtype)}
        for _ in range(SLOTS)
    ]
    try:
        plan = fabric.prepare(case, slots)
    except Unsupported as error:
        return f"{case.key}: {error}"
    for executions in (1, 2, None):
        for slot, buffers in enumerate(slots):
            fabric.write(buffers["in"], data(rank, slot, lengths[rank], dtype, redop))
            buffers["out"].fill(UNTOUCHED)
        if executions is None:
            for slot in range(SLOTS):
                fabric.execute(plan, slot)
        else:
            stamps = fabric.run_rounds(plan, ROUNDS, executions)
            if stamps.shape != (ROUNDS, 2) or (np.diff(stamps.reshape(-1)) < 0).any():
                return f"{case.key}: stamps {stamps.tolist()}"
        used = min(SLOTS, SLOTS if executions is None else ROUNDS * executions)
        for slot, buffers in enumerate(slots[:used]):
            ins = [data(peer, slot, lengths[peer], dtype, redop) for peer in range(ranks)]
            first, right = expected(case, ins, rank)
            out = fabric.read(buffers["out"])
            if right is None and not in_place:
                right = np.full(out_count, UNTOUCHED, kind)
            if right is not None and not np.array_equal(right, got := out[first : first + len(right)]):
                wrongs = np.flatnonzero(right != got)
                where = f"{case.key} ({executions}): slot {slot} at {wrongs[0]}"
                return f"{where}: expected {right[wrongs[0]]}, got {got[wrongs[0]]}"
            if not np.array_equal(ins[rank], fabric.read(buffers["in"])):
                return f"{case.key}: slot {slot}: the input changed"
    fabric.release(plan)
    return ""


def run_cases(fabric: Mpi, cases: list[tuple[str, str, int, dict[str, Any]]]) -> list[str]:
    """What is wrong with each case that went wrong."""
    return [found for each in cases if (found := wrong(fabric, *each))]


def barriers(fabric: Mpi, rounds: int) -> list[list[int]]:
    """Stamps of rounds of barriers."""
    plan = fabric.prepare(Case("barrier", "byte", (0,), {"ranks": fabric.world.size}), [{}])
    stamps: list[list[int]] = fabric.run_rounds(plan, rounds).tolist()
    return stamps


def told(fabric: Mpi) -> dict[str, Any]:
    """What it says of itself, and of the floor."""
    ranks = fabric.world.size
    case = Case("allreduce", "fp32", (64,), {"ranks": ranks})
    buffers = {name: fabric.alloc((16,), "fp32") for name in ("in", "out")}
    return {
        "operations": fabric.operations(),
        "described": fabric.describe(),
        "variant": fabric.variant(fabric.prepare(case, [buffers])),
        "floor": fabric.probe(Case("pingpong", "byte", (8,), {"ranks": ranks})),
        "roof": fabric.probe(Case("allreduce", "fp32", (1 << 20,), {"ranks": ranks})),
        "unbounded": fabric.probe(Case("message_rate", "byte", (8,), {"ranks": ranks})),
    }


def refusals(fabric: Mpi, cases: list[tuple[str, str, int, dict[str, Any]]]) -> list[str]:
    """Why each case is not prepared; nothing where it is."""
    found = []
    for op, dtype, size_bytes, parameters in cases:
        case = Case(op, dtype, (size_bytes,), {"ranks": fabric.world.size, **parameters})
        small = {name: fabric.alloc((2,), "fp32") for name in ("in", "out")}
        try:
            fabric.prepare(case, [small], "ring" if op == "barrier" else None)
            found.append("")
        except (Unsupported, UsageError, ValueError) as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def main() -> None:
    variable, size, folder, body, arguments = sys.argv[1:]
    rank, ranks = int(os.environ[variable]), int(size)
    cores = sorted(os.sched_getaffinity(0))
    fabric = Mpi(World(rank, ranks, lambda mine: [mine], ranks > len(cores)))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    answer = globals()[body](fabric, *json.loads(arguments))
    (Path(folder) / str(rank)).write_text(json.dumps(answer))
    fabric.close()


if __name__ == "__main__":
    main()
