"""CO-03, CO-04: reductions whose every bit is known, and sums that must be as near as is declared."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.collective.oracle import (
    FOLDS,
    REDUCTIONS,
    accumulator_roundoff,
    combined,
    reference,
    tolerance,
)
from zbench.conformance.collective.sweep import Choice, operands, place, random_bits, sweep, wrong
from zbench.conformance.compare import bits, within
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
EXPONENTS = 5
"""Of the powers of two that scale exact sums, so that exponents are added, too; fp16 has room for as many."""
RANKS_OF_EXPONENTS = 8
"""Products of so many powers 1/2, 1 or 2 stay in the range of fp16; of more ranks only signs differ."""
PRODUCT_SPAN = 0.25
"""Random factors lie within 1 +- this: products of 32 of them stay normal in any dtype."""


def crafted(ask: Ranks, redop: str, dtype: str, rank: int, count: int) -> Array:
    """A rank's operand whose reduction is the same in any order: even elements are exact (nccl-tests,
    src/verifiable.cu), odd ones are hard. Floats to which two ranks bring more bits than there is room for
    are rounded once, many from the middle; the least and the greatest of numbers that differ in their last
    bits alone are found only where they are compared in full width."""
    rng, common, kind, index = ask.rng(rank), ask.rng(), NUMPY_DTYPES[dtype], np.arange(count)
    hard = index % 2 == 1
    if redop == "avg" and dtype not in FLOATS:
        most = int(np.iinfo(kind).max) // ask.size
        return rng.integers(-most if np.iinfo(kind).min < 0 else 0, most, count, kind, endpoint=True)
    if redop in ("min", "max"):
        near = bits(random_bits(common, dtype, count)) ^ rng.integers(0, 4, count).astype(f"u{kind.itemsize}")
        return np.where(hard, near.view(kind), random_bits(rng, dtype, count))
    if dtype not in FLOATS:
        return random_bits(rng, dtype, count)
    precision, one_of_two = PRECISIONS[dtype], (index - rank) % ask.size < 2
    if redop == "prod":  # one full significand, or two of more than half its bits; the rest powers of two
        powers = rng.integers(-1, 2, count) * (ask.size <= RANKS_OF_EXPONENTS)
        factors = np.where(rng.random(count) < 0.5, -1.0, 1.0) * 2.0**powers
        lone = np.abs(common.standard_normal(count)) + 1.0
        half = 1 + rng.integers(0, 2 ** (precision // 2), count) / 2 ** (precision // 2)
        whole = np.where(hard, half, lone)
        return np.where(np.where(hard, one_of_two, index % ask.size == rank), whole, factors).astype(kind)
    most = 2**precision // ask.size
    full = rng.integers(2 ** (precision - 1), 2**precision, count) * one_of_two
    scale = 2.0 ** common.integers(-EXPONENTS, 1, count)
    exact = rng.integers(-most, most + 1, count)
    return np.asarray((np.where(hard, full, exact) * scale).astype(kind))


def exact_sums(ask: Ranks) -> None:
    """CO-03: every reduction, bit by bit."""
    p = ask.size
    counts = (4 * p + 1, 8 * p, 509)
    choices: list[Choice] = [
        {"count": counts[i % 3], "redop": redop, "root": i % p} for i, redop in enumerate(FOLDS)
    ]
    for each in sweep(ask, REDUCTIONS, choices):
        case = each.case
        if case.redop == "avg" and case.dtype in FLOATS and p & (p - 1):
            continue  # a quotient by 3 is no number: CO-04 asks for it
        if not ask.attempt(str(each)):
            continue
        given = operands(case, partial(crafted, ask, case.redop, case.dtype))
        for left in ask.executions(case, [given[ask.rank]], each.algorithm):
            ask.differs(wrong(case, given, ask.rank, left))


def random_sums(ask: Ranks) -> None:
    """CO-04: full significands; the largest error as a multiple of u sum|x| is told."""
    p = ask.size
    choices: list[Choice] = [
        {"count": count, "redop": redop, "root": p - 1}
        for redop in ("sum", "prod", "avg")
        for count in (4 * p, 1009)
    ]
    errors: dict[str, float] = defaultdict(float)
    for each in sweep(ask, REDUCTIONS, choices, tuple(FLOATS)):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        given = operands(case, partial(_random, ask, case.redop, case.dtype))
        expected = reference(case, given, ask.rank)
        for left in ask.executions(case, [given[ask.rank]], each.algorithm):
            if expected is None:
                continue
            got = left.out[place(case, ask.rank, expected.size)]
            room = tolerance(case, given, ask.rank, ask.declared)
            if ask.differs(within(expected.astype(np.float64), got, room)) or case.redop != "sum":
                continue
            weight = np.sum([np.abs(x.astype(np.float64)) for x in combined(case, given, ask.rank)], axis=0)
            unit = accumulator_roundoff(case.dtype, ask.declared) * np.where(weight > 0, weight, 1)
            error = np.abs(got.astype(np.float64).astype(np.longdouble) - expected) / unit
            errors[case.dtype] = max(errors[case.dtype], float(error.max(initial=0)))
    for dtype, own in sorted(errors.items()):
        largest = max(float(told) for told in ask.everyone(str(own).encode()))
        ask.facts[f"E {dtype}"] = f"{largest:.3g} of {max(p - 1, 1)} u sum|x|"


def _random(ask: Ranks, redop: str, dtype: str, rank: int, count: int) -> Array:
    rng = ask.rng(rank)
    if redop != "prod":
        return random_bits(rng, dtype, count)
    factors = rng.uniform(1 - PRODUCT_SPAN, 1 + PRODUCT_SPAN, count)
    return np.asarray((factors * np.where(rng.random(count) < 0.5, -1, 1)).astype(NUMPY_DTYPES[dtype]))


ITEMS = (
    Item(
        "CO-03",
        "reductions that are exact in any order",
        "nccl-tests src/verifiable.cu",
        "L1",
        exact_sums,
        families=("precision", "index"),
    ),
    Item(
        "CO-04",
        "random sums, within what the declared accumulator allows",
        "Higham, Accuracy and Stability of Numerical Algorithms, section 4.2",
        "L2",
        random_sums,
        families=("precision",),
    ),
)
