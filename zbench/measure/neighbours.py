"""Who else measures on this machine: two runs at once disturb each other, and both must say so.

A process that measures is called `zbench-run` (as `ps` and `top` show it) for as long as it does. That name
is the whole mark: the kernel takes it away however the process ends, and every user's runs can be seen.
What cannot be seen: other containers (process namespaces of their own) and, where /proc is mounted with
hidepid, other users.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from zbench.measure.processes import PROC, process, processes

NAME = "zbench-run"
"""At most 15 characters: the kernel cuts off the rest."""
GONE = frozenset("ZXx")
"""States of a process that has ended and is not forgotten yet."""


@contextmanager
def measuring(proc: Path = PROC) -> Iterator[None]:
    """This process is called `NAME` meanwhile. Where /proc cannot be written others do not see it."""
    comm = proc / "self/comm"  # of the process' first thread, whichever thread writes
    before = None
    with suppress(OSError):
        before = comm.read_text().rstrip("\n")
        comm.write_text(NAME)
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError):
                comm.write_text(before)


def neighbours(proc: Path = PROC) -> list[int]:
    """Process ids of other runs that measure here now, in order; neither this process nor its forebears.

    A run's own children carry its name between fork and exec, and are no other run.
    """
    own = _forebears(proc)
    named = {each.pid: each for each in processes(proc) if each.name == NAME}
    return sorted(
        each.pid
        for each in named.values()
        if each.pid not in own and each.parent not in named and each.state not in GONE
    )


def told(pids: Sequence[int]) -> str:
    """The neighbours in one line, with what to do about them."""
    if len(pids) == 1:
        who = f"another zbench run (pid {pids[0]}) measures"
    else:
        who = f"{len(pids)} other zbench runs (pids {', '.join(map(str, pids))}) measure"
    return f"{who} on this machine; both disturb each other: measure again when it is alone"


def _forebears(proc: Path) -> set[int]:
    """This process, its parent, and so on up."""
    found: set[int] = set()
    at = process(proc / "self")
    while at is not None and at.pid not in found:
        found.add(at.pid)
        at = process(proc / str(at.parent))
    return found
