"""GE-10 and GE-11: alpha and beta, in C = alpha op(A) op(B) + beta C."""

from __future__ import annotations

from itertools import product as pairs
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import equal, within
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.gemm.exact import integers, limit
from zbench.conformance.gemm.shapes import SEVERAL, given, stored
from zbench.conformance.item import Item
from zbench.conformance.pages import forbidden
from zbench.conformance.products import Products, number
from zbench.conformance.reference import Reference
from zbench.conformance.tolerance import deterministic
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.errors import Unsupported

Array = NDArray[Any]
NAN, INF = float("nan"), float("inf")
ALPHAS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 0.7, NAN, INF)
BETAS = (*ALPHAS, 1.3)
"""LAPACK's xBLAT3 has {0, 1, 0.7} and {0, 1, 1.3}; BLIS' own suite never beta = 0."""
SIZES = ((5, 7, 9), (33, 65, 40), (1, 40, 33))
MIXED = {("1", "1"), ("2", "-1"), ("0.7", "1.3"), ("-1", "0"), ("1", "nan"), ("nan", "1")}
"""(alpha, beta) of products of several blocks, each of which is scaled and only the first added to C."""


def scaled(
    a: Array, b: Array, c: Array, alpha: float, beta: float, kept: type[np.floating[Any]]
) -> Reference:
    """alpha A B + beta C by BLAS's rules: alpha = 0 does not read A and B, beta = 0 does not read C. Both are
    first rounded to `kept`, the dtype of the sums.

    A, B and C hold whole numbers, so small that A B is exact in any order.
    """
    alpha, beta = float(kept(alpha)), float(kept(beta))
    with np.errstate(invalid="ignore"):
        whole = (a.astype(np.int64) @ b.astype(np.int64)).astype(np.float64)
        gauge = (np.abs(a.astype(np.int64)) @ np.abs(b.astype(np.int64))).astype(np.float64)
        zero = np.zeros(whole.shape)
        total, terms = (alpha * whole, abs(alpha) * gauge) if alpha != 0 else (zero, zero)
        size = terms
        if beta != 0:
            total, size = (
                total + beta * c.astype(np.float64),
                terms + abs(beta) * np.abs(c.astype(np.float64)),
            )
    return Reference(total, zero, terms, size)


def before(ask: Products, shape: tuple[int, int]) -> Array:
    """Whole numbers in C, as small as its dtype has them exactly."""
    return ask.rng(1).integers(-100, 101, shape).astype(NUMPY_DTYPES[ask.out])


def grid(ask: Products) -> None:
    """GE-11: each alpha with each beta. Powers of two are exact, others near, NaN and Inf as IEEE says. Few
    rows by a transposed B, which many libraries compute in a way of its own, are scaled there, too."""
    floats = ask.dtype in FLOATS
    transbs = ask.orders("transb")
    alphas, betas = (ALPHAS, BETAS) if floats else ((1.0,), (0.0, 1.0))
    for alpha, beta in pairs(alphas, betas):
        if not (ask.offers("alpha", number(alpha)) and ask.offers("beta", number(beta))):
            continue
        several = ask.thorough > 0 and (number(alpha), number(beta)) in MIXED
        sizes = [*pairs(SIZES[: 1 + ask.thorough], transbs), *[(SEVERAL, "n")] * several]
        for (m, n, k), transb in sizes:
            said: dict[str, Any] = {"transb": transb, "alpha": alpha, "beta": beta}
            if not ask.attempt(f"{m}x{n}x{k} {transb} alpha={number(alpha)} beta={number(beta)}"):
                continue
            c = before(ask, (m, n))
            if not floats:
                a, b = given(ask, (m, n, k))
                expected = a.astype(np.int64) @ b.astype(np.int64) + (c if beta else 0)
                ask.expect(expected.astype(np.int32), a, stored(b, transb), c=c, **said)
                continue
            # Short products and C stay below 2^7, so that C of 11 or 8 bits has them scaled exactly.
            most = max(1, min(limit(ask.dtype, k, 7), int(2 ** PRECISIONS[ask.dtype])))
            a = integers(ask.rng(), ask.type_a, (m, k), most)
            b = integers(ask.rng(2), ask.type_b, (k, n), most)
            kept = np.float64 if ask.dtype == "fp64" else np.float32
            r = scaled(a, b, c, alpha, beta, kept)
            with np.errstate(invalid="ignore"):
                near = deterministic(ask.declared, ask.dtype, ask.out, k, r)
            ask.differs(within(r.high, ask.multiply(a, stored(b, transb), c, **said), near))


def unread(ask: Products) -> None:
    """GE-10: alpha = 0 means that A and B are not read, whatever they hold, and even where nobody may."""
    for alpha in (0.0, -0.0):
        for beta in (0.0, 1.0, 0.5):
            if not ask.offers("alpha", number(alpha)) or not ask.offers("beta", number(beta)):
                continue
            for size in SIZES[: 1 + ask.thorough]:
                for held in ("NaN", "nothing that may be read"):
                    name = (
                        f"{'x'.join(map(str, size))} alpha={number(alpha)} beta={number(beta)} A, B: {held}"
                    )
                    if (held != "NaN" and not ask.adopts()) or not ask.attempt(name):
                        continue
                    _without(ask, size, alpha, beta, held == "NaN")


def _without(ask: Products, size: tuple[int, int, int], alpha: float, beta: float, nan: bool) -> None:
    m, n, k = size
    kinds = NUMPY_DTYPES[ask.type_a], NUMPY_DTYPES[ask.type_b]
    a, b = (
        np.full(shape, NAN, kind) if nan else forbidden(shape, kind)
        for shape, kind in zip(((m, k), (k, n)), kinds, strict=True)
    )
    c = before(ask, (m, n))
    expected = (beta * c.astype(np.float64)).astype(c.dtype)
    try:
        got = ask.multiply(a, b, c, alpha=alpha, beta=beta, adopt=not nan)
    except Unsupported:
        ask.refused(f"alpha={number(alpha)}")
        return
    ask.differs(equal(expected, got))


ITEMS = (
    Item(
        "GE-10",
        "alpha = 0 does not read A and B",
        "BLAS dgemm.f",
        "L1",
        unread,
        families=("special values", "guard"),
        dtypes=tuple(sorted(FLOATS)),
    ),
    Item(
        "GE-11",
        "alpha and beta, each with each",
        "Reference-LAPACK/lapack#1098; LAPACK xBLAT3",
        "L1",
        grid,
        families=("special values", "precision"),
    ),
)
