"""Whether C = A B, in O(mn + mk + kn), against a fresh random vector (Freivalds 1977)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zbench.workloads.base import UNIT_ROUNDOFF, Array, Finding

ROUNDING_MARGIN = 4
"""Times the typical rounding of a row, which plain sequential sums reach at 0.4: ten standard deviations
for them, more for blocked ones, and a factor of 40 below a product in half precision at k = 4096."""
CHUNK_BYTES = 16 << 20
"""Operands are widened to 8 bytes an element in pieces of this size: checking must fit where measuring
did."""
INTEGER_BITS = 32
"""Of the random vector for integers: a row that is wrong in several places escapes once in 2^32."""


def times(matrix: Array, x: Array) -> Array:
    """matrix @ x in the type of x (fp64, or int64 modulo 2^64); (..., r, c) and (..., c) -> (..., r)."""
    rows = max(1, CHUNK_BYTES // max(8, 8 * matrix[..., :1, :].size))
    parts = [
        (matrix[..., first : first + rows, :].astype(x.dtype) @ x[..., None])[..., 0]
        for first in range(0, matrix.shape[-2], rows)
    ]
    return np.concatenate(parts, axis=-1) if parts else np.zeros(matrix.shape[:-1], x.dtype)


def norms(matrix: Array) -> Array:
    """The Euclidean length of each row, in fp64."""
    rows = max(1, CHUNK_BYTES // max(8, 8 * matrix[..., :1, :].size))
    parts = []
    for first in range(0, matrix.shape[-2], rows):
        wide = matrix[..., first : first + rows, :].astype(np.float64)
        parts.append(np.sqrt(np.einsum("...j,...j->...", wide, wide)))
    return np.concatenate(parts, axis=-1) if parts else np.zeros(matrix.shape[:-1])


@dataclass(frozen=True)
class Roundoff:
    """Unit roundoffs that a product may have; 0: none."""

    sums: float
    """Of products and their sums."""
    operands: float = 0.0
    """Of A and B, where they are rounded before they are multiplied."""
    result: float = 0.0
    """Of C, where it is stored narrower than it was summed."""


def floats(op_a: Array, op_b: Array, c: Array, u: Roundoff, rng: np.random.Generator) -> Finding:
    """For floats, (..., m, k) (..., k, n) (..., m, n).

    Rounding: on random data of mean zero, as `fill` makes them, the error of element ij is a small multiple
    of u |a_i| |b_j| whatever k is (Higham & Mary 2020, "Sharper probabilistic backward error analysis for
    basic linear algebra kernels with random data"); with a random vector of signs the errors of a row add as
    the root of the sum of squares, to u |a_i| |B|_F. The fp64 sums over the n columns of this check itself
    add sqrt(n / k) of that in fp64's u. Rounded operands spoil each of the k products by itself, which adds
    up to 1 / sqrt(k) of u |a_i| |B|_F. Storing C rounds each element once, in a row to u |c_i|.
    """
    n, k = c.shape[-1], op_a.shape[-1]
    x = np.broadcast_to(rng.choice([-1.0, 1.0], size=n), (*c.shape[:-2], n))
    error = np.abs(times(c, x) - times(op_a, times(op_b, x)))
    whole_b = np.sqrt((norms(op_b) ** 2).sum(axis=-1, keepdims=True))
    tolerance = ROUNDING_MARGIN * (
        (u.sums + u.operands / np.sqrt(max(k, 1)) + 2 * UNIT_ROUNDOFF["fp64"] * np.sqrt(n / max(k, 1)))
        * norms(op_a)
        * whole_b
        + (u.result * norms(c) if u.result else 0)
    )
    wrong = ~(error <= tolerance)  # NaN is wrong, too
    smallest = float(2 * tolerance.max(initial=0.0, where=np.isfinite(tolerance)))
    if not wrong.any():
        return Finding(True, smallest)
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return Finding(
        False,
        smallest,
        f"{int(wrong.sum())} of {wrong.size} rows are wrong, the first is {_row(place)}: off by "
        f"{error[place]:.3g} where {tolerance[place]:.3g} is the most that rounding explains",
    )


def integers(op_a: Array, op_b: Array, c: Array, rng: np.random.Generator) -> Finding:
    """For integers, which a product must get exactly; sums modulo 2^64."""
    x = rng.integers(1, 2**INTEGER_BITS, size=c.shape[-1], dtype=np.int64)
    x = np.broadcast_to(x, (*c.shape[:-2], c.shape[-1]))
    wrong = times(c, x) != times(op_a, times(op_b, x))
    if not wrong.any():
        return Finding(True, 0.0)
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return Finding(
        False, 0.0, f"{int(wrong.sum())} of {wrong.size} rows are wrong, the first is {_row(place)}"
    )


def _row(place: tuple[int, ...]) -> str:
    row = f"row {place[-1]}"
    return f"{row} of product {place[0]}" if len(place) > 1 else row
