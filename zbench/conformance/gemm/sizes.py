"""Which sizes are tried together: orthogonal arrays, so that few products meet every pair or triple."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33, 47, 63, 64, 65, 127, 129, 257, 509)
"""Of m, n and k: what xBLAT3 has and lacks, each power of two and its neighbours; 23 of them, a prime."""
FEW = (1, 2, 3, 5, 8, 9, 16, 17, 31, 33, 65)
"""11 of them, likewise."""


def orthogonal(levels: int, strength: int, factors: int) -> Iterator[tuple[int, ...]]:
    """levels**strength rows in which any `strength` of the factors meet in every combination, once.

    The values of all polynomials of a lower degree than `strength` at `factors` points of the field of
    integers modulo `levels`, a prime not below `factors` (Bush 1952, "Orthogonal arrays of index unity").
    """
    for coefficients in product(range(levels), repeat=strength):
        yield tuple(
            sum(c * x**power for power, c in enumerate(coefficients)) % levels for x in range(factors)
        )
