"""The processes of this machine, as /proc tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
UTIME, STIME = 11, 12
"""Fields of /proc/PID/stat behind the name, counted from 0: ticks in user and in kernel mode (proc(5))."""


@dataclass(frozen=True)
class Process:
    pid: int
    name: str
    state: str
    """One letter: R runs or could, S sleeps, Z has ended and is not forgotten yet, ..."""
    parent: int
    ticks: int
    """CPU time since its start."""


def processes(proc: Path = PROC) -> Iterator[Process]:
    """All that can be seen from here: not those of other process namespaces, nor what hidepid hides."""
    for place in proc.iterdir():
        if place.name.isdecimal() and (found := process(place)) is not None:
            yield found


def process(place: Path) -> Process | None:
    """From `/proc/PID`; None where it has ended. The name itself may hold brackets and spaces."""
    try:
        head, _, tail = (place / "stat").read_text(errors="replace").rpartition(")")
        pid, _, name = head.partition(" (")
        fields = tail.split()
        ticks = int(fields[UTIME]) + int(fields[STIME])
        return Process(int(pid), name, fields[0], int(fields[1]), ticks)
    except (OSError, ValueError, IndexError):
        return None


def has_ended(pid: int) -> bool:
    """Whether it runs no more; whoever started it may still have to be told."""
    found = process(PROC / str(pid))
    return found is None or found.state in ("Z", "X")
