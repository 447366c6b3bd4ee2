"""What shared memory takes, and how a case becomes a rank's plan: algorithm, chunks, layout. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.errors import Unsupported
from zbench.fabrics.base import WINDOWED, window
from zbench.routing import count_matrix
from zbench.schedules.action import Span
from zbench.schedules.compile import compile_plan, digest, plan_hash
from zbench.schedules.layout import Layout, by_counts, even
from zbench.schedules.operation import NOTHING, OPERATIONS, Who, held
from zbench.schedules.table import ALGORITHMS, Scaling, steps

INTEGERS = ("int8", "uint8", "int32", "uint32", "int64", "uint64")
BITWISE = ("band", "bor", "bxor")
"""What takes integers only."""
REDOPS = ("sum", "prod", "min", "max", *BITWISE, "avg")
SUMMED = ("fp64", "fp32", "fp16", "bf16", *INTEGERS)
POINT_TO_POINT = ("pingpong", "unidirectional", "bidirectional", "message_rate")
NOT_IN_PLACE = (*POINT_TO_POINT, "barrier", "alltoallv")
"""What has no operand to find where its result goes; the buffers of an alltoallv differ in size."""

SHORT_BYTES = 64 << 10
"""Up to here fewer waits win over fewer bytes."""
SHORT_BYTES_OVERSUBSCRIBED = 16 << 10
"""... where ranks share cores: at 64 KiB all vectors on all of 8 ranks take three times as long as
recursive doubling, at 16 KiB about as long."""
CHUNK_BYTES = 512 << 10
"""A rank's part of a chunk of an allreduce: it stays in the L2 cache with its operands, so that the
second pass over it does not go to memory."""
PIECE_BYTES = 64 << 10
"""A chunk of a pipeline: long enough that its message costs little, short enough that the next begins."""
PIECES_MAX = 64
"""... but no more chunks than this, so that plans stay short."""
PIPELINED = ("chain", "double-tree", "binomial")


def check(case: Case, offers: Mapping[str, tuple[str, ...]], ranks: int) -> None:
    """Refuse what `ranks` ranks cannot do. Raises Unsupported."""
    paired = case.workload in POINT_TO_POINT
    if case.workload not in offers or (paired and ranks < 2):
        raise Unsupported(f"shm: {case.workload} {'needs two ranks' if paired else 'is not offered'}")
    if case.dtype not in offers[case.workload]:
        takes = ", ".join(offers[case.workload])
        raise Unsupported(f"shm: {case.workload} takes {takes}, not {case.dtype}")
    if case.ranks != ranks:
        raise Unsupported(f"shm: {case.key} in a world of {ranks} ranks")
    item_bytes = NUMPY_DTYPES[case.dtype].itemsize
    if len(case.size) != 1 or case.size[0] % item_bytes:
        raise Unsupported(f"shm: {case.key}: the size must be a whole number of elements, in bytes")
    if case.workload == "alltoall" and case.size[0] % (item_bytes * case.ranks):
        raise Unsupported(f"shm: {case.key}: the size must divide by {item_bytes * case.ranks} bytes")
    if case.redop not in REDOPS or (case.redop in BITWISE and case.dtype not in INTEGERS):
        raise Unsupported(f"shm: {case.key}: no such reduction of {case.dtype}")
    if not 0 <= case.root < case.ranks:
        raise Unsupported(f"shm: {case.key}: no such root in a world of {case.ranks} ranks")


def by_default(case: Case, oversubscribed: bool) -> str:
    """Fewest waits where they dominate, above all where each costs a turn of the scheduler; fewest bytes
    otherwise. Of many ranks on a core each has its turn to add, so that those that add less win again."""
    short = case.size[0] <= SHORT_BYTES
    if case.workload != "allreduce":
        return "direct" if short or oversubscribed else ""
    if oversubscribed and case.size[0] <= SHORT_BYTES_OVERSUBSCRIBED:
        return "direct"
    return "recursive-doubling" if short else "ring"


def rows(case: Case, algorithm: str, rank: int) -> NDArray[Any]:
    """One rank's plan."""
    who, pieces = Who(case.ranks, rank, case.root), chunks(case, algorithm)
    own = steps(case.workload, algorithm, *who, chunks=pieces, in_place=case.in_place, scaling=scaling(case))
    return compile_plan(
        own, layout(case, who, ALGORITHMS[case.workload][algorithm].blocks(who.ranks, pieces))
    )


def among(rows: NDArray[Any], members: tuple[int, ...]) -> NDArray[Any]:
    """The same plan for a group: its rank i is the world's members[i]."""
    renamed = rows.copy()
    named = rows["peer"] >= 0
    renamed["peer"][named] = np.array(members)[rows["peer"][named]]
    return renamed


def hash_of_all(case: Case, algorithm: str) -> str:
    """The name of the plans of all ranks together."""
    return plan_hash(digest(rows(case, algorithm, rank), case.dtype) for rank in range(case.ranks))


def redop(case: Case) -> str:
    """What its plan combines by."""
    return case.redop if scaling(case) == "no" else "sum"


def chunks(case: Case, algorithm: str) -> int:
    """Messages of a window, or parts in which a long vector is worked off."""
    if case.workload in WINDOWED:
        return window(case.size[0])
    if not ALGORITHMS[case.workload][algorithm].chunked:
        return 1
    if algorithm in PIPELINED:
        return min(PIECES_MAX, max(1, case.size[0] // PIECE_BYTES))
    if case.workload == "allreduce":
        return max(1, case.size[0] // (CHUNK_BYTES * case.ranks))
    return 1


def scaling(case: Case) -> Scaling:
    """An average of floats scales what is added, so that the sum cannot overflow; integers would lose what is
    below the number of ranks (NCCL's ncclAvg does the same)."""
    if case.redop != "avg":
        return "no"
    return "first" if case.dtype in FLOATS else "last"


def layout(case: Case, who: Who, blocks: int) -> Layout:
    item_bytes = NUMPY_DTYPES[case.dtype].itemsize
    if case.workload == "alltoallv":
        return by_counts(who, count_matrix(case), item_bytes)
    messages = window(case.size[0]) if case.workload in WINDOWED else 1
    elements = messages * case.size[0] // item_bytes
    return even(case.workload, who, blocks, elements, item_bytes, case.in_place)


def operand_in_place(case: Case, rank: int) -> tuple[int, int] | None:
    """(offset in `out`, bytes) of what a rank brings to an operation in place; None: nothing."""
    operation, who = OPERATIONS[case.workload], Who(case.ranks, rank, case.root)
    if not case.in_place or operation.reads(who) is NOTHING:
        return None
    blocks = who.ranks if operation.parts else 1
    span = held(operation.reads(who), who, blocks)
    place = layout(case, who, blocks)
    where = Span("out", span.start, len(span))
    return place.offset(where), place.size(where)
