"""How a case becomes a rank's plan: the algorithm by default, its chunks, its layout. Pure."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.fabrics.base import WINDOWED, window
from zbench.routing import count_matrix
from zbench.schedules.action import Span
from zbench.schedules.compile import compile_plan, digest, plan_hash
from zbench.schedules.layout import Layout, by_counts, even
from zbench.schedules.operation import NOTHING, OPERATIONS, Who, held
from zbench.schedules.table import ALGORITHMS, Scaling, steps

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
