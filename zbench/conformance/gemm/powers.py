"""GE-22: powers of two, whose products have no rounding: every exponent of a dtype."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from zbench.conformance.gemm.shapes import Size
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
SHAPES: tuple[Size, ...] = ((3, 5, 7), (33, 49, 40), (1, 300, 70), (150, 130, 140))


def exponents(dtype: str) -> tuple[int, int]:
    """(least, most) e of which 2^e is a normal number of the dtype."""
    kind = NUMPY_DTYPES[dtype]
    if dtype not in FLOATS:
        return 0, int(np.iinfo(kind).max).bit_length() - 1
    info: Any = ml_dtypes.finfo(kind)  # type: ignore[no-untyped-call]
    return int(info.minexp), math.frexp(float(info.max))[1] - 1


def operands(ask: Products, size: Size) -> tuple[Array, Array]:
    """A with one power of two in each row and B full of them; each product is a normal number of C."""
    m, n, k = size
    rng = ask.rng()
    (low_a, high_a), (low_b, high_b), (low, high) = map(exponents, (ask.type_a, ask.type_b, ask.out))
    if ask.out == "fp32" or ask.dtype not in FLOATS:
        low, high = max(low, -126), min(high, 127)
    signs = (-1, 1) if ask.type_a != "uint8" else (1,)
    of_k = rng.integers(low_a, high_a, k, endpoint=True)  # the exponent of each column of A
    row_of = rng.integers(0, k, m)
    a = np.zeros((m, k))
    a[np.arange(m), row_of] = np.ldexp(rng.choice(signs, m).astype(float), of_k[row_of])
    least, most = np.maximum(low_b, low - of_k), np.minimum(high_b, high - of_k)
    reach = np.maximum(most - least, 0)
    drawn = least + np.floor(rng.random((n, k)) * (reach + 1)).astype(np.int64)
    b = np.ldexp(rng.choice((-1.0, 1.0), (k, n)), np.clip(drawn.T, low_b, high_b))
    return a.astype(NUMPY_DTYPES[ask.type_a]), b.astype(NUMPY_DTYPES[ask.type_b])


def powers(ask: Products) -> None:
    """GE-22: one product to each element of C, of every exponent."""
    for size in SHAPES[: 2 + ask.thorough]:
        for again in range(1 + 4 * ask.thorough):
            if not ask.attempt(f"{'x'.join(map(str, size))} {again}"):
                continue
            a, b = operands(ask, size)
            term = np.argmax(a.astype(np.float64) != 0, axis=1)
            wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
            expected = wide_a[np.arange(len(a)), term][:, None] * wide_b[term]
            with np.errstate(over="ignore", under="ignore"):
                ask.expect(expected.astype(NUMPY_DTYPES[ask.out]), a, b)


ITEMS = (
    Item(
        "GE-22",
        "powers of two, of every exponent",
        "BLIS testsuite, random powers of two",
        "L1",
        powers,
        families=("precision", "special values"),
    ),
)
