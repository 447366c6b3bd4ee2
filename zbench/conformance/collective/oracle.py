"""What every operation must leave, by MPI's definitions (MPI 4.1, chapter 6) and numpy alone: written apart
from the schedules and from the workloads' check, so that none of them is held against itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.declaration import PRECISIONS, CollectiveDeclaration
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.routing import count_matrix

Array = NDArray[Any]

MOVES = ("bcast", "allgather", "gather", "scatter", "alltoall", "sendrecv")
"""Operations that move and do not combine; of alltoallv, which does so, too, only a case knows the parts."""
PAIRS = ("pingpong", "unidirectional", "bidirectional", "message_rate")
"""Which move, too, between ranks 0 and 1; some of them a window of messages."""
REDUCTIONS = ("reduce", "allreduce", "reduce_scatter", "scan", "exscan")
ROOTED = ("bcast", "reduce", "gather", "scatter")
SAME_ON_ALL = ("bcast", "allgather", "allreduce")
"""Whose every rank gets the same bits."""
FOLDS: dict[str, np.ufunc] = {
    "sum": np.add,
    "avg": np.add,
    "prod": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "band": np.bitwise_and,
    "bor": np.bitwise_or,
    "bxor": np.bitwise_xor,
}
BITWISE = ("band", "bor", "bxor")
"""Of integers only."""


def parts(vector: Array, ranks: int) -> list[Array]:
    """The vector cut in parts that differ by one element at most, longer ones first."""
    return np.array_split(vector, ranks)


def part_of(count: int, ranks: int, rank: int) -> slice:
    """Where `parts` finds a rank's part of `count` elements."""
    length, longer = divmod(count, ranks)
    begin = rank * length + min(rank, longer)
    return slice(begin, begin + length + (rank < longer))


def operand_count(op: str, count: int, ranks: int, rank: int) -> int:
    """Elements that a rank brings, of `count` in the whole vector."""
    if op in ("allgather", "gather"):
        where = part_of(count, ranks, rank)
        return int(where.stop - where.start)
    return count


def moved(op: str, given: Sequence[Array], rank: int, root: int) -> Array | None:
    """What a rank must find after an operation of MOVES or PAIRS on all ranks' operands; None: its `out`
    stays."""
    ranks = len(given)
    if op in PAIRS:
        source = {"pingpong": 0, "bidirectional": 1 - rank}.get(op, 0 if rank == 1 else None)
        return None if source is None or rank > 1 else given[source]
    if op == "bcast":
        return given[root]
    if op == "allgather":
        return np.concatenate(given)
    if op == "gather":
        return np.concatenate(given) if rank == root else None
    if op == "scatter":
        return parts(given[root], ranks)[rank]
    if op == "alltoall":
        return np.concatenate([parts(each, ranks)[rank] for each in given])
    if op == "sendrecv":
        return given[(rank - 1) % ranks]
    raise ValueError(op)


def result(case: Case, given: Sequence[Array], rank: int) -> Array | None:
    """What a rank must find after a case on all ranks' operands; None: its `out` stays as it was.

    Sums and products of floats are rounded once: right to the bit only where nothing has to be rounded.
    """
    if case.workload == "alltoallv":
        matrix = count_matrix(case)
        return np.concatenate(
            [each[sum(row[:rank]) : sum(row[: rank + 1])] for each, row in zip(given, matrix, strict=True)]
        )
    if case.workload in MOVES:
        return moved(case.workload, given, rank, case.root)
    exact = reference(case, given, rank)
    kind = NUMPY_DTYPES[case.dtype]
    if exact is None or case.dtype not in FLOATS:
        return exact
    with np.errstate(over="ignore", invalid="ignore"):
        return exact.astype(np.float64).astype(kind)


def contributors(op: str, ranks: int, rank: int, root: int) -> range:
    """The ranks whose operands are in a rank's result of REDUCTIONS; none: its `out` stays as it was."""
    if op == "scan":
        return range(rank + 1)
    if op == "exscan":
        return range(rank)
    return range(ranks if op != "reduce" or rank == root else 0)


def combined(case: Case, given: Sequence[Array], rank: int) -> list[Array]:
    """The parts of operands of which a rank's result is made, in the order of ranks."""
    who = contributors(case.workload, len(given), rank, case.root)
    own = part_of(given[0].size, len(given), rank) if case.workload == "reduce_scatter" else slice(None)
    return [given[each][own] for each in who]


def reference(case: Case, given: Sequence[Array], rank: int) -> Array | None:
    """A rank's result: integers of its dtype, that wrap; floats as long double, whose own rounding is 2^-11
    of that of fp64 and less of any other. An average of integers is cut towards zero, as NCCL's is. The least
    and the greatest of floats follow IEEE 754-2019: a NaN is both, and -0 is less than 0."""
    operands = combined(case, given, rank)
    if not operands:
        return None
    if case.dtype not in FLOATS:
        total = FOLDS[case.redop].reduce(np.stack(operands), axis=0, dtype=NUMPY_DTYPES[case.dtype])
        return np.asarray(_cut(total, case.ranks) if case.redop == "avg" else total)
    wide = np.stack([each.astype(np.float64) for each in operands]).astype(np.longdouble)
    with np.errstate(over="ignore", invalid="ignore"):
        total = FOLDS[case.redop].reduce(wide, axis=0)
    if case.redop in ("min", "max"):
        signed = np.signbit(wide).any(axis=0) if case.redop == "min" else np.signbit(wide).all(axis=0)
        total = np.where(total == 0, np.where(signed, -0.0, 0.0), total)
    return np.asarray(total / case.ranks if case.redop == "avg" else total)


def _cut(total: Array, ranks: int) -> Array:
    """Their quotients, cut towards zero."""
    magnitude = np.abs(total.astype(object)) // ranks
    return np.asarray(np.where(total < 0, -magnitude, magnitude).astype(total.dtype))


def tolerance(case: Case, given: Sequence[Array], rank: int, declared: CollectiveDeclaration) -> Array:
    """By how much each element of a rank's result of floats may differ from `reference`, fp64.

    Of p operands, gamma_n = n u / (1 - n u), u of what is added in and u_d of the dtype (Higham, Accuracy and
    Stability, lemma 3.1 and section 4.2): sums gamma_(p-1) sum|x|; averages with two roundings more, that of
    1/p and that of the quotient; products gamma_(p-1) |R|. To each u_d |R| where the accumulator is wider
    than the dtype, u_64 |R| for the comparison, which is done in fp64, and for each product the smallest
    number, which is lost where it rounds to zero.
    """
    operands = combined(case, given, rank)
    exact = reference(case, given, rank)
    assert exact is not None
    scale = np.abs(exact.astype(np.float64))
    narrow, wide = 2.0 ** -PRECISIONS[case.dtype], accumulator_roundoff(case.dtype, declared)
    if case.redop in ("min", "max"):
        return np.zeros_like(scale)
    count = len(operands) - 1 + (2 if case.redop == "avg" else 0)
    gamma = count * wide / (1 - count * wide)
    room = scale * (2.0 ** -PRECISIONS["fp64"] + (narrow if wide < narrow else 0.0))
    if case.redop == "prod":
        return gamma * scale + room + len(operands) * smallest(case.dtype, declared.flush)
    weight = np.sum([np.abs(each.astype(np.float64)) for each in operands], axis=0)
    under = smallest(case.dtype, declared.flush) if case.redop == "avg" or declared.flush else 0.0
    return np.asarray(gamma * weight / (case.ranks if case.redop == "avg" else 1) + room + case.ranks * under)


def accumulator_roundoff(dtype: str, declared: CollectiveDeclaration) -> float:
    """u of what a dtype is declared to be added in."""
    wide = dtype in ("fp16", "bf16") and declared.accumulator == "fp32"
    return float(2.0 ** -PRECISIONS["fp32" if wide else dtype])


def smallest(dtype: str, flushed: bool) -> float:
    """The least that differs from zero."""
    found: Any = ml_dtypes.finfo(NUMPY_DTYPES[dtype])  # type: ignore[no-untyped-call]
    return float(found.smallest_normal if flushed else found.smallest_subnormal)
