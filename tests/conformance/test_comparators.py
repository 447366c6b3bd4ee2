"""What comparators must reject: each right answer with one thing wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zbench.conformance.compare import Difference, equal, identical, within

Array = NDArray[Any]
Comparator = Callable[[Array, Array], "Difference | None"]


def near(expected: Array, got: Array) -> Difference | None:
    """With half a unit in the last place of 1000."""
    return within(expected, got, np.full(expected.shape, 2.0**-15))


COMPARATORS = {"identical": identical, "equal": equal, "within": near}


def right() -> Array:
    return np.random.default_rng(0).integers(-1000, 1000, (5, 7)).astype(np.float32)


def with_nan(answer: Array) -> None:
    answer[2, 3] = np.nan


def one_ulp_off(answer: Array) -> None:
    answer[0, 0] = np.nextafter(np.float32(1000), np.float32(2000))


def swapped(answer: Array) -> None:
    answer[[0, 4]] = answer[[4, 0]]


def zeroed(answer: Array) -> None:
    answer[4, 6] = 0


def nearly_one_off(answer: Array) -> None:
    answer[1, 1] += np.float32(0.75)


@pytest.mark.parametrize("wrong", [with_nan, one_ulp_off, swapped, zeroed, nearly_one_off])
@pytest.mark.parametrize("comparator", COMPARATORS.values(), ids=COMPARATORS)
def test_every_comparator_rejects(comparator: Comparator, wrong: Callable[[Array], None]) -> None:
    """One element or one row that is wrong, in each way that published checks have missed."""
    expected, got = right(), right()
    expected[0, 0] = got[0, 0] = 1000
    expected[4, 6] = got[4, 6] = 7
    wrong(got)
    assert comparator(expected, got) is not None


@pytest.mark.parametrize("comparator", COMPARATORS.values(), ids=COMPARATORS)
def test_every_comparator_accepts_the_same(comparator: Comparator) -> None:
    """Infinities and NaNs among them."""
    expected = right()
    expected[0, :3] = np.inf, -np.inf, np.nan
    assert comparator(expected, expected.copy()) is None


@pytest.mark.parametrize("comparator", COMPARATORS.values(), ids=COMPARATORS)
def test_an_infinity_of_the_other_sign_is_wrong(comparator: Comparator) -> None:
    """Whatever the tolerance, and a number for an infinity as well."""
    for expected, got in ((np.inf, -np.inf), (np.inf, 3e38), (3e38, np.inf), (1.0, np.nan), (np.nan, 1.0)):
        assert comparator(np.float32([expected]), np.float32([got])) is not None


def test_no_number_is_near_an_infinity() -> None:
    """Where terms are infinite, so is what their rounding allows."""
    expected, tolerance = np.float32([np.inf, 1.0]), np.array([np.inf, np.inf])
    assert within(expected, np.float32([3e38, 1.0]), tolerance) is not None
    assert within(expected, np.float32([np.inf, 2.0]), tolerance) is None


def test_only_bits_tell_zeros_apart() -> None:
    """-0 is the number 0, and not its bits."""
    zero, minus_zero = np.float32([0.0]), np.float32([-0.0])
    assert identical(zero, minus_zero) is not None
    assert equal(zero, minus_zero) is None


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_large_integers_are_not_compared_as_floats(kind: type[Any]) -> None:
    """2^53 and 2^53 + 1 are one fp64."""
    assert equal(np.array([2**53], kind), np.array([2**53 + 1], kind)) is not None


@pytest.mark.parametrize("comparator", COMPARATORS.values(), ids=COMPARATORS)
def test_shapes_must_agree(comparator: Comparator) -> None:
    """An answer of one row is no answer of four that are alike."""
    with pytest.raises(ValueError, match="shapes"):
        comparator(np.ones((4, 3), np.float32), np.ones((1, 3), np.float32))


def test_a_difference_says_where_and_what() -> None:
    """The first wrong element, its bits, and how many there are."""
    expected = np.zeros((2, 2), np.float32)
    got = expected.copy()
    got[1] = 1.0
    found = equal(expected, got)
    assert found is not None
    assert (found.wrong, found.of, found.place) == (2, 4, (1, 0))
    assert "0x3f800000" in str(found)
