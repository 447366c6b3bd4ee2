"""Reference products are what exact fractions say, to twice fp64's precision."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from zbench.conformance.reference import product, remainder, two_sum


def exact(a: NDArray, b: NDArray) -> list[list[Fraction]]:
    """A B without any rounding."""
    columns = [[Fraction(float(y)) for y in column] for column in b.T]
    return [
        [
            sum((Fraction(float(x)) * y for x, y in zip(row, column, strict=True)), Fraction(0))
            for column in columns
        ]
        for row in a
    ]


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_high_and_low_together_are_the_product(kind: type) -> None:
    """Random terms that nearly cancel: what is left is right to 2^-80 of the terms' size, where fp64 alone
    has 2^-53."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((3, 20)), rng.standard_normal((20, 4))
    a = np.concatenate([x, -x, rng.standard_normal((3, 2)) * 1e-3], axis=1).astype(kind)
    b = np.concatenate([y, y, rng.standard_normal((2, 4))]).astype(kind)
    r, right = product(a, b), exact(a, b)
    for i in range(3):
        for j in range(4):
            found = Fraction(float(r.high[i, j])) + Fraction(float(r.low[i, j]))
            assert abs(found - right[i][j]) <= Fraction(1, 2**80) * Fraction(float(r.magnitude[i, j]))


def test_magnitudes_are_of_terms_without_their_signs() -> None:
    """G = |alpha| |A| |B| + |beta| |C|, and the part of the terms by itself."""
    a, b = np.array([[1.0, -2.0]]), np.array([[3.0], [4.0]])
    r = product(a, b, alpha=-2.0, beta=0.5, c=np.array([[-8.0]]))
    assert (r.high, r.low) == (6.0, 0.0)  # -2 (3 - 8) - 4
    assert (r.terms, r.magnitude) == (22.0, 26.0)


def test_scaling_loses_nothing() -> None:
    """alpha (A B) + beta C of thirds and sevenths, against fractions."""
    a, b, c = np.array([[1 / 3, 1 / 7]]), np.array([[3.0], [1 / 9]]), np.array([[1 / 11]])
    r = product(a, b, alpha=0.7, beta=1.3, c=c)
    right = Fraction(0.7) * exact(a, b)[0][0] + Fraction(1.3) * Fraction(1 / 11)
    found = Fraction(float(r.high[0, 0])) + Fraction(float(r.low[0, 0]))
    assert abs(found - right) < Fraction(1, 2**98)


def test_an_error_is_measured_beyond_fp64() -> None:
    """R = 1 + 2^-60 is not what fp64 calls 1: the difference is told."""
    a, b = np.array([[1.0, 2.0**-30]]), np.array([[1.0], [2.0**-30]])
    assert product(a, b).error(np.array([[1.0]])) == 2.0**-60


def test_two_sum_and_the_remainder_of_a_product_are_exact() -> None:
    """What rounding loses comes back: 1 + 2^-70, and (1 + 2^-40)^2."""
    total, lost = two_sum(np.array(1.0), np.array(2.0**-70))
    assert (total, lost) == (1.0, 2.0**-70)
    x = np.array(1 + 2.0**-40)
    assert remainder(x, x, x * x) == 2.0**-80


def test_no_terms_are_zero() -> None:
    """K = 0."""
    r = product(np.zeros((2, 0)), np.zeros((0, 3)))
    assert r.high.shape == (2, 3)
    assert not r.high.any()
    assert not r.magnitude.any()
