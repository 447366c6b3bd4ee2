"""Quantities are read strictly and shown with three digits."""

from __future__ import annotations

import pytest

from zbench.errors import UsageError
from zbench.judge.units import BASE_UNITS, format_value, parse_as, parse_quantity


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("4 us", 4e-6, "s"),
        ("4us", 4e-6, "s"),
        ("1.5 ms", 1.5e-3, "s"),
        ("64 MiB", 67108864.0, "B"),
        ("64 MB", 64e6, "B"),
        ("100 GB/s", 1e11, "B/s"),
        ("1 KiB/s", 1024.0, "B/s"),
        ("95.1 GFLOP/s", 95.1e9, "FLOP/s"),
        ("30 GFLOP/J", 3e10, "FLOP/J"),
        ("2 M/s", 2e6, "1/s"),
        ("2e6 1/s", 2e6, "1/s"),
        ("10", 10.0, "1"),
        ("-1e-3", -1e-3, "1"),
        ("90 %", 0.9, "1"),
    ],
)
def test_a_quantity_is_read_into_its_base_unit(text: str, value: float, unit: str) -> None:
    """Every prefix means what SI and IEC say, to the last bit where that is possible."""
    assert parse_quantity(text) == (value, unit)


REFUSED = [
    *("", "us", "nan", "inf", "-inf us", "1e400", "1e300 EB/s", "4 parsecs", "4  us", " 4 us", "4 us "),
    *("1,5 s", "0x10", "1_000", "4 mB", "4 ks", "4 KB", "4 GiFLOP/s", "\u0664 us", ".5 s", "1. s"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_a_quantity_is_refused(text: str) -> None:
    """No nan, no infinity, no unit that does not exist, no digits of another script."""
    with pytest.raises(UsageError, match=r"not a number|unknown unit|too large"):
        parse_quantity(text)


def test_a_near_miss_of_a_unit_is_named() -> None:
    """A typo is answered with the unit that was probably meant."""
    with pytest.raises(UsageError, match=r"did you mean 'GB/s'\?"):
        parse_quantity("100 GBs")


def test_a_value_of_the_wrong_kind_is_refused() -> None:
    """A latency in bytes is no latency."""
    with pytest.raises(UsageError, match="'4 MB' is not a value in s"):
        parse_as("4 MB", "s")
    with pytest.raises(UsageError, match="'4 us' is not a plain number"):
        parse_as("4 us", "1")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.23e9, "FLOP/s", "1.23 GFLOP/s"),
        (999.6e6, "B/s", "1.00 GB/s"),
        (999.4e6, "B/s", "999 MB/s"),
        (4e-6, "s", "4.00 us"),
        (1.1e-7, "s", "110 ns"),
        (3e-10, "s", "0.300 ns"),
        (12.34, "s", "12.3 s"),
        (0.0, "s", "0 s"),
        (-4e-6, "s", "-4.00 us"),
        (2.5e6, "1/s", "2.50 M/s"),
        (12.0, "1/s", "12.0 1/s"),
        (67108864.0, "B", "64 MiB"),
        (8.0, "B", "8 B"),
        (1.5 * 2**20, "B", "1.50 MiB"),
        (9.5, "1", "9.50"),
        (0.83214, "1", "0.832"),
        (1234.0, "1", "1234"),
        (float("inf"), "B/s", "inf B/s"),
    ],
)
def test_a_value_is_shown_with_three_digits(value: float, unit: str, text: str) -> None:
    """With the prefix that keeps the digits short, also where rounding moves it up one."""
    assert format_value(value, unit) == text


@pytest.mark.parametrize("unit", BASE_UNITS)
def test_what_is_shown_can_be_read_back(unit: str) -> None:
    """Formatting and parsing speak the same language."""
    assert parse_as(format_value(1.25e7, unit), unit) == pytest.approx(1.25e7, rel=0.005)
