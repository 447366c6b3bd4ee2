"""What a case is to MPI: which call with which counts, on which parts of the buffers. Pure."""

from __future__ import annotations

from itertools import pairwise

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.fabrics.base import WINDOWED, window
from zbench.native.mpi import Call
from zbench.routing import count_matrix
from zbench.schedules.layout import even
from zbench.schedules.operation import Who

REDUCING = ("reduce", "allreduce", "reduce_scatter", "scan", "exscan")
MOVING = ("bcast", "allgather", "gather", "scatter", "alltoall", "alltoallv", "sendrecv")
PART_IN, PART_OUT = ("allgather", "gather"), ("reduce_scatter", "scatter")
"""Whose `in` or `out` is one rank's part of the vector."""
NOT_IN_PLACE = ("alltoallv",)
"""Where a part would land on another that is yet to be sent; MPI moves it through memory of its own."""
ROOTED = ("bcast", "reduce", "gather", "scatter")
SENT_BY_ROOT = ("bcast", "scatter")
EVERYWHERE = ("fp64", "fp32", "int8", "uint8", "int32", "uint32", "int64", "uint64")
"""What every MPI reduces; some also the narrow floats."""


def call(case: Case, rank: int) -> Call:
    """As one rank makes it."""
    item_bytes = NUMPY_DTYPES[case.dtype].itemsize
    elements = case.size[0] // item_bytes
    offsets = even("allreduce", Who(case.ranks, rank, 0), case.ranks, elements, item_bytes).vector
    own = offsets[rank], offsets[rank + 1]
    input_bytes = own[1] - own[0] if case.workload in PART_IN else offsets[-1]
    counts = tuple((end - start) // item_bytes for start, end in pairwise(offsets))
    received: tuple[int, ...] = ()
    if case.workload == "alltoallv":
        matrix = count_matrix(case)
        counts, received = tuple(matrix[rank]), tuple(row[rank] for row in matrix)
    messages = window(case.size[0]) if case.workload in WINDOWED else 1
    if not _sends(case, rank):
        input_bytes = 0
    return Call(
        operation=case.workload,
        dtype=case.dtype,
        operator=case.redop if case.workload in REDUCING else "sum",
        root=case.root,
        in_place=case.in_place,
        window=messages,
        elements=elements,
        item_bytes=item_bytes,
        counts=counts,
        input_bytes=messages * input_bytes,
        input_place=own[0] if case.workload in PART_IN else 0,
        received=received,
    )


def most_elements(case: Case) -> int:
    """That any rank sends or gets in one call: a count, and where a part begins, are an int of C."""
    sent = case.size[0] // NUMPY_DTYPES[case.dtype].itemsize
    if case.workload != "alltoallv":
        return sent
    return max(sent, *map(sum, zip(*count_matrix(case), strict=True)))


def _sends(case: Case, rank: int) -> bool:
    """Whether a rank's `in` goes anywhere; in place, whether it must stand in `out` before."""
    if case.workload in ("pingpong", "unidirectional", "message_rate"):
        return rank == 0
    if case.workload == "bidirectional":
        return rank < 2
    if case.workload in SENT_BY_ROOT and not (case.workload == "bcast" and case.in_place):
        return rank == case.root
    return True


def needed(case: Case, call: Call, rank: int) -> dict[str, int]:
    """Bytes of a slot's buffers on this rank."""
    part = call.counts[rank] * call.item_bytes
    whole = call.elements * call.item_bytes * call.window
    if case.workload == "alltoallv":
        return {"in": whole, "out": sum(call.received) * call.item_bytes}
    out_is_part = case.workload in PART_OUT and not call.in_place
    return {"in": part if case.workload in PART_IN else whole, "out": part if out_is_part else whole}
