"""GE-12, GE-13 and GE-14: NaN, Inf and the zero below zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.gemm.shapes import SEVERAL, Size, given, stored
from zbench.conformance.gemm.strides import orders
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
HAS_INF = tuple(sorted(FLOATS - {"fp8e4m3"}))
"""OCP's E4M3 has NaN, and no Inf."""
NAN, INF = float("nan"), float("inf")
SHAPES: tuple[Size, ...] = ((3, 5, 9), (17, 33, 20), (1, 33, 40), (130, 40, 35), (60, 130, 300))


def summed(a: Array, b: Array, out: str) -> Array:
    """A B by IEEE's rules in fp64, each product formed and added, in no library's way: (m, k) by (k, n)."""
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    total = np.zeros((a.shape[0], b.shape[1]))
    with np.errstate(invalid="ignore", over="ignore"):
        for column, row in zip(wide_a.T, wide_b, strict=True):
            total = total + column[:, None] * row[None, :]
        return total.astype(NUMPY_DTYPES[out])


def places(rows: int, columns: int, thorough: int) -> Iterator[tuple[int, int]]:
    """Each row and each column at least once, from the last of both on; two of them without thoroughness."""
    most = max(rows, columns)
    for i in range(most) if thorough else (0, most - 1):
        yield rows - 1 - i % rows, columns - 1 - i % columns


def specials(ask: Products) -> list[float]:
    return [NAN, INF] if ask.dtype in HAS_INF else [NAN]


def propagates(ask: Products) -> bool:
    """Whether the card says that it keeps NaN; where not, there is nothing to hold it to."""
    if ask.declared.nan != "propagate":
        ask.lacking(f"NaN, which is declared to be {ask.declared.nan}")
        return False
    return True


def spreading(ask: Products) -> None:
    """GE-12: one NaN or Inf in A or B comes to all elements of its row or column of C and to no other; with a
    zero, or an Inf of the other sign, Inf is NaN, too."""
    if not propagates(ask):
        return
    stores = list(orders(ask))
    for i, size in enumerate(SHAPES[: 2 + 2 * ask.thorough]):
        m, n, k = size
        for order in stores if ask.thorough > 1 else stores[i % len(stores) :][:1]:
            for value in specials(ask):
                for which, (rows, columns) in (("a", (m, k)), ("b", (k, n))):
                    for place in places(rows, columns, ask.thorough):
                        where = f"{which}({place[0]},{place[1]})={value}"
                        if not ask.attempt(f"{'x'.join(map(str, size))} {''.join(order)} {where}"):
                            continue
                        a, b = given(ask, (m, n, k))
                        (a if which == "a" else b)[place] = value
                        _try(ask, a, b, order)
    for value in specials(ask) if ask.thorough else ():
        for which in "ab":
            if ask.attempt(f"{'x'.join(map(str, SEVERAL))} nn {which} ends in {value}"):
                a, b = given(ask, SEVERAL)
                (a if which == "a" else b)[-1, -1] = value
                _try(ask, a, b, ("n", "n"))
    for first, second in ((INF, -INF), (-INF, -INF), (NAN, INF)) if ask.dtype in HAS_INF else ():
        if ask.attempt(f"17x33x20 two in a row: {first}, {second}"):
            a, b = given(ask, (17, 33, 20))
            a[3, 4], a[3, 19] = first, second
            _try(ask, a, np.abs(b) + b.dtype.type(1), ("n", "n"))


def no_skipping(ask: Products) -> None:
    """GE-13: a zero in one operand does not save its partner: B mostly of zeros, NaN and Inf in A, and the
    other way round."""
    if not propagates(ask):
        return
    for size in SHAPES[: 2 + 2 * ask.thorough]:
        for order in orders(ask):
            for zeros in ("b", "a"):
                for value in specials(ask):
                    if not ask.attempt(
                        f"{'x'.join(map(str, size))} {''.join(order)} zeros in {zeros}, {value}"
                    ):
                        continue
                    a, b = given(ask, size)
                    sparse, other = (b, a) if zeros == "b" else (a, b)
                    sparse[ask.rng(1).random(sparse.shape) < 0.9] = 0
                    other[ask.rng(2).random(other.shape) < 0.1] = value
                    _try(ask, a, b, order)


def _try(ask: Products, a: Array, b: Array, order: tuple[str, str]) -> None:
    ask.expect(
        summed(a, b, ask.out), stored(a, order[0]), stored(b, order[1]), transa=order[0], transb=order[1]
    )


def zeros(ask: Products) -> None:
    """GE-14: what becomes of a zero below zero is a fact that is told; that it is a zero is tested.

    IEEE 754 gives -0 for a sum of nothing but -0; a sum that starts from +0 is +0, and BLAS does not say.
    """
    kind_a, kind_b = NUMPY_DTYPES[ask.type_a], NUMPY_DTYPES[ask.type_b]
    tiny = float(np.finfo(np.float64).tiny if ask.dtype == "fp64" else np.finfo(np.float32).tiny)
    least = min(1.0, tiny**0.5 * 2.0**-30)
    tries: dict[str, tuple[float, float]] = {"-0 * 1": (-0.0, 1.0), "0 * -1": (0.0, -1.0)}
    if float(np.array(least).astype(kind_a)) != 0 and least * least < tiny * 2.0**-30:
        tries["underflow to -0"] = (-least, least)
    for name, (x, y) in tries.items():
        for k in (1, 3):
            if not ask.attempt(f"{name}, k={k}"):
                continue
            a, b = np.full((5, k), x, kind_a), np.full((k, 7), y, kind_b)
            got = ask.multiply(a, b).astype(np.float64)
            if np.any(got != 0):
                ask.fail(f"expected zeros, got {got[got != 0][0]}")
            signs = np.signbit(got)
            ask.facts[f"{name}, k={k}"] = "-0" if signs.all() else "either" if signs.any() else "+0"


ITEMS = (
    Item(
        "GE-12",
        "NaN and Inf come to where they belong, and nowhere else",
        "Demmel et al., arXiv 2207.09281",
        "L1",
        spreading,
        smoke=True,
        families=("special values",),
        dtypes=tuple(sorted(FLOATS)),
    ),
    Item(
        "GE-13",
        "zeros are multiplied, too",
        "GNU Octave's mailing list, 2000; xBLAT3's zeros",
        "L1",
        no_skipping,
        families=("special values",),
        dtypes=tuple(sorted(FLOATS)),
    ),
    Item(
        "GE-14",
        "zeros below zero",
        "OpenCL-CTS, signed zeros",
        "L1",
        zeros,
        families=("special values",),
        dtypes=tuple(sorted(FLOATS)),
    ),
)
