"""Whether C = A B, in O(mn + mk + kn), against a fresh random vector (Freivalds 1977)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zbench.workloads.base import UNIT_ROUNDOFF, Array, Finding, Repeating

ROUNDING_MARGIN = 4
"""Times the typical rounding of a row, which plain sequential sums reach at 0.4: ten standard deviations
for them, more for blocked ones, and a factor of 40 below a product in half precision at k = 4096."""
CHUNK_BYTES = 256 << 10
"""Operands are widened to 8 bytes an element in pieces of this size: a piece stays in the L2 cache while it
is multiplied and measured, which makes a check three times as fast as with pieces of 16 MiB, and checking
must fit where measuring did."""
INTEGER_BITS = 32
"""Of the random vector for integers: a row that is wrong in several places escapes once in 2^32."""


Operand = Array | Repeating
Pieces = Iterator[tuple[int, Array]]
"""(number of the first row, some rows), as they are stored and as wide as they are multiplied."""


def times(matrix: Operand, x: Array) -> Array:
    """matrix @ x in the type of x (fp64, or int64 modulo 2^64); (..., r, c) and (..., c) -> (..., r)."""
    return _applied(matrix, x, None)


def times_and_norms(matrix: Operand, x: Array) -> tuple[Array, Array]:
    """(matrix @ x, the Euclidean length of each row), in fp64 and in one pass."""
    if isinstance(matrix, Repeating) and not matrix.transposed:
        return times(matrix, x), np.sqrt(_squares(matrix))
    squares = np.empty(shape(matrix)[:-1])
    return _applied(matrix, x, squares), np.sqrt(squares)


def times_and_length(matrix: Operand, x: Array) -> tuple[Array, Array]:
    """(matrix @ x, the Frobenius norm), in fp64; (..., r, c) and (..., c) -> (..., r), (..., 1)."""
    if isinstance(matrix, Repeating):
        return times(matrix, x), np.sqrt(_squares(matrix).sum(axis=-1, keepdims=True))
    product, rows = times_and_norms(matrix, x)
    return product, np.sqrt((rows**2).sum(axis=-1, keepdims=True))


def _squares(data: Repeating) -> Array:
    """The sum of the squares of each row as it is stored, from one running sum over what repeats."""
    running = np.concatenate(([0.0], np.cumsum(data.period.astype(np.float64) ** 2)))
    ends = np.arange(int(np.prod(data.shape[:-1], dtype=np.int64)) + 1) * data.shape[-1]
    periods, rest = np.divmod(ends, max(1, data.period.size))
    squares: Array = np.diff(periods * running[-1] + running[rest])
    return squares.reshape(data.shape[:-1])


def shape(matrix: Operand) -> tuple[int, ...]:
    """As it is multiplied."""
    if isinstance(matrix, Repeating) and matrix.transposed:
        return (*matrix.shape[:-2], matrix.shape[-1], matrix.shape[-2])
    return matrix.shape


def _applied(matrix: Operand, x: Array, squares: Array | None) -> Array:
    """matrix @ x; the sum of the squares of each row goes to `squares`."""
    product = np.empty(shape(matrix)[:-1], x.dtype)
    pieces_of = _reader(matrix, x.dtype)
    for place in np.ndindex(*product.shape[:-1]):
        upright, pieces = pieces_of(place)
        apply = _by_rows if upright else _by_columns
        apply(pieces, x[place], product[place], None if squares is None else squares[place])
    return product


def _reader(matrix: Operand, dtype: Any) -> Callable[[tuple[int, ...]], tuple[bool, Pieces]]:
    """Where a matrix stands -> (whether its rows are stored whole, what is stored)."""
    if isinstance(matrix, Repeating):
        data, twice = matrix, _twice(matrix, dtype)
        return lambda place: (not data.transposed, _repeated(data, twice, place))

    def read(place: tuple[int, ...]) -> tuple[bool, Pieces]:
        one = matrix[place]
        upright = one.strides[-1] <= one.strides[-2]  # else it is read along its columns, as it is stored
        return upright, _widened(one if upright else one.T, dtype)

    return read


def _by_rows(pieces: Pieces, x: Array, product: Array, squares: Array | None) -> None:
    for first, part in pieces:
        last = first + len(part)
        np.matmul(part, x, out=product[first:last])
        if squares is not None:
            np.einsum("ij,ij->i", part, part, out=squares[first:last])


def _by_columns(pieces: Pieces, x: Array, product: Array, squares: Array | None) -> None:
    product[...] = 0
    if squares is not None:
        squares[...] = 0
    for first, part in pieces:
        product += x[first : first + len(part)] @ part
        if squares is not None:
            squares += np.einsum("ij,ij->j", part, part)


def _widened(matrix: Array, dtype: Any) -> Pieces:
    """Each piece is gone when the next one comes. What is as wide already is not copied."""
    rows, columns = matrix.shape
    if matrix.dtype == dtype:
        yield 0, matrix
        return
    piece = max(1, CHUNK_BYTES // max(8, 8 * columns))
    wide = np.empty((piece, columns), dtype)
    for first in range(0, rows, piece):
        part = wide[: min(piece, rows - first)]
        np.copyto(part, matrix[first : first + piece], casting="unsafe")
        yield first, part


def _twice(data: Repeating, dtype: Any) -> Array:
    """So much of what repeats that a row which begins in the first period is whole."""
    return np.resize(data.period.astype(dtype), data.period.size + max(data.period.size, data.shape[-1]))


def _repeated(data: Repeating, twice: Array, place: tuple[int, ...]) -> Pieces:
    """The matrix at `place`, of which nothing is made: its rows stand side by side in `twice`."""
    rows, columns = data.shape[-2:]
    number, first = 0, 0
    for at, count in zip(place, data.shape[:-2], strict=True):
        number = number * count + at
    while first < rows:
        start = (number * rows + first) * columns % max(1, data.period.size)
        last = min(rows, first + (twice.size - start) // max(1, columns))
        yield first, twice[start : start + (last - first) * columns].reshape(last - first, columns)
        first = last


@dataclass(frozen=True)
class Roundoff:
    """Unit roundoffs that a product may have; 0: none."""

    sums: float
    """Of products and their sums."""
    operands: float = 0.0
    """Of A and B, where they are rounded before they are multiplied."""
    result: float = 0.0
    """Of C, where it is stored narrower than it was summed."""


def floats(op_a: Operand, op_b: Operand, c: Array, u: Roundoff, rng: np.random.Generator) -> Finding:
    """For floats, (..., m, k) (..., k, n) (..., m, n).

    Rounding: on random data of mean zero, as `fill` makes them, the error of element ij is a small multiple
    of u |a_i| |b_j| whatever k is (Higham & Mary 2020, "Sharper probabilistic backward error analysis for
    basic linear algebra kernels with random data"); with a random vector of signs the errors of a row add as
    the root of the sum of squares, to u |a_i| |B|_F. The fp64 sums over the n columns of this check itself
    add sqrt(n / k) of that in fp64's u. Rounded operands spoil each of the k products by itself, which adds
    up to 1 / sqrt(k) of u |a_i| |B|_F. Storing C rounds each element once, in a row to u |c_i|.
    """
    n, k = c.shape[-1], shape(op_a)[-1]
    x = np.broadcast_to(rng.choice([-1.0, 1.0], size=n), (*c.shape[:-2], n))
    b_x, whole_b = times_and_length(op_b, x)
    a_b_x, rows_of_a = times_and_norms(op_a, b_x)
    c_x, rows_of_c = times_and_norms(c, x) if u.result else (times(c, x), 0.0)
    error = np.abs(c_x - a_b_x)
    tolerance = ROUNDING_MARGIN * (
        (u.sums + u.operands / np.sqrt(max(k, 1)) + 2 * UNIT_ROUNDOFF["fp64"] * np.sqrt(n / max(k, 1)))
        * rows_of_a
        * whole_b
        + u.result * rows_of_c
    )
    # NaN is wrong, too; so is an infinity, which makes the tolerance of a rounded C infinite as well.
    wrong = ~(error <= tolerance) | ~np.isfinite(error)
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


def integers(op_a: Operand, op_b: Operand, c: Array, rng: np.random.Generator) -> Finding:
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
