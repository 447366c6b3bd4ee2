"""JSON in the one form that can be signed: RFC 8785 (JSON Canonicalization Scheme), strict where it is lax.

One value has one text, and only that text is read back: whoever edits a byte changes the value, or is told.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

INTEGER_MOST = 2**53 - 1
"""Beyond this a reader that has only doubles sees another number (RFC 7493, I-JSON)."""
DEPTH_MOST = 32
"""Values inside values; ours have 6."""
NUMBER_LENGTH = 32
"""Characters of a number; the longest that is canonical has 25."""
_literal = json.JSONEncoder(ensure_ascii=False).encode
"""Of a text, true, false and null: as RFC 8785 has it, and one encoder for all."""


def canonical(value: Any) -> bytes:
    """The only text of a value, in UTF-8.

    Raises ValueError for what has none: NaN and infinities, -0 (RFC 8785 writes 0, and the sign is lost),
    whole numbers that a double cannot hold, surrogates without their other half, keys that are no text.
    """
    try:
        return _text(value, DEPTH_MOST).encode()
    except UnicodeEncodeError as error:
        raise ValueError("a surrogate without its other half") from error


def portable(value: Any) -> Any:
    """The same with floats as C99 hexadecimal text and large whole numbers as decimal text, which every
    reader has exactly; surrogates without their other half, as in names of files, as escapes."""
    if isinstance(value, dict):
        return {portable(str(key)): portable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [portable(each) for each in value]
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return str(value) if isinstance(value, int) and abs(value) > INTEGER_MOST else value


def parse(data: bytes, most_bytes: int) -> Any:
    """The value of a canonical text. Raises ValueError that tells in which way it is none."""
    if len(data) > most_bytes:
        raise ValueError(f"{len(data)} bytes, and at most {most_bytes} are read")
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_float,
            parse_constant=_refuse,
        )
        again = canonical(value)
    except UnicodeDecodeError as error:
        raise ValueError(f"no UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise ValueError(f"deeper than {DEPTH_MOST} values") from error
    if again != data:
        at = next((i for i, (x, y) in enumerate(zip(again, data, strict=False)) if x != y), len(again))
        raise ValueError(f"not in canonical form (RFC 8785) at byte {at}")
    return value


def _text(value: Any, depth: int) -> str:
    if depth == 0:
        raise ValueError(f"deeper than {DEPTH_MOST} values")
    if value is None or isinstance(value, (bool, str)):
        return _literal(value)
    if isinstance(value, int):
        if abs(value) > INTEGER_MOST:
            raise ValueError(f"the whole number {value} is beyond 2^53: write it as text")
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_text(each, depth - 1) for each in value) + "]"
    if isinstance(value, dict):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"the key {wrong[0]!r} is no text")
        order = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        pairs = (f"{_literal(key)}:{_text(value[key], depth - 1)}" for key in order)
        return "{" + ",".join(pairs) + "}"
    raise ValueError(f"a {type(value).__name__} has no text in JSON")


def _number(value: float) -> str:
    """As ECMAScript writes a number (ECMA-262, Number::toString): the shortest digits, as Python has them."""
    if not math.isfinite(value):
        raise ValueError(f"JSON has no {value}")
    if value == 0:
        if math.copysign(1, value) < 0:
            raise ValueError("-0 would become 0")
        return "0"
    sign, all_digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, all_digits)).rstrip("0")
    point = len(all_digits) + exponent  # where the point stands, counted from the first digit
    if len(digits) <= point <= 21:
        text = digits.ljust(point, "0")
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        text = f"{digits[0]}{rest}e{point - 1:+d}"
    return "-" * sign + text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands there twice")
    return found


def _whole(text: str) -> int:
    return int(_short(text))


def _float(text: str) -> float:
    return float(_short(text))


def _short(text: str) -> str:
    if len(text) > NUMBER_LENGTH:
        raise ValueError(f"a number of {len(text)} characters")
    return text


def _refuse(text: str) -> Any:
    raise ValueError(f"JSON has no {text}")
