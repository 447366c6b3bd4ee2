"""Products that round: no further from R than the declared accumulator explains (tolerance.py)."""

from __future__ import annotations

from fractions import Fraction
from itertools import product as pairs
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import within
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.gemm.shapes import stored
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.conformance.reference import Reference, product
from zbench.conformance.tolerance import FAILS_AT, deterministic, exponents, limit, numbers, statistic
from zbench.dtypes import NUMPY_DTYPES

Array = NDArray[Any]
FLOATING = tuple(PRECISIONS)
"""The dtypes whose products round."""
GRADES = 30
"""Powers of two from the largest row to the smallest, where the dtype has as many (LAPACK Users' Guide, node
108: fast matrix multiplication errs by the norm of the whole)."""
DRAWS = 3
"""Seeds of each shape: one set of random data hides what rounds by luck."""
FEW_ROWS = (2, 40, 514)
"""Rows, columns and products of what is asked with B as it is and transposed."""
SPANS = (2, 20)
"""What is left of a sum that cancels: more than narrow partial sums lose, and next to nothing."""
HILBERT_MOST = 12
"""Order up to which the inverse is a matrix of whole numbers below 2^53."""


def narrowed(values: Array, dtype: str) -> Array:
    """Rounded to the dtype; of tf32, which is stored as fp32, all that fp32 has."""
    return values.astype(NUMPY_DTYPES[dtype])


def known(ask: Products, array: Array) -> Array:
    """The operand as the card says that it takes it: without subnormals where it flushes them."""
    if not ask.declared.flush_inputs:
        return array
    least = 2.0 ** exponents(ask.dtype)[0]
    return np.where(np.abs(array.astype(np.float64)) < least, 0, array).astype(array.dtype)


def judge(
    ask: Products, a: Array, b: Array, out: str, transb: str = "n", statistical: bool = False
) -> Reference:
    """Multiply, and note what is wrong: beyond T_det, or of random data beyond the statistical limit."""
    k = a.shape[1]
    r = product(known(ask, a), known(ask, b))
    got = ask.multiply(a, stored(b, transb), out=out, transb=transb)
    with np.errstate(over="ignore"):
        infinite = np.isinf(r.high.astype(NUMPY_DTYPES[out]).astype(np.float64))
    expected = np.where(infinite, np.copysign(np.inf, r.high), r.high)
    bound = deterministic(ask.declared, ask.dtype, out, k, r)
    if ask.differs(within(expected, got, bound)) or not statistical:
        return r
    e, most = statistic(ask.declared, out, r, got), limit(ask.declared, k)
    told = f"E = {e:.3g} where {most:.3g} is what {ask.declared.accumulator_bits} bits explain"
    so_far = float(ask.facts.get("E / limit", "0"))
    ask.facts["E / limit"] = f"{max(so_far, e / most):.3f}"
    if e > FAILS_AT * most:
        ask.fail(told)
    elif e > most:
        ask.marginal(told)
    return r


def random_products(ask: Products) -> None:
    """GE-23: full mantissas, of both signs and of one. Few rows by a transposed B, which many libraries
    compute in a way of its own, too."""
    shapes = [(24, 40, 16), (33, 17, 129), (64, 64, 512)] + [(16, 32, 2048)] * (ask.thorough > 1)
    laid = [(shape, "n") for shape in shapes] + [(FEW_ROWS, transb) for transb in ask.orders("transb")]
    for (m, n, k), transb in laid:
        for kind in ("normal", "uniform"):
            for draw in range(DRAWS):
                for out in ask.outs:
                    if ask.attempt(f"{kind} {m}x{n}x{k} n{transb} draw={draw} out={out}"):
                        judge(ask, *drawn(ask, kind, m, n, k), out, transb, statistical=True)


def drawn(ask: Products, kind: str, m: int, n: int, k: int) -> tuple[Array, Array]:
    """N(0, 1), or U(0, 1), whose sums grow and whose rounding errors show whether they have a sign."""
    rng = ask.rng()
    draw = rng.standard_normal if kind == "normal" else rng.random
    return narrowed(draw((m, k)), ask.type_a), narrowed(draw((k, n)), ask.type_b)


def cancellation(ask: Products) -> None:
    """GE-18: the sum is far smaller than its terms; and its halves are, where they are added up one by one.

    T_det is relative to G: whoever keeps partial sums in less than the accumulator errs by their size. Where
    next to nothing is left, two partial sums of opposite signs are rounded alike and cancel as they should;
    where more is left they are not.
    """
    laid = [((8, 24, 66), "n"), ((16, 32, 1026), "n")]
    laid += [(FEW_ROWS, transb) for transb in ask.orders("transb")]
    for (m, n, k), transb in laid:
        for order, span, out in pairs(("pairs", "halves", "shuffled"), SPANS, ask.outs):
            if ask.attempt(f"{order} {m}x{n}x{k} n{transb} 2^-{span} out={out}"):
                judge(ask, *cancelling(ask, order, span, m, n, k), out, transb)


def cancelling(ask: Products, order: str, span: int, m: int, n: int, k: int) -> tuple[Array, Array]:
    """A = [x, x, d], B = [y; -y; z]: positive x and y whose products cancel, and d z, 2^-span as large where
    the dtype has that, which is left."""
    rng, half = ask.rng(), (k - 2) // 2
    span = min(span, -exponents(ask.dtype)[0] - 1)
    x, y = rng.random((m, half)) + 1, rng.random((half, n)) + 1
    d, z = (rng.random((m, 2)) + 1) * 2.0**-span, rng.random((2, n)) + 1
    a, b = np.concatenate([x, x, d], axis=1), np.concatenate([y, -y, z])
    if order == "pairs":
        at = np.concatenate([np.arange(2 * half).reshape(2, half).T.ravel(), [k - 2, k - 1]])
    else:
        at = np.arange(k) if order == "halves" else rng.permutation(k)
    return narrowed(a[:, at], ask.type_a), narrowed(b[at], ask.type_b)


def graded(ask: Products) -> None:
    """GE-19: rows of A and columns of B of very different sizes. Each element is held to its own row and
    column; Strassen's and other fast algorithms are only right beside the largest."""
    span = min(GRADES, -exponents(ask.dtype)[0] // 2)
    for n in (64, 130) + (256,) * (ask.thorough > 1):
        for out in ask.outs:
            if not ask.attempt(f"{n}x{n}x{n} 2^0..2^-{span} out={out}"):
                continue
            rng = ask.rng()
            scale = 2.0 ** -rng.permutation(np.arange(n) * span // (n - 1))
            a = narrowed((rng.random((n, n)) + 1) * rng.choice([-1, 1], (n, n)) * scale[:, None], ask.type_a)
            b = narrowed((rng.random((n, n)) + 1) * rng.choice([-1, 1], (n, n)) * scale[None, :], ask.type_b)
            before = ask.failed
            judge(ask, a, b, out)
            if ask.failed > before:
                ask.facts["algorithm"] = "fast or worse"
            ask.facts.setdefault("algorithm", "componentwise")


def hilbert(ask: Products) -> None:
    """GE-20: a Hilbert matrix and its inverse, whose whole numbers grow up to 10^16 and cancel."""
    for n in range(2, HILBERT_MOST + 1):
        h, inverse = hilbert_pair(n)
        if np.abs(inverse).max() > float(numbers(ask.type_b).max):
            break
        for out in ask.outs:
            if ask.attempt(f"{n}x{n}x{n} out={out}"):
                judge(ask, narrowed(h, ask.type_a), narrowed(inverse, ask.type_b), out)


def hilbert_pair(n: int) -> tuple[Array, Array]:
    """H[i, j] = 1 / (i + j + 1) and its inverse (Choi 1983, "Tricks or treats with the Hilbert matrix")."""
    h = [[float(Fraction(1, i + j + 1)) for j in range(n)] for i in range(n)]
    inverse = [
        [
            (-1) ** (i + j)
            * (i + j + 1)
            * comb(n + i, n - j - 1)
            * comb(n + j, n - i - 1)
            * comb(i + j, i) ** 2
            for j in range(n)
        ]
        for i in range(n)
    ]
    return np.array(h), np.array(inverse, np.float64)


ITEMS = (
    Item(
        "GE-18",
        "sums that cancel",
        "ReproBLAS tests, fills by condition number",
        "L2",
        cancellation,
        families=("precision",),
        dtypes=FLOATING,
    ),
    Item(
        "GE-19",
        "graded rows and columns",
        "LAPACK Users' Guide, node 108",
        "L2",
        graded,
        families=("precision",),
        dtypes=FLOATING,
    ),
    Item(
        "GE-20",
        "Hilbert matrix and its inverse",
        "Choi 1983",
        "L2",
        hilbert,
        families=("precision",),
        dtypes=FLOATING,
    ),
    Item(
        "GE-23",
        "random products of full mantissas",
        "Higham & Mary 2019; Netlib xBLAT3 SMMCH",
        "L2",
        random_products,
        families=("precision", "index"),
        dtypes=FLOATING,
    ),
)
