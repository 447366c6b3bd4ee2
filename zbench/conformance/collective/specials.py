"""CO-15 to CO-18: numbers that are none, numbers too large, and numbers nearly zero."""

from __future__ import annotations

from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.collective.oracle import REDUCTIONS, combined, contributors, part_of, smallest
from zbench.conformance.collective.sweep import Choice, operands, place, random_bits, sweep, wrong
from zbench.conformance.compare import bits, equal
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
FLOAT_DTYPES = tuple(sorted(FLOATS))
ROUNDS = 7
"""How often each rank holds the special number in one vector: not a power of two, so that it comes to be in
every lane of a vector register, and in what is left behind the last."""
EDGE = 0.75
"""Of the largest number: what each rank brings to an average, whose sum of two is too large."""


def least_and_greatest(ask: Ranks) -> None:
    """CO-15: one NaN, or one zero of another sign, on each rank in turn: element i has it on rank i mod P."""
    p = ask.size
    choices: list[Choice] = [{"count": ROUNDS * p, "redop": redop, "root": p - 1} for redop in ("min", "max")]
    told: dict[str, set[str]] = {"NaN in min and max": set(), "sign of zero in min and max": set()}
    nans, zeros = told.values()
    for each in sweep(ask, REDUCTIONS, choices, FLOAT_DTYPES, each=True):
        case = each.case
        kind, count = NUMPY_DTYPES[case.dtype], ROUNDS * p
        holder = np.arange(count) % p
        for name, common, special in (("nan", None, np.nan), ("-0", 0.0, -0.0), ("+0", -0.0, 0.0)):
            if not ask.attempt(f"{each} {name}"):
                continue
            numbers = [
                random_bits(ask.rng(rank), case.dtype, count)
                if common is None
                else np.full(count, common, kind)
                for rank in range(p)
            ]
            given = [np.where(holder == rank, kind.type(special), numbers[rank]) for rank in range(p)]
            for left in ask.executions(case, [given[ask.rank]], each.algorithm):
                if name == "nan":
                    nans.add(_nan(ask, case, given, holder, left.out))
                else:
                    zeros.add(_zero(ask, case, holder, left.out))
        if ask.attempt(f"{each} all nan"):
            given = [np.full(count, np.nan, kind)] * p
            for left in ask.executions(case, [given[ask.rank]], each.algorithm):
                ask.differs(wrong(case, given, ask.rank, left))
    for name, own in told.items():
        all_told = {
            word for each in ask.everyone(",".join(own).encode()) for word in each.decode().split(",")
        }
        if all_told := all_told - {""}:
            ask.facts[name] = ", ".join(sorted(all_told))


def _held(ask: Ranks, case: Case, holder: Array, out: Array) -> tuple[Array, Array]:
    """(this rank's result, who of those that are in it held each element's special number; -1: nobody)."""
    due = contributors(case.workload, ask.size, ask.rank, case.root)
    own = part_of(holder.size, ask.size, ask.rank) if case.workload == "reduce_scatter" else slice(None)
    who = np.where(np.isin(holder[own], due), holder[own], -1)
    got = out[place(case, ask.rank, who.size)] if due else out[:0]
    return got, who[: got.size]


def _nan(ask: Ranks, case: Case, given: list[Array], holder: Array, out: Array) -> str:
    """What was made of a NaN: one and the same, whoever held it; where it is declared, a NaN."""
    got, who = _held(ask, case, holder, out)
    if not (who >= 0).any():
        return ""
    is_nan = np.isnan(got.astype(np.float64))
    with np.errstate(invalid="ignore"):
        rest = np.where(is_nan, np.nan, got.astype(np.float64))
        fold = np.fmin if case.redop == "min" else np.fmax
        numbers = fold.reduce([each.astype(np.float64) for each in combined(case, given, ask.rank)], axis=0)
    kept = {int(rank): bool(is_nan[who == rank].all()) for rank in np.unique(who[who >= 0])}
    mixed = any(is_nan[who == rank].any() and not kept[rank] for rank in kept)
    if is_nan[who < 0].any():
        ask.fail("a NaN where no rank has brought one")
    elif mixed or len(set(kept.values())) > 1:
        lost = ", ".join(str(rank) for rank, all_kept in kept.items() if not all_kept)
        ask.fail(f"whether the result is a NaN depends on who holds it: not where it is rank {lost}")
        return "depends on the rank that holds it"
    elif ask.declared.nan == "propagate" and not all(kept.values()):
        ask.fail("a NaN is lost, and declared to be kept")
    elif len(due := contributors(case.workload, ask.size, ask.rank, case.root)) > 1 and len(due):
        ask.differs(equal(numbers[~is_nan], rest[~is_nan]))
    return "kept" if all(kept.values()) else "lost"


def _zero(ask: Ranks, case: Case, holder: Array, out: Array) -> str:
    """Whether the sign of a zero is the same, whoever holds the other one. That it must be is IEEE 754-2019's
    word, which holds where a NaN is declared to be kept, too: C's fmin and fmax may take either zero."""
    got, who = _held(ask, case, holder, out)
    found = bits(got[who >= 0])
    if got[who >= 0].astype(np.float64).any():
        ask.fail("no zero")
    if len(set(found.tolist())) < 2:
        return ""
    if ask.declared.nan == "propagate":
        odd = sorted({int(rank) for rank in who[who >= 0][found != found[0]]})
        ask.fail(f"the sign of zero depends on who holds it: another where it is rank {odd}")
    return "depends on the rank that holds it"


def _infinite(dtype: str, redop: str, ranks: int, rank: int, count: int) -> Array:
    """Element i follows pattern i mod 6, from rank i // 6 on: infinities, sums and products too large."""
    found: Any = ml_dtypes.finfo(NUMPY_DTYPES[dtype])  # type: ignore[no-untyped-call]
    most, index = float(found.max), np.arange(count)
    turn = (rank - index // 6) % ranks  # 0: the first, 1: the second rank of the pattern
    rest = 1.0 if redop == "prod" else 0.0
    first = np.array([np.inf, -np.inf, np.inf, most, -most, np.nan])
    second = np.array(
        [rest, rest, 0.0 if redop == "prod" else -np.inf, 2.0 if redop == "prod" else most, -most, 1]
    )
    values = np.where(turn == 0, first[index % 6], np.where(turn == 1, second[index % 6], rest))
    return values.astype(NUMPY_DTYPES[dtype])


def infinities(ask: Ranks) -> None:
    """CO-16: as IEEE 754 has it; an average that divides first does not overflow."""
    p = ask.size
    choices: list[Choice] = [
        {"count": 6 * 2 * p, "redop": redop, "root": p - 1} for redop in ("sum", "prod", "min", "max", "avg")
    ]
    choices.append({**choices[-1], "inplace": "yes"})
    for each in sweep(ask, REDUCTIONS, choices, FLOAT_DTYPES, each=True):
        case = each.case
        if case.redop == "avg" and ask.declared.average != "first":
            continue
        if not ask.attempt(str(each)):
            continue
        if case.redop == "avg":
            _average(ask, case, each.algorithm)
            continue
        given = operands(case, partial(_infinite, case.dtype, case.redop, p))
        if case.redop in ("min", "max"):  # CO-15 asks for NaN
            given = [np.where(np.isnan(own.astype(np.float64)), 0, own).astype(own.dtype) for own in given]
        for left in ask.executions(case, [given[ask.rank]], each.algorithm):
            ask.differs(wrong(case, given, ask.rank, left))


def _average(ask: Ranks, case: Case, algorithm: str | None) -> None:
    found: Any = ml_dtypes.finfo(NUMPY_DTYPES[case.dtype])  # type: ignore[no-untyped-call]
    count = case.size[0] // NUMPY_DTYPES[case.dtype].itemsize
    given = [np.full(count, EDGE * float(found.max), NUMPY_DTYPES[case.dtype])] * ask.size
    for left in ask.executions(case, [given[ask.rank]], algorithm):
        who = combined(case, given, ask.rank)
        got = left.out[place(case, ask.rank, who[0].size if who else 0)]
        if not np.isfinite(got.astype(np.float64)).all():
            ask.fail(
                f"an average of {EDGE:g} times the largest number is none, and is declared to divide first"
            )


def _wrapping(ask: Ranks, dtype: str, rank: int, count: int) -> Array:
    """Any integers; the first are the ends of the range, on one rank after the other, and ones elsewhere."""
    kind, index = NUMPY_DTYPES[dtype], np.arange(count)
    ends = np.array([np.iinfo(kind).max, np.iinfo(kind).min], kind)
    edge = np.where(index // 2 % ask.size == rank, ends[index % 2], kind.type(1))
    return np.where(index < count // 2, edge, random_bits(ask.rng(rank), dtype, count))


def wraps(ask: Ranks) -> None:
    """CO-17: sums and products modulo 2^w."""
    integers = [dtype for dtype in NUMPY_DTYPES if dtype not in FLOATS and dtype != "byte"]
    choices: list[Choice] = [
        {"count": 8 * ask.size, "redop": redop, "root": ask.size - 1} for redop in ("sum", "prod")
    ]
    for each in sweep(ask, REDUCTIONS, choices, integers, each=True):
        if not ask.attempt(str(each)):
            continue
        given = operands(each.case, partial(_wrapping, ask, each.case.dtype))
        for left in ask.executions(each.case, [given[ask.rank]], each.algorithm):
            ask.differs(wrong(each.case, given, ask.rank, left))


def _tiny(dtype: str, redop: str, rank: int, count: int) -> Array:
    """Multiples of the smallest number; of a product one of them, 3/8, which leaves half of it to be rounded
    once where that number is odd, and ones that keep it so."""
    least = smallest(dtype, flushed=False)
    if redop == "prod":
        tiny = 4 * least * (np.arange(count) % 8 + 1)
        return np.where(rank == 0, tiny, 0.375 if rank == 1 else 1.0).astype(NUMPY_DTYPES[dtype])
    sign = -1 if rank % 3 == 2 else 1
    return (sign * least * (1 + (np.arange(count) + rank) % 3)).astype(NUMPY_DTYPES[dtype])


def subnormals(ask: Ranks) -> None:
    """CO-18: kept, or made zero, as is declared: never one on this rank and the other on that."""
    p = ask.size
    choices: list[Choice] = [
        {"count": count, "redop": redop, "root": p - 1}
        for redop in ("sum", "prod", "min", "max")
        for count in (8 * p, 37 * p)
    ]
    for each in sweep(ask, REDUCTIONS, choices, FLOAT_DTYPES, each=True):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        given = operands(case, partial(_tiny, case.dtype, case.redop))
        flushed = [np.zeros_like(own) for own in given]
        for left in ask.executions(case, [given[ask.rank]], each.algorithm):
            alone = len(combined(case, given, ask.rank)) < 2  # nothing is calculated
            ask.differs(wrong(case, flushed if ask.declared.flush and not alone else given, ask.rank, left))


ITEMS = (
    Item(
        "CO-15",
        "NaN and signs of zero in min and max, on each rank in turn",
        "ml-explore/mlx#4072: all_min(1, NaN, 3, 4) = 3; openshmem-org/specification#467",
        "L2",
        least_and_greatest,
        families=("special values",),
    ),
    Item(
        "CO-16",
        "infinities and sums too large",
        "IEEE 754-2019, sections 6.1 and 7.4",
        "L2",
        infinities,
        families=("special values", "alias"),
    ),
    Item(
        "CO-17",
        "integers wrap",
        "nccl-tests src/verifiable.cu, unsigned and signed sums",
        "L1",
        wraps,
        families=("special values", "precision", "wrap"),
    ),
    Item(
        "CO-18",
        "subnormals, kept or flushed as declared",
        "Fasi et al., Numerical behavior of NVIDIA tensor cores, section A; for collectives new",
        "L2",
        subnormals,
        families=("special values",),
    ),
)
