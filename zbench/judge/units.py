"""Quantities as people write them: "4 us", "64 MiB", "100 GB/s", "30 %"; strict in, readable out."""

from __future__ import annotations

import math
import re

from zbench.errors import UsageError, suggest

BASE_UNITS = ("s", "B", "B/s", "FLOP", "FLOP/s", "OP/s", "1/s", "1", "FLOP/J", "W", "currency")
SI = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
SMALL = {"m": 1e-3, "u": 1e-6, "n": 1e-9}
BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}


def _units() -> dict[str, tuple[float, str]]:
    """Every unit that may be written -> (factor, base unit). Milliseconds exist, millibytes do not."""
    units = {unit: (1.0, unit) for unit in BASE_UNITS if unit != "1"}
    units["%"] = (0.01, "1")
    for prefix, factor in SI.items():
        for unit in ("B", "B/s", "FLOP", "FLOP/s", "OP/s", "FLOP/J", "W"):
            units[prefix + unit] = (factor, unit)
        units[f"{prefix}/s"] = (factor, "1/s")
    for prefix, factor in BINARY.items():
        for unit in ("B", "B/s"):
            units[prefix + unit] = (factor, unit)
    for prefix, factor in SMALL.items():
        units[f"{prefix}s"] = (factor, "s")
    return units


UNITS = _units()
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?) ?(\S.*)?", re.ASCII)


def parse_quantity(text: str) -> tuple[float, str]:
    """(value in the base unit, base unit) of "4 us"; a bare number has the unit "1".

    Raises UsageError for anything that is not a finite number with a known unit.
    """
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is not a number with a unit, such as '4 us' or '100 GB/s'")
    number, unit = match[1], match[2] or ""
    if unit and unit not in UNITS:
        raise UsageError(f"{text!r}: unknown unit {unit!r}{suggest(unit, UNITS)}")
    factor, base = UNITS[unit] if unit else (1.0, "1")
    value = float(number) / round(1 / factor) if factor < 1 else float(number) * factor
    if not math.isfinite(value):
        raise UsageError(f"{text!r} is too large to be meant")
    if not value and number.lower().partition("e")[0].strip("+-0."):
        raise UsageError(f"{text!r} is too small to be meant")
    return value, base


def parse_as(text: str, unit: str) -> float:
    """The value of `text` in base unit `unit`. Raises UsageError, also for another unit."""
    value, base = parse_quantity(text)
    if base != unit:
        wanted = "a plain number" if unit == "1" else f"a value in {unit}"
        raise UsageError(f"{text!r} is not {wanted}")
    return value


def format_value(value: float, unit: str) -> str:
    """Three significant digits with the prefix that keeps them in 1..999: "1.23 GFLOP/s"."""
    if not math.isfinite(value):
        return f"{value} {unit}".removesuffix(" 1")
    if unit in ("1", "currency"):
        return _three_digits(value) + ("" if unit == "1" else " currency")
    if unit == "B":
        return _scaled(value, {"": 1.0} | BINARY, unit)
    prefixes = {"": 1.0} | (SMALL if unit == "s" else SI)
    return _scaled(value, prefixes, unit.removeprefix("1") if unit == "1/s" else unit)


def _scaled(value: float, prefixes: dict[str, float], unit: str) -> str:
    """The largest prefix that leaves at least 1 after rounding, else the smallest there is."""
    ordered = sorted(prefixes.items(), key=lambda item: -item[1])
    for prefix, factor in ordered:
        if abs(value / factor) >= 0.9995 or (not value and factor == 1):
            return _joined(value / factor, prefix, unit)
    return _joined(value / ordered[-1][1], ordered[-1][0], unit)


def _joined(value: float, prefix: str, unit: str) -> str:
    if not prefix and unit == "/s":
        return f"{_three_digits(value)} 1/s"
    digits = f"{value:.0f}" if unit == "B" and value == int(value) else _three_digits(value)
    return f"{digits} {prefix}{unit}"


def _three_digits(value: float) -> str:
    """1.23, 12.3, 123, 0.123; plain digits up to a million, then powers of ten."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(float(f"{value:.2e}"))))
    return f"{value:.{max(0, 2 - exponent)}f}" if -4 <= exponent < 6 else f"{value:.2e}"
