"""Freivalds' check of whole numbers modulo the prime 2^61 - 1: C r = A (B r) for a random r.

A wrong C escapes with a probability of 2^-61 for each row that is wrong, whatever the error is (Freivalds
1977); r comes from a seed that the customer chooses, so that no answer can be prepared for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
P = (1 << 61) - 1
LIMB_BITS = 21
"""Three limbs of an element of Z_p; |matrix| < 2^31 times 2^21, and 2^11 of those, stay below 2^63."""
COLUMNS = 1 << 11
MATRIX_BITS = 31


def wrong_rows(a: Array, b: Array, c: Array, rng: np.random.Generator) -> Array:
    """Indices of rows of C (m, n) that are not A (m, k) B (k, n); all of whole numbers below 2^31.

    Anything in C that is not such a number makes its row wrong.
    """
    wide = c.astype(np.float64)
    whole = np.isfinite(wide) & (np.abs(wide) <= 2.0**MATRIX_BITS) & (np.trunc(wide) == wide)
    r = rng.integers(0, P, (b.shape[1],), dtype=np.int64)
    left = times(np.where(whole, wide, 0).astype(np.int64), r)
    right = times(a.astype(np.int64), times(b.astype(np.int64), r))
    return np.flatnonzero((left != right) | ~whole.all(axis=1))


def times(matrix: Array, x: Array) -> Array:
    """matrix @ x modulo P; int64 below 2^31 in size, and elements of Z_p."""
    total = np.zeros(matrix.shape[0], np.int64)
    for first in range(0, matrix.shape[1], COLUMNS):
        part, piece = matrix[:, first : first + COLUMNS], x[first : first + COLUMNS]
        for limb in reversed(range(3)):
            digits = (piece >> (LIMB_BITS * limb)) & ((1 << LIMB_BITS) - 1)
            total = (total + shifted((part * digits).sum(axis=1) % P, LIMB_BITS * limb)) % P
    return total


def shifted(x: Array, bits: int) -> Array:
    """x 2^bits modulo P of x in Z_p: as 2^61 = 1, its bits rotate."""
    bits %= 61
    return ((x & ((1 << (61 - bits)) - 1)) << bits) + (x >> (61 - bits)) if bits else x
