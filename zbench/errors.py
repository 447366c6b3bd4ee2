"""What can go wrong, by whom it must be mended; each ends in the exit code of DESIGN's list."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 8
"""Names in a message; more is not a line any longer."""


class ZbenchError(Exception):
    """An error that is told in one line and never as a traceback."""

    exit_code = 4


class UsageError(ZbenchError):
    """Wrong usage or input: says what, where, and what to do next."""

    exit_code = 2


class InvalidRun(ZbenchError):
    """The measurement itself is invalid: a dead rank, clocks that disagree, a wrong answer."""

    exit_code = 4


class Unsupported(Exception):
    """A card or fabric does not offer a case; the message says what it lacks. Never the user's error: the
    case is skipped, and said to be."""


def suggest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'shm'?)`, or the list of what is known where nothing comes near."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1)
    if near:
        return f" (did you mean {near[0]!r}?)"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f" (known: {', '.join(names[:LISTED])}{more})"
