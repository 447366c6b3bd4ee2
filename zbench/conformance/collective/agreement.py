"""CO-12 to CO-14: the same bits on all ranks, in every call, and in which order ranks are added."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.collective.oracle import SAME_ON_ALL, combined, part_of
from zbench.conformance.collective.sweep import Choice, Try, operands, place, random_bits, sweep
from zbench.conformance.collective.trees import NO_TREE, tree
from zbench.conformance.compare import bits
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
FLOAT_DTYPES = tuple(sorted(FLOATS))
REPEATS = 50
"""Calls that must leave the same bits."""
LONGER = 3
"""How many times as long the vector is of which the first elements are compared."""
TREES_KEPT = 3
"""A ring has as many trees as ranks, each the same but for where it begins."""


def digest(array: Array) -> bytes:
    """Of its bits, any NaN for a NaN: which one comes of two is nowhere promised."""
    told = bits(array).copy()
    if array.dtype.kind not in "iub":
        told[np.isnan(array.astype(np.float64))] = 0
    return hashlib.blake2b(told.tobytes(), digest_size=8).digest()


def everywhere(ask: Ranks) -> None:
    """CO-12: what all ranks get are the same bits. Told out of band, all at once when all is done."""
    p = ask.size
    choices: list[Choice] = [
        {"count": count, "redop": redop, "root": p - 1}
        for count, redop in ((257 * p, "sum"), (64 * p, "max"), (61 * p, "avg"), (59 * p, "prod"))
    ]
    own: dict[str, bytes] = {}
    for each in sweep(ask, SAME_ON_ALL, choices, (*FLOAT_DTYPES, "byte")):
        case = each.case
        for name in ("", " specials") if case.dtype in FLOATS else ("",):
            if not ask.attempt(f"{each}{name}"):
                continue
            given = operands(case, partial(_with_specials if name else _plain, ask, case.dtype))
            for left in ask.executions(case, [given[ask.rank]], each.algorithm):
                own[ask.name] = digest(left.out)
    told = ask.everyone(b"".join(own.values()))
    for i, name in enumerate(own):
        at = slice(8 * i, 8 * i + 8)
        if (mine := told[ask.rank][at]) != told[0][at]:
            ask.name = name
            ask.fail(f"other bits than on rank 0: {mine.hex()} for {told[0][at].hex()}")


def _plain(ask: Ranks, dtype: str, rank: int, count: int) -> Array:
    return random_bits(ask.rng(rank), dtype, count)


def _with_specials(ask: Ranks, dtype: str, rank: int, count: int) -> Array:
    """Every third element a zero of either sign, an infinity, a NaN or a subnormal."""
    least = float(ml_dtypes.finfo(NUMPY_DTYPES[dtype]).smallest_subnormal)  # type: ignore[no-untyped-call]
    drawn = ask.rng(rank, 1).choice([0.0, -0.0, np.inf, -np.inf, np.nan, least], count)
    return np.where(
        np.arange(count) % 3 == 0, drawn.astype(NUMPY_DTYPES[dtype]), _plain(ask, dtype, rank, count)
    )


def again(ask: Ranks) -> None:
    """CO-13: the same bits in the same call, in one that is longer, and with ranks elsewhere, as is declared;
    what was found of each is told in any case."""
    p = ask.size
    held: dict[str, bool] = {}
    for each in sweep(ask, ("allreduce", "reduce_scatter", "reduce"), [{"count": 67 * p}], FLOAT_DTYPES):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        given = operands(case, partial(_plain, ask, case.dtype))
        calls = ask.executions(case, [given[ask.rank]] * REPEATS, each.algorithm)
        if not calls:
            continue
        first = _result(ask, case, given, calls[0].out)
        for other in [_result(ask, case, given, left.out) for left in calls[1:]]:
            _note(ask, held, "D0", np.array_equal(bits(first), bits(other)), "another call's bits differ")
        if case.workload == "reduce_scatter":
            continue  # what a rank has of a longer vector is another part
        longer = ask.case(case.workload, case.dtype, LONGER * given[0].size)
        for left in ask.executions(longer, [np.tile(given[ask.rank], LONGER)], each.algorithm):
            same = np.array_equal(bits(first), bits(left.out[: first.size]))
            _note(ask, held, "D-size", same, "the bits differ in a longer vector")
        if ask.fabric.groups:
            moved = tuple((rank + 1) % p for rank in range(p))
            here = moved.index(ask.rank)
            for left in ask.executions(case, [given[here]], each.algorithm, members=moved):
                theirs = ask.everyone(digest(_result(ask, case, given, left.out, here)))
                mine = ask.everyone(digest(first))
                same = all(theirs[moved[rank]] == mine[rank] for rank in range(p))
                _note(ask, held, "D-map", same, "the bits differ with ranks elsewhere")
    for name, same in held.items():
        every = all(told == b"same" for told in ask.everyone(b"same" if same else b""))
        ask.facts[name] = "holds" if every else "does not hold"


def _result(ask: Ranks, case: Case, given: list[Array], out: Array, rank: int | None = None) -> Array:
    """What a rank's `out` holds of a result."""
    rank = ask.rank if rank is None else rank
    who = combined(case, given, rank)
    return out[place(case, rank, who[0].size if who else 0)]


def _note(ask: Ranks, held: dict[str, bool], name: str, same: bool, why: str) -> None:
    held[name] = held.get(name, True) and same
    if not same and name in ask.declared.determinism:
        ask.fail(f"{name}: {why}")


def masks(dtype: str) -> tuple[float, float]:
    """(M, unit): M + unit = M in whatever the dtype is added in, and sums of units are exact. fp16's range is
    so short that its units must be small: 2^15 + 2^-10 is 2^15 in 24 bits, too."""
    return {"fp16": (2.0**15, 2.0**-10), "fp64": (2.0**1000, 1.0)}.get(dtype, (2.0**126, 1.0))


def order(ask: Ranks) -> None:
    """CO-14: M on one rank and -M on another hide the units that are added before the two meet; what is left
    tells how many ranks are under their common sum, and so the tree (FPRev, arXiv 2411.00442)."""
    p = ask.size
    choices: list[Choice] = [{"count": 4 * p, "root": p - 1}]
    own: dict[str, bytes] = {}
    for each in sweep(ask, ("allreduce", "reduce", "reduce_scatter"), choices, FLOAT_DTYPES):
        if not ask.attempt(str(each)):
            continue
        under = _under(ask, each)
        if under is None:
            continue
        trees = [tree(under[:, :, element]) for element in range(under.shape[2])]
        if NO_TREE in trees:
            ask.fail(f"element {trees.index(NO_TREE)} is added in no order that a tree has")
        if trees:
            name, told = f"{each.case.workload} {each.algorithm or 'default'}", _told(trees)
            if ask.facts.setdefault(name, told) != told:
                ask.facts[f"{name} {each.case.dtype} {each.case.size[0]}"] = told
        if each.case.workload in SAME_ON_ALL:
            own[ask.name] = " ".join(trees).encode()
    hashes = [hashlib.blake2b(each, digest_size=8).digest() for each in own.values()]
    told_by = ask.everyone(b"".join(hashes))
    for i, name in enumerate(own):
        at = slice(8 * i, 8 * i + 8)
        if told_by[ask.rank][at] != told_by[0][at]:
            ask.name = name
            ask.fail("another order than on rank 0")


def _told(trees: list[str]) -> str:
    """The trees of a vector's elements: a hash of all, and the first of those that differ."""
    found = list(dict.fromkeys(trees))
    more = f" and {len(found) - TREES_KEPT} more" if len(found) > TREES_KEPT else ""
    digest_of_all = hashlib.blake2b(" ".join(trees).encode(), digest_size=4).hexdigest()
    return f"{digest_of_all}: {' '.join(found[:TREES_KEPT])}{more}"


def _under(ask: Ranks, each: Try) -> Array | None:
    """For each two ranks and each element of this rank's result: how many ranks are under the first sum that
    both are in; shape (P, P, elements). None where the fabric refuses the case."""
    case, p = each.case, ask.size
    kind, count = NUMPY_DTYPES[case.dtype], case.size[0] // NUMPY_DTYPES[case.dtype].itemsize
    large, unit = masks(case.dtype)
    pairs = [(i, j) for i in range(p) for j in range(i + 1, p)]
    values = [
        np.full(count, large if ask.rank == i else -large if ask.rank == j else unit, kind) for i, j in pairs
    ]
    calls = ask.executions(case, values, each.algorithm)
    if not calls:
        return None
    has = case.workload != "reduce" or ask.rank == case.root
    own = part_of(count, p, ask.rank) if case.workload == "reduce_scatter" else slice(0, count if has else 0)
    elements = own.stop - own.start
    under = np.ones((p, p, elements))
    for (i, j), left in zip(pairs, calls, strict=True):
        kept = left.out[place(case, ask.rank, elements)].astype(np.float64) / unit
        under[i, j] = under[j, i] = p - kept
    return under


ITEMS = (
    Item(
        "CO-12",
        "all ranks get the same bits",
        "NVIDIA/nccl#434",
        "L3",
        everywhere,
        smoke=True,
        families=("agreement",),
        least_ranks=2,
    ),
    Item(
        "CO-13",
        "the same bits again, as declared",
        "HCCL_DETERMINISTIC; ROCm/rocm-systems#11661: 34 % of elements change with the size",
        "L3",
        again,
        families=("agreement", "sporadic", "race"),
    ),
    Item(
        "CO-14",
        "the order in which ranks are added, the same on all of them",
        "FPRev, arXiv 2411.00442, across ranks; NVIDIA/nccl#2360",
        "L3",
        order,
        families=("agreement", "precision"),
        least_ranks=2,
    ),
)
