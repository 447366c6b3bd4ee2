"""Exact integers: whatever the order of additions, every bit is known (oneDNN's benchdnn, matmul/cfg.cpp)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import equal
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
SIZES = ((1, 1, 1), (7, 5, 3), (64, 64, 64), (33, 65, 129), (96, 80, 1024))
LONG = (132, 136, 4133)
"""Beyond what is done at once: of k, several blocks, an odd number of elements in the last; operands larger
than a core's own cache, so that they are not multiplied where they stand."""
FEW_ROWS = ((1, 40, 1024), (9, 33, 515))
"""By a transposed B: many libraries have a way of its own for so few, with sums across vectors."""
WRAPPING_K = 131_072
"""Of (-128)^2 the sum is 2^31, which an int32 has as -2^31; of 127^2 it fits, where nothing was added to the
operands on the way."""
WRAPPING = ((1, 5), (3, 40), (40, 48))
"""m and n: one row, few, and more than a tile."""


def limit(dtype: str, k: int, accumulator_bits: int) -> int:
    """The largest |a| and |b| whose sum of k products is exact in any order: k a b <= 2^bits, and each is a
    number of the dtype."""
    room = int((2**accumulator_bits / max(k, 1)) ** 0.5)
    return max(1, min(room, int(2 ** PRECISIONS[dtype])))


def integers(
    rng: np.random.Generator, dtype: str, shape: tuple[int, ...], most: int, signed: bool = True
) -> Array:
    """Whole numbers of a float dtype up to `most`; of an integer dtype all that it has."""
    kind = NUMPY_DTYPES[dtype]
    if dtype in FLOATS:
        return rng.integers(-most if signed else 1, most + 1, shape).astype(kind)
    least = np.iinfo(kind).min if signed else 0
    return rng.integers(least, np.iinfo(kind).max, shape, kind, endpoint=True)


def operands(
    ask: Products, m: int, n: int, k: int, signed: bool = True, out: str | None = None
) -> tuple[Array, Array]:
    """A and B whose product is exact in the declared accumulator. `out`: and nearly always in C of this
    dtype, too, where the sum of k products of random sign is about sqrt(k) of them."""
    most = limit(ask.dtype, k, ask.declared.accumulator_bits) if ask.dtype in FLOATS else 0
    if out in FLOATS:
        most = min(most, max(1, int((2 ** PRECISIONS[out] / max(k, 1) ** 0.5) ** 0.5)))
    rng = ask.rng()
    return (
        integers(rng, ask.type_a, (m, k), most, signed),
        integers(rng, ask.type_b, (k, n), most, signed),
    )


def product(a: Array, b: Array, out: str) -> Array:
    """A B of whole numbers, rounded once where C is narrower; integers modulo 2^32."""
    total = a.astype(np.int64) @ b.astype(np.int64)
    with np.errstate(over="ignore"):
        return total.astype(NUMPY_DTYPES[out])


def exact_products(ask: Products) -> None:
    """GE-21: signed ones, and positive ones, whose sum reaches the accumulator's last bit."""
    for m, n, k in SIZES + ((LONG,) if ask.thorough else ()):
        for signed in (True, False):
            for out in ask.outs:
                if not ask.attempt(f"{m}x{n}x{k} {'signed' if signed else 'positive'} out={out}"):
                    continue
                a, b = operands(ask, m, n, k, signed)
                ask.differs(equal(product(a, b, out), ask.multiply(a, b, out=out)))
    for m, n, k in FEW_ROWS if ask.offers("transb", "t") else ():
        for out in ask.outs:
            if ask.attempt(f"{m}x{n}x{k} positive nt out={out}"):
                a, b = operands(ask, m, n, k, signed=False)
                got = ask.multiply(a, np.ascontiguousarray(b.T), out=out, transb="t")
                ask.differs(equal(product(a, b, out), got))
    if ask.thorough and ask.dtype not in FLOATS:
        _wrapping(ask)


def _wrapping(ask: Products) -> None:
    """Sums at both ends of an int32 and beyond: modulo 2^32, by every path, never held at the largest."""
    ends = [
        [int(end) for end in (np.iinfo(NUMPY_DTYPES[dtype]).min, np.iinfo(NUMPY_DTYPES[dtype]).max)]
        for dtype in (ask.type_a, ask.type_b)
    ]
    for m, n in WRAPPING:
        for transb in ask.orders("transb"):
            for x, y in zip(*ends, strict=True):
                if not ask.attempt(f"{m}x{n}x{WRAPPING_K} of {x} times {y} transb={transb}"):
                    continue
                a = np.full((m, WRAPPING_K), x, NUMPY_DTYPES[ask.type_a])
                b = np.full(
                    (WRAPPING_K, n) if transb == "n" else (n, WRAPPING_K), y, NUMPY_DTYPES[ask.type_b]
                )
                expected = np.full((m, n), WRAPPING_K * x * y).astype(NUMPY_DTYPES[ask.out])
                ask.expect(expected, a, b, transb=transb)


ITEMS = (
    Item(
        "GE-21",
        "exact integers, signed and positive",
        "oneDNN benchdnn matmul/cfg.cpp",
        "L1",
        exact_products,
        smoke=True,
        families=("precision", "tail", "wrap"),
    ),
)
