"""Comparators: whether an answer is right, and where it is not. Each proves in GE-41 what it rejects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.dtypes import NUMPY_DTYPES

Array = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """What is wrong with an answer, and where first."""

    wrong: int
    of: int
    place: tuple[int, ...]
    expected: str
    got: str

    def __str__(self) -> str:
        where = ", ".join(map(str, self.place))
        return (
            f"{self.wrong} of {self.of} elements are wrong, the first at [{where}]: "
            f"expected {self.expected}, got {self.got}"
        )


class Misshapen(Exception):
    """An answer that is no array of the shape and the type that were asked for."""


def shaped(got: Array, shape: tuple[int, ...], dtype: str) -> Array:
    """The answer itself. Raises Misshapen."""
    kind = NUMPY_DTYPES[dtype]
    if not isinstance(got, np.ndarray) or got.shape != shape or got.dtype != kind:
        told = f"{got.dtype}{list(got.shape)}" if isinstance(got, np.ndarray) else type(got).__name__
        raise Misshapen(f"expected an array {kind}{list(shape)}, got {told}")
    return got


def bits(array: Array) -> Array:
    """The same elements as unsigned integers."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def identical(expected: Array, got: Array) -> Difference | None:
    """Bit for bit: -0 is not 0, and one NaN is not another."""
    return _where(bits(expected) != bits(got), expected, got)


def equal(expected: Array, got: Array) -> Difference | None:
    """The same numbers; any NaN for a NaN, either zero for a zero."""
    if expected.dtype.kind in "iub":
        return _where(expected != got, expected, got)
    wide_expected, wide_got = expected.astype(np.float64), got.astype(np.float64)
    both_nan = np.isnan(wide_expected) & np.isnan(wide_got)
    return _where(~both_nan & ~(wide_expected == wide_got), expected, got)


def within(expected: Array, got: Array, tolerance: Array) -> Difference | None:
    """|got - expected| <= tolerance, both in fp64, elementwise; where `expected` is no finite number, the
    same infinity, or any NaN for a NaN. A NaN that is not expected is wrong, whatever the tolerance."""
    wide_expected, wide_got = expected.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(wide_expected)
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(wide_got - wide_expected) <= tolerance
    both_nan = np.isnan(wide_expected) & np.isnan(wide_got)
    right = np.where(finite, near, both_nan | (wide_expected == wide_got))
    return _where(~right, expected, got)


def _where(wrong: Array, expected: Array, got: Array) -> Difference | None:
    if expected.shape != got.shape:
        raise ValueError(f"shapes {expected.shape} and {got.shape}")
    if not wrong.any():
        return None
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return Difference(int(wrong.sum()), int(wrong.size), place, _told(expected[place]), _told(got[place]))


def _told(element: Any) -> str:
    """Its value, and its bits where it is no integer."""
    if np.asarray(element).dtype.kind in "iub":
        return str(int(element))
    raw = bits(np.asarray(element).reshape(1))
    return f"{float(element):.9g} (0x{int(raw[0]):0{2 * raw.dtype.itemsize}x})"
