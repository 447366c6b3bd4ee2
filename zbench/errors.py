"""What can go wrong, by whom it must be mended; each ends in the exit code of DESIGN's list."""

from __future__ import annotations

import errno
import resource
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


class Silent(InvalidRun):
    """A worker has said nothing for longer than it may take."""


class NotKept(ZbenchError):
    """A record, a chart or a page could not be written; whatever was written before is whole."""


class TimeIsUp(ZbenchError):
    """The time that was given is used up; what is finished is kept and may be resumed."""

    exit_code = 3


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


def explain(error: OSError | MemoryError) -> str:
    """What failed and, where a resource of this machine has run out, which limit to look at: one phrase."""
    number = errno.ENOMEM if isinstance(error, MemoryError) else error.errno
    what = getattr(error, "strerror", None) or str(error) or "out of memory"
    return f"{what} ({found})" if (found := remedy(number)) else what


def remedy(number: int | None) -> str:
    """What to do about an errno, where that is known."""
    if number == errno.EMFILE:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return f"raise the limit on open files, now {limit}, with `ulimit -n`, or ask for fewer ranks"
    if number == errno.EAGAIN:
        return "raise the limit on processes with `ulimit -u`, or the container's on pids"
    if number == errno.ENOMEM:
        return "raise the limit on memory with `ulimit -v`, or the container's, or ask for fewer ranks"
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "free some space"
    if number == errno.EFBIG:
        return "raise the limit on the size of a file with `ulimit -f`"
    return ""
