"""The ranks of the test worlds: `python ranks.py RANK SIZE BODY JSON-ARGUMENTS`.

What is right is right on any fabric: `mpi_ranks.py` and `torch_ranks.py` ask theirs the same.
"""

from __future__ import annotations

import itertools
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
from zbench.fabrics.base import WINDOWED, Fabric, World, group, window
from zbench.fabrics.planned import rows
from zbench.fabrics.shm import Shm
from zbench.routing import count_matrix
from zbench.schedules.trace import difference

SLOTS = 2
ROUNDS = 3


def case(op: str, dtype: str, size_bytes: int, ranks: int, **settings: int | str) -> Case:
    return Case(op, dtype, (size_bytes,), {"ranks": ranks, **settings})


def data(rank: int, slot: int, count: int, dtype: str) -> NDArray[Any]:
    """Exact integers that no other rank or slot has at the same place; few bits, so that sums of eight are
    exact in any dtype or wrap alike."""
    return ((np.arange(count) * 7 + rank * 131 + slot * 37) % 31).astype(NUMPY_DTYPES[dtype])


COMBINE = {
    "sum": np.add,
    "prod": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "band": np.bitwise_and,
    "bor": np.bitwise_or,
    "bxor": np.bitwise_xor,
}


def edges(asked: Case, parts: int) -> list[int]:
    """Where parts begin: cut evenly, the first ones an element longer."""
    count = asked.size[0] // NUMPY_DTYPES[asked.dtype].itemsize
    return [part * (count // parts) + min(part, count % parts) for part in range(parts + 1)]


def operand(asked: Case, rank: int, slot: int) -> NDArray[Any]:
    """What a rank brings."""
    count = asked.size[0] // NUMPY_DTYPES[asked.dtype].itemsize
    if asked.workload in WINDOWED:
        count *= window(asked.size[0])
    if asked.workload in ("allgather", "gather"):
        bounds = edges(asked, asked.ranks)
        count = bounds[rank + 1] - bounds[rank]
    own = data(rank, slot, count, asked.dtype)
    if asked.redop == "prod":
        own = (own.astype(np.int64) % 3).astype(own.dtype)  # products stay exact
    return own


def expected(asked: Case, rank: int, slot: int) -> NDArray[Any] | None:
    """What the definition leaves in `out`; None: it stays as it was."""
    op, ranks, root = asked.workload, asked.ranks, asked.root
    operands = [operand(asked, peer, slot) for peer in range(ranks)]
    redop = asked.redop
    combine = COMBINE.get(redop, np.add)
    bounds = edges(asked, ranks)
    mine = slice(bounds[rank], bounds[rank + 1])
    if op in ("allreduce", "reduce", "reduce_scatter"):
        total = reduce(combine, operands)
        if redop == "avg":
            total = (total.astype(np.float64) / ranks).astype(total.dtype)
        return total[mine] if op == "reduce_scatter" else total if op == "allreduce" or rank == root else None
    if op in ("scan", "exscan"):
        below = operands[: rank + (op == "scan")]
        return reduce(combine, below) if below else None
    if op in ("allgather", "gather"):
        return np.concatenate(operands) if op == "allgather" or rank == root else None
    if op == "alltoall":
        return np.concatenate([each[mine] for each in operands])
    if op == "alltoallv":
        matrix = count_matrix(asked)
        return np.concatenate(
            [operands[i][sum(row[:rank]) : sum(row[: rank + 1])] for i, row in enumerate(matrix)]
        )
    if op == "scatter":
        return operands[root][mine]
    if op == "bcast":
        return operands[root]
    if op == "sendrecv":
        return operands[(rank - 1) % ranks]
    if op == "pingpong":
        return operands[0] if rank < 2 else None
    if op == "bidirectional":
        return operands[1 - rank] if rank < 2 else None
    return operands[0] if rank == 1 else None


def out_elements(asked: Case) -> int:
    """A rank's `out`, as large as any rank's."""
    count = asked.size[0] // NUMPY_DTYPES[asked.dtype].itemsize
    if asked.workload in WINDOWED:
        return count * window(asked.size[0])
    if asked.workload == "alltoallv":
        return count * asked.ranks
    if asked.workload in ("reduce_scatter", "scatter") and asked.get("inplace") == "no":
        return edges(asked, asked.ranks)[1]
    return count


def wrong(
    fabric: Fabric,
    asked: Case,
    algorithm: str | None,
    registered: bool,
    members: tuple[int, ...] | None = None,
) -> str:
    """Run one case for a few rounds and through `execute`; what is wrong with its outputs, or ""."""
    rank, kind = group(fabric.world, members).index(fabric.world.rank), NUMPY_DTYPES[asked.dtype]
    in_place = asked.in_place
    count = out_elements(asked)
    alloc = fabric.alloc if registered else lambda shape, _: np.empty(shape, kind)
    slots = [
        {"in": alloc(operand(asked, rank, slot).shape, asked.dtype), "out": alloc((count,), asked.dtype)}
        for slot in range(SLOTS)
    ]
    plan = fabric.prepare(asked, slots, algorithm, members)
    label = f"{asked.key} {algorithm} {'registered' if registered else 'private'}"
    for batch in (1, 2) if in_place else (1, 3, None):  # only rounds put an operand back into its place
        for slot, buffers in enumerate(slots):
            fabric.write(buffers["in"], operand(asked, rank, slot))
            buffers["out"].fill(99)
        if batch is None:
            for slot in range(SLOTS):
                fabric.execute(plan, slot)
        else:
            stamps = fabric.run_rounds(plan, ROUNDS, batch)
            if stamps.shape != (ROUNDS, 2) or (np.diff(stamps.reshape(-1)) < 0).any():
                return f"{label}: stamps {stamps.tolist()}"
        for slot, buffers in enumerate(slots):
            right = expected(asked, rank, slot)
            got = fabric.read(buffers["out"])
            if in_place and asked.workload in ("reduce_scatter", "scatter"):
                got = got[slice(*edges(asked, asked.ranks)[rank : rank + 2])]
            elif right is None and not in_place:
                right = np.full(count, 99, kind)
            if right is not None and not np.array_equal(right, got[: right.size]):
                at = int(np.flatnonzero(right != got[: right.size])[0])
                return f"{label}: slot {slot} at {at}: expected {right[at]}, got {got[at]}"
            if right is not None and not in_place and (got[right.size :] != 99).any():
                return f"{label}: slot {slot}: what lies behind the result changed"
            if not np.array_equal(operand(asked, rank, slot), fabric.read(buffers["in"])):
                return f"{label}: slot {slot}: the input changed"
    fabric.execute(plan, 1)
    fabric.release(plan)
    return ""


def run_cases(
    fabric: Fabric, cases: list[tuple[str, str, int, dict[str, Any], str | None, bool]]
) -> list[str]:
    """What is wrong with each case that went wrong."""
    ranks = fabric.world.size
    found = [
        wrong(fabric, case(op, dtype, size, ranks, **settings), algorithm, registered)
        for op, dtype, size, settings, algorithm, registered in cases
    ]
    return [each for each in found if each]


def run_plainly(fabric: Fabric, cases: list[tuple[str, str, int, dict[str, Any]]]) -> list[str]:
    """The same of a library that chooses its algorithms itself, on its own buffers."""
    return run_cases(fabric, [(*each, None, True) for each in cases])


def run_traced(fabric: Shm, cases: list[tuple[str, str, int, dict[str, Any], str | None, bool]]) -> list[str]:
    """Of each case, where its execution was not what its schedule says."""
    found = []
    for op, dtype, size, settings, algorithm, registered in cases:
        asked = case(op, dtype, size, fabric.world.size, **settings)
        kind, rank = NUMPY_DTYPES[dtype], fabric.world.rank
        alloc = fabric.alloc if registered else lambda shape, _, kind=kind: np.empty(shape, kind)
        sizes = {"in": operand(asked, rank, 0).size, "out": out_elements(asked)}
        plan = fabric.prepare(asked, [{n: alloc((k,), dtype) for n, k in sizes.items()}], algorithm)
        told = difference(rows(asked, plan.algorithm, rank), fabric.trace(plan, 0))
        found += [f"{asked.key} {plan.algorithm}: {told}"] if told else []
    return found


CHUNK = 1 << 24
PERIOD = 8191
"""Prime, so that no power of two brings the same data to two places."""


def large(fabric: Fabric, op: str, dtype: str, size_bytes: int) -> str:
    """One round of a vector too long for 32 bits, every element of it checked; what is wrong, or ""."""
    asked, rank = case(op, dtype, size_bytes, fabric.world.size), fabric.world.rank
    kind = NUMPY_DTYPES[dtype]
    count = size_bytes // kind.itemsize
    tile = (np.arange(PERIOD + CHUNK) % PERIOD % 127).astype(kind)
    slot = {name: fabric.alloc((count,), dtype) for name in ("in", "out")}
    for at in range(0, count, CHUNK):
        slot["in"][at : at + CHUNK] = tile[at % PERIOD :][: min(CHUNK, count - at)] * (rank + 1)
    plan = fabric.prepare(asked, [slot])
    fabric.run_rounds(plan, 1)
    factor = 1 if op == "bcast" else sum(range(1, asked.ranks + 1))
    for at in range(0, count, CHUNK):
        right = tile[at % PERIOD :][: min(CHUNK, count - at)] * factor
        wrong = np.flatnonzero(right != slot["out"][at : at + CHUNK])
        if wrong.size:
            return f"{asked.key}: wrong at {at + wrong[0]}"
    return ""


def run_groups(
    fabric: Fabric, cases: list[list[tuple[list[int], str, str, int, dict[str, Any]]]]
) -> list[str]:
    """Of each list of groups that run side by side, what went wrong with this rank's."""
    found = []
    for groups in cases:
        (own,) = (each for each in groups if fabric.world.rank in each[0])
        members, op, dtype, size, settings = own
        asked = case(op, dtype, size, len(members), **settings)
        found.append(wrong(fabric, asked, None, True, tuple(members)))
    return [each for each in found if each]


def differ_in_group(fabric: Shm, sizes: list[int], cuts: list[int]) -> str:
    """Two pairs, (0, 1) and (2, 3), of which each rank sends so many bytes. The world is cut so twice; whose
    plan each rank runs. What it is told."""
    rank = fabric.world.rank
    members = (0, 1) if rank < 2 else (2, 3)
    slots = [{name: fabric.alloc((sizes[rank],), "byte") for name in ("in", "out")}]
    plans = [fabric.prepare(case("sendrecv", "byte", sizes[rank], 2), slots, None, members) for _ in range(2)]
    try:
        fabric.run_rounds(plans[cuts[rank]], 5)
    except InvalidRun as error:
        return str(error)
    return "no error"


def early_leavers(fabric: Fabric, algorithm: str | None, rounds: int) -> list[list[int]]:
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


def differ(fabric: Shm, asked: list[tuple[str, str, int, dict[str, Any], str | None]], rounds: bool) -> str:
    """Barriers, then each rank's own (op, dtype, bytes, parameters, algorithm); what the rank is told."""
    rank, ranks = fabric.world.rank, fabric.world.size
    barrier = fabric.prepare(case("barrier", "byte", 0, ranks), [{}])
    op, dtype, size_bytes, parameters, algorithm = asked[rank]
    kind = NUMPY_DTYPES[dtype]
    elements = (window(size_bytes) if op in WINDOWED else 1) * size_bytes // kind.itemsize
    slots = [{name: fabric.alloc((elements,), dtype) for name in ("in", "out")}]
    own = fabric.prepare(Case(op, dtype, (size_bytes,), {"ranks": ranks} | parameters), slots, algorithm)
    try:
        for _ in range(3):
            fabric.execute(barrier, 0)
        if rounds:
            fabric.run_rounds(own, 5)
        else:
            fabric.execute(own, 0)
        fabric.execute(barrier, 0)
    except InvalidRun as error:
        return str(error)
    return "no error"


def barriers(fabric: Shm, silent: list[int]) -> str:
    """Barriers without end, of which the silent ranks enter ten; what the others are told."""
    plan = fabric.prepare(case("barrier", "byte", 0, fabric.world.size), [{}])
    try:
        for number in itertools.count():
            if number == 10:
                print("ten", file=sys.stderr, flush=True)
                if fabric.world.rank in silent:
                    time.sleep(3600)
            fabric.execute(plan, 0)
    except InvalidRun as error:
        return str(error)
    return "no error"


def last_words(fabric: Shm) -> list[str]:
    """Rank 0 sends to rank 1 and ends; rank 1, later, takes what it sent, then waits for more."""
    plan = fabric.prepare(
        case("bcast", "byte", 8, 2), [{k: np.zeros(8, np.uint8) for k in ("in", "out")}], "direct"
    )
    told = []
    for number in range(2):
        if fabric.world.rank == 1:
            time.sleep(0.5)
        elif number == 1:
            break
        try:
            fabric.execute(plan, 0)
            told.append("")
        except InvalidRun as error:
            told.append(str(error))
    return told


def cores_used(fabric: Shm, seconds: float) -> float:
    """Rank 0 comes late to a barrier; the share of a core that the others take meanwhile."""
    plan = fabric.prepare(case("barrier", "byte", 0, fabric.world.size), [{}])
    fabric.execute(plan, 0)
    if fabric.world.rank == 0:
        time.sleep(seconds)
    began = time.process_time()
    fabric.execute(plan, 0)
    return (time.process_time() - began) / seconds


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
