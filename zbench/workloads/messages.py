"""Point-to-point and collective operations; the definitions of OSU, IMB and nccl-tests.

`size` is the bytes of one message, and for a collective those of the whole vector, of which a rank may hold
a part (`schedules.operation`). All data are exact integers, so that every answer is compared bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from zbench.case import Case
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.fabrics.base import WINDOWED, window
from zbench.routing import count_matrix
from zbench.schedules.operation import OPERATIONS, PART, Extent, Who, held
from zbench.workloads.base import (
    INTEGER_LIMIT,
    INTEGER_PERIOD,
    UNIT_ROUNDOFF,
    Answer,
    Array,
    Buffer,
    Finding,
    Workload,
    equal,
    generator,
    integers,
)

EXACT_UP_TO = {"fp16": 2**11, "bf16": 2**8}
"""Integers that a narrow float still holds, so that sums of fewer are exact in any order."""
FACTORS = (-1, 1, 2)
"""What products are made of: they stay exact."""

COMBINE: dict[str, Callable[[Array, Array], Array]] = {
    "sum": np.add,
    "prod": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "avg": np.add,
    "band": np.bitwise_and,
    "bor": np.bitwise_or,
    "bxor": np.bitwise_xor,
}


PERFORMED = {"pipelined": "message_rate"}
"""What a fabric does for a workload where that is another one's operation, read as another metric."""


def performed(case: Case) -> Case:
    """What the fabric is asked to do."""
    name = PERFORMED.get(case.workload, case.workload)
    return Case(name, case.dtype, case.size, case.parameters)


def elements(case: Case) -> int:
    """Of the whole vector."""
    messages = window(case.size[0]) if case.workload in WINDOWED else 1
    return messages * case.size[0] // NUMPY_DTYPES[case.dtype].itemsize


def edges(case: Case) -> list[int]:
    """Where each rank's part of the vector begins, and the last one ends; one where there are no parts."""
    parts = case.ranks if OPERATIONS[case.workload].parts else 1
    length, longer = divmod(elements(case), parts)
    return [part * length + min(part, longer) for part in range(parts + 1)]


def held_elements(case: Case, extent: Extent) -> int:
    """The most that a rank holds of a buffer."""
    if extent is PART:
        return edges(case)[1]
    return elements(case)


def buffers(case: Case) -> dict[str, Buffer]:
    """The same on every rank, those that are not used included. In place, `out` holds the vector, and `in`
    what is put into it before each round."""
    case = performed(case)
    operation = OPERATIONS[case.workload]
    everyone = Who(case.ranks, 0, 0)  # a root has no less than others
    reads = held_elements(case, operation.reads(everyone))
    writes = elements(case) if case.in_place else held_elements(case, operation.writes(everyone))
    if case.workload == "alltoallv":
        matrix = count_matrix(case)
        writes = max(sum(row[rank] for row in matrix) for rank in range(case.ranks))
    return {"in": Buffer((reads,), case.dtype), "out": Buffer((writes,), case.dtype, output=True)}


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    count = buffers(case)["in"].shape[0]
    return {"in": _operand(generator(seed, rank), count, case)}


def _operand(rng: np.random.Generator, count: int, case: Case) -> Array:
    redop, kind = case.redop, NUMPY_DTYPES[case.dtype]
    if redop == "prod":
        return np.resize(rng.choice(FACTORS, INTEGER_PERIOD).astype(kind), count)
    if case.dtype in EXACT_UP_TO:
        limit = max(1, EXACT_UP_TO[case.dtype] // case.ranks)
        return np.resize(rng.integers(-limit, limit + 1, INTEGER_PERIOD).astype(kind), count)
    return integers(rng, count, case.dtype)


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    """What stands in `out`, against what the definition of the operation wants there, bit by bit."""
    case, name, out = performed(answer.case), f"rank {answer.rank}: out", answer.outputs["out"]
    expected = result(case, answer.seed, answer.rank)
    if expected is None:
        return Finding(True, 0.0)
    begin = edges(case)[answer.rank] if case.in_place and _is_part(case, answer.rank) else 0
    got = out[begin : begin + expected.size]
    if case.redop == "avg" and case.dtype in FLOATS:
        return _near(name, expected, got, case)
    return equal(name, expected, got)


def _is_part(case: Case, rank: int) -> bool:
    return OPERATIONS[case.workload].writes(_who(case, rank)) is PART


def _who(case: Case, rank: int) -> Who:
    return Who(case.ranks, rank, case.root)


def result(case: Case, seed: int, rank: int) -> Array | None:
    """What the operation leaves on a rank, from the inputs of all; None: nothing."""
    operation, who = OPERATIONS[case.workload], _who(case, rank)
    parts = case.ranks if operation.parts else 1
    blocks = held(operation.writes(who), who, parts)
    contents = [operation.result(who, block, 1) for block in blocks]
    if not contents or any(content is None for content in contents):
        return None
    inputs: dict[int, Array] = {}
    pieces = []
    for content in contents:
        assert content is not None
        for source in content.ranks - inputs.keys():
            inputs[source] = fill(case, seed, source)["in"]
        operands = [inputs[source][_slice(case, source, content.block)] for source in sorted(content.ranks)]
        pieces.append(combined(case, operands))
    return np.concatenate(pieces)


def _slice(case: Case, rank: int, block: int) -> slice:
    """A block of the vector in a rank's `in`."""
    if case.workload == "alltoallv":
        row = count_matrix(case)[rank]
        return slice(sum(row[:block]), sum(row[: block + 1]))
    bounds = edges(case)
    if OPERATIONS[case.workload].reads(_who(case, rank)) is PART:
        return slice(0, bounds[block + 1] - bounds[block])
    return slice(bounds[block], bounds[block + 1])


def combined(case: Case, operands: list[Array]) -> Array:
    """Their reduction in the order of ranks; an average of floats in fp64."""
    redop = case.redop
    if len(operands) == 1 and not OPERATIONS[case.workload].sums:
        return operands[0]
    if redop == "avg" and case.dtype in FLOATS:
        wide = np.sum([operand.astype(np.float64) for operand in operands], axis=0) / case.ranks
        return np.asarray(wide)
    with np.errstate(over="ignore"):
        total = reduce(COMBINE[redop], operands)
    return np.asarray(np.trunc(total / case.ranks).astype(total.dtype) if redop == "avg" else total)


def _near(name: str, expected: Array, got: Array, case: Case) -> Finding:
    """Within the rounding of each operand's division and of each addition: |x| <= 1000 of p of them."""
    tolerance = 2 * case.ranks * UNIT_ROUNDOFF[case.dtype] * INTEGER_LIMIT
    wrong = np.flatnonzero(~(np.abs(got.astype(np.float64) - expected) <= tolerance))
    if not wrong.size:
        return Finding(True, tolerance)
    first = int(wrong[0])
    return Finding(
        False,
        tolerance,
        f"{name}: {wrong.size} of {got.size} averages are wrong, the first at {first}: "
        f"expected {expected[first]}, got {got[first]}",
    )


def no_data(case: Case, seed: int, rank: int) -> dict[str, Array]:
    return {}


def no_output(answer: Answer, rng: np.random.Generator) -> Finding:
    """A barrier moves no data; that nobody left early is read from the stamps of all ranks."""
    return Finding(True, 0.0)


def seconds(case: Case, ns: float) -> float:
    return ns / 1e9


def message_bandwidth(case: Case, ns: float) -> float:
    """Bytes of one message over its time; `operations` counts the messages of an execution."""
    return case.size[0] / ns * 1e9


def busbw(factor: Callable[[int], float]) -> Callable[[Case, float], float]:
    """Bus bandwidth = size / t * factor (nccl-tests, doc/PERFORMANCE.md), so that wires can be
    compared whatever the number of ranks."""
    return lambda case, ns: case.size[0] / ns * 1e9 * factor(case.ranks)


def allreduce_factor(ranks: int) -> float:
    return 2 * (ranks - 1) / ranks


def others_share(ranks: int) -> float:
    """A rank's own part does not travel."""
    return (ranks - 1) / ranks


BUSBW_FACTORS: dict[str, Callable[[int], float]] = {
    "bcast": lambda ranks: 1.0,
    "reduce": lambda ranks: 1.0,
    "allreduce": allreduce_factor,
    "reduce_scatter": others_share,
    "allgather": others_share,
    "gather": others_share,
    "scatter": others_share,
    "alltoall": others_share,
    "alltoallv": others_share,
    "scan": lambda ranks: 1.0,
    "exscan": lambda ranks: 1.0,
    "sendrecv": lambda ranks: 1.0,
}
"""nccl-tests, doc/PERFORMANCE.md; scan and exscan, which it lacks, move a vector over each link once."""


def message(
    name: str,
    metric: str,
    unit: str,
    value: Callable[[Case, float], float],
    operations: Callable[[Case], int] = lambda case: 1,
    data: bool = True,
) -> Workload:
    return Workload(
        name=name,
        suite="fabric",
        metric=metric,
        unit=unit,
        better="lower" if unit == "s" else "higher",
        method="exact" if data else "stamps",
        buffers=buffers if data else lambda case: {},
        fill=fill if data else no_data,
        check=check if data else no_output,
        bytes=lambda case: case.size[0],
        operations=operations,
        value=value,
    )


def window_of(case: Case) -> int:
    return window(case.size[0])


MESSAGES = (
    # half the round trip: OSU osu_latency, IMB PingPong
    message("pingpong", "latency", "s", seconds, operations=lambda case: 2),
    message("unidirectional", "bandwidth", "B/s", message_bandwidth, operations=window_of),
    # both directions count: OSU osu_bibw
    message(
        "bidirectional",
        "bandwidth",
        "B/s",
        message_bandwidth,
        operations=lambda case: 2 * window_of(case),
    ),
    message("message_rate", "message_rate", "1/s", lambda case, ns: 1e9 / ns, operations=window_of),
    # a window one way, then an acknowledgement: what one message adds, and no latency
    message("pipelined", "pipelined_latency", "s", seconds, operations=window_of),
    message("barrier", "latency", "s", seconds, data=False),
    *(message(op, "busbw", "B/s", busbw(factor)) for op, factor in BUSBW_FACTORS.items()),
)
