"""What C = alpha A B + beta C is, to twice fp64's precision, for judging products that round.

Elementwise numpy alone: the BLAS behind `@` may be the very subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SPLITTER = 2.0**27 + 1
"""Veltkamp's, for halves of 26 bits of an fp64 number."""


@dataclass(frozen=True)
class Reference:
    """R = high + low, and what its rounding errors are measured by; all (m, n), fp64."""

    high: Array
    low: Array
    terms: Array
    """|alpha| |A| |B|."""
    magnitude: Array
    """G = |alpha| |A| |B| + |beta| |C|."""

    def error(self, got: Array) -> Array:
        """|got - R|. NaN where either is NaN."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(np.abs((got.astype(np.float64) - self.high) - self.low))


def product(a: Array, b: Array, alpha: float = 1.0, beta: float = 0.0, c: Array | None = None) -> Reference:
    """R of finite A (m, k), B (k, n) and C (m, n), as they are stored.

    Dot2 of Ogita, Rump & Oishi 2005 ("Accurate sum and dot product", algorithm 5.3): the error of R is at
    most u |R| + gamma_k(u)^2 G with fp64's u, and without the first term once the low part is kept. Products
    of floats narrower than fp64 are exact in fp64; those of fp64 are split by Dekker's algorithm, which needs
    operands below 2^996.
    """
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    exact = max(a.dtype.itemsize, b.dtype.itemsize) < 8
    high, low, terms = (np.zeros((a.shape[0], b.shape[1])) for _ in range(3))
    for i in range(a.shape[1]):
        column, row = wide_a[:, i, None], wide_b[None, i, :]
        term = column * row
        high, lost = two_sum(high, term)
        low += lost if exact else lost + remainder(column, row, term)
        terms += np.abs(term)
    high, low, terms = *scaled(high, low, alpha), abs(alpha) * terms
    magnitude = terms
    if beta != 0.0 and c is not None:
        wide_c = c.astype(np.float64)
        term = beta * wide_c
        high, lost = two_sum(high, term)
        low = low + lost + remainder(np.asarray(beta), wide_c, term)
        magnitude = terms + np.abs(term)
    high, low = two_sum(high, low)
    return Reference(high, low, terms, magnitude)


def two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    """x + y as (rounded, what rounding lost), exactly (Knuth, TAOCP 4.2.2, theorem B)."""
    total = x + y
    back = total - x
    return total, (x - (total - back)) + (y - back)


def remainder(x: Array, y: Array, rounded: Array) -> Array:
    """x y - rounded, exactly (Dekker 1971), where nothing over- or underflows."""
    x_high, y_high = _half(x), _half(y)
    x_low, y_low = x - x_high, y - y_high
    error = ((x_high * y_high - rounded) + x_high * y_low) + x_low * y_high
    return np.asarray(error + x_low * y_low)


def scaled(high: Array, low: Array, alpha: float) -> tuple[Array, Array]:
    """alpha (high + low)."""
    if alpha == 1.0:
        return high, low
    factor, term = np.asarray(alpha), alpha * high
    return term, alpha * low + remainder(factor, high, term)


def _half(x: Array) -> Array:
    """The upper 26 bits of each."""
    wide = SPLITTER * x
    return np.asarray(wide - (wide - x))
