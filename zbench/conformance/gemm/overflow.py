"""Sums at the end of the range: what is too large is an infinity, and what is not is a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import equal
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.gemm.accuracy import FLOATING
from zbench.conformance.item import Item
from zbench.conformance.products import Products, number
from zbench.conformance.tolerance import numbers, range_of, result_roundoff
from zbench.dtypes import NUMPY_DTYPES

Array = NDArray[Any]
Terms = tuple[str, Sequence[float], Sequence[float], float]
"""(what it is, a of each term, b of each term, what C must be)."""
ROWS, COLUMNS = 5, 19
"""Of a product that is the same everywhere: more than one register tile of any kernel here, and a rest."""


def everywhere(ask: Products, xs: Sequence[float], ys: Sequence[float]) -> tuple[Array, Array]:
    """A and B, all of whose elements of C are the sum of x y."""
    a = np.tile(np.array(xs, NUMPY_DTYPES[ask.type_a]), (ROWS, 1))
    return a, np.tile(np.array(ys, NUMPY_DTYPES[ask.type_b])[:, None], (1, COLUMNS))


def overflow(ask: Products) -> None:
    """GE-17: past the largest number of C is an infinity of the right sign, up to it is no clamp; sums that
    C could not hold come down again where the accumulator is wider than C."""
    for out in ask.outs:
        for name, xs, ys, expected in sums(ask, out):
            for sign in (1.0, -1.0):
                if ask.attempt(f"{name} {'+' if sign > 0 else '-'} out={out}"):
                    a, b = everywhere(ask, [sign * x for x in xs], ys)
                    got = ask.multiply(a, b, out=out)
                    ask.differs(equal(np.full(got.shape, sign * expected).astype(got.dtype), got))
    if "fp32" not in ask.outs or not (ask.offers("alpha", number(2.0**20)) and ask.dtype in ("fp32", "bf16")):
        return
    if ask.attempt("alpha=2^20 of 2^110 2^-20"):
        a, b = everywhere(ask, [2.0**110], [2.0**-20])
        got = ask.multiply(a, b, out="fp32", alpha=2.0**20)
        if equal(np.full(got.shape, np.float32(2.0**110)), got) is not None:
            ask.marginal("scales A by alpha before it multiplies, and overflows where C would not")


def sums(ask: Products, out: str) -> Iterator[Terms]:
    """What this dtype can make of such sums, in this C."""
    operand, summed, result = (numbers(each) for each in (ask.dtype, range_of(ask.declared, ask.dtype), out))
    top, most = int(min(result.maxexp, summed.maxexp)), int(operand.maxexp) - 1
    if top <= 2 * most:
        half = top // 2
        yield f"2^{top - half} 2^{half}", [2.0 ** (top - half)], [2.0**half], np.inf
        yield f"2^{top - half - 1} 2^{half}", [2.0 ** (top - half - 1)], [2.0**half], 2.0 ** (top - 1)
    if top > 18:
        x, y = (2.0**8, 2.0**8) if most >= 8 else (2.0**most, 2.0 ** (16 - most))
        yield "past 65504", [x, x, x], [y, y, y], 3 * x * y
    if ask.dtype == out:
        largest = float(result.max)
        yield "the largest", [largest], [1.0], largest
        yield "twice the largest", [largest, largest], [1.0, 1.0], np.inf
    if not result_roundoff(ask.declared, out):
        return  # what comes next overflows in the sum itself, or not, by its order
    if ask.dtype == out:
        tie = 2.0 ** (top - 1 - PRECISIONS[out])
        yield "the largest and half a place", [largest, tie], [1.0, 1.0], np.inf
        yield "the largest and a quarter", [largest, tie / 2], [1.0, 1.0], largest
    if top < 20:  # fp16, and sums with fp32's exponents
        x, y = 2.0**8, 2.0 ** (top - 1 - 8)
        yield "up and down again", [x, x, x, -x, -x], [y] * 5, x * y


ITEMS = (
    Item(
        "GE-17",
        "overflow, and none before its time",
        "OpenCL CTS Ulp_Error",
        "L2",
        overflow,
        families=("special values", "precision", "wrap"),
        dtypes=FLOATING,
    ),
)
