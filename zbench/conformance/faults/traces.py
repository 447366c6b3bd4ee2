"""What a launch of this process has left behind: processes, descriptors, files in shared memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zbench.measure.processes import PROC, processes

SHARED = Path("/dev/shm")
GONE_S = 5.0
"""What ends by itself has ended by then; on an idle machine it takes milliseconds."""
LOOK_AGAIN_S = 0.02
FAMILY = 8
"""Letters that the names of one program's files begin with; the rest is drawn by lot."""


@dataclass(frozen=True)
class Traces:
    """What there is now, that a launch may add to."""

    workers: frozenset[int]
    """Processes that a launch of this one has started, wherever they have gone, and children not reaped."""
    descriptors: frozenset[str]
    """`number -> file` of this process."""
    shared: frozenset[str]
    """Names in /dev/shm, whoever's they are."""


def traces() -> Traces:
    return Traces(frozenset(_workers()), frozenset(_descriptors()), frozenset(_names(SHARED)))


def left_since(before: Traces) -> Traces:
    """What a launch has left; what is only about to go is waited for."""
    deadline = time.monotonic() + GONE_S
    left = _not_held(_beyond(before, traces()))
    while left != NOTHING and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_S)
        left = _both(left, traces())  # what has come since is another's
    ours = _not_held(left).shared
    if ours:  # what comes while nothing of ours runs is another's, too
        there = set(_names(SHARED))
        time.sleep(GONE_S)
        others = _families(set(_names(SHARED)) - there)
        ours = frozenset(name for name in ours if name[:FAMILY] not in others)
    return Traces(left.workers, left.descriptors, ours)


def also(left: Traces, again: Traces) -> Traces:
    """What the same launch has left twice. Files whose like came only once are another's."""
    families = _families(left.shared)
    shared = frozenset(name for name in again.shared if name[:FAMILY] in families)
    return Traces(left.workers | again.workers, left.descriptors | again.descriptors, shared)


def _families(names: Iterable[str]) -> set[str]:
    return {name[:FAMILY] for name in names}


def told(left: Traces) -> list[str]:
    """In words."""
    return [
        *(f"process {pid}" for pid in sorted(left.workers)),
        *(f"descriptor {each}" for each in sorted(left.descriptors)),
        *(f"{SHARED}/{name}" for name in sorted(left.shared)),
    ]


NOTHING = Traces(frozenset(), frozenset(), frozenset())


def _beyond(before: Traces, now: Traces) -> Traces:
    return Traces(
        now.workers - before.workers, now.descriptors - before.descriptors, now.shared - before.shared
    )


def _both(one: Traces, other: Traces) -> Traces:
    return Traces(one.workers & other.workers, one.descriptors & other.descriptors, one.shared & other.shared)


def _not_held(left: Traces) -> Traces:
    """Without the files that a live process has: it is another's, or is told of itself."""
    shared = frozenset(name for name in left.shared if not _held(str(SHARED / name)))
    return Traces(left.workers, left.descriptors, shared)


def _workers() -> list[int]:
    mark = f"ZBENCH_PARENT={os.getpid()}\0".encode()
    found = [each.pid for each in processes() if each.parent == os.getpid()]
    for place in PROC.glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in place.read_bytes():
                found.append(int(place.parent.name))
    return found


def _descriptors() -> list[str]:
    found = []
    for place in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(f"{place.name} -> {os.readlink(place)}")
    return [each for each in found if not each.endswith(("/fd", "/proc"))]  # of this very look


def _names(directory: Path) -> list[str]:
    with suppress(OSError):
        return os.listdir(directory)
    return []


def _held(path: str) -> bool:
    """Whether a live process has it open, mapped, or in its command line."""
    name = path.encode()
    for place in PROC.glob("[0-9]*"):
        with suppress(OSError):
            if name in (place / "cmdline").read_bytes() or name in (place / "maps").read_bytes():
                return True
        with suppress(OSError):
            if any(path in os.readlink(each) for each in (place / "fd").iterdir()):
                return True
    return False
