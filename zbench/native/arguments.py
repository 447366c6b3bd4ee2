"""Checks of arguments before C sees them."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index

from zbench.errors import suggest

INT64_MAX = 2**63 - 1


def choice(what: str, word: str, known: Iterable[str]) -> str:
    """The word if it is known. Raises ValueError."""
    if word not in (names := list(known)):
        raise ValueError(f"{what} {word!r} is unknown{suggest(str(word), names)}")
    return word


def count(what: str, value: int, least: int = 0, most: int = INT64_MAX) -> int:
    """The value if it is an integer in range. Raises TypeError, ValueError."""
    if not least <= index(value) <= most:
        raise ValueError(f"{what} = {value} is not in {least} .. {most}")
    return index(value)
