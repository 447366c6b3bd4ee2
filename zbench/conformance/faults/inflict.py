"""What a rank does to itself. Everything here happens in the victim's process alone."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path

from zbench.conformance.faults.plot import STOPPED_S

DAY_S = 86400
SLICES = 10
SLICE_S, RUNNING_S = 0.099, 0.001
"""Of each 100 ms, what a slow rank is stopped for and what it gets."""
DEMAND_BYTES = 1 << 30
"""More than an allocator has left over."""
DESCRIPTORS_MOST = 4096


def inflict(fault: str, asks: bool) -> None:
    """Let a fault happen now. `asks`: where it takes something away, ask for it, too; else the next who does
    meets it. Raises what the fault raises."""
    _ACTS[fault]()
    if asks and fault in _DEMANDS:
        _DEMANDS[fault]()


def _signal(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def _read_nowhere() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    ctypes.string_at(8)


def _raise() -> None:
    raise RuntimeError("an exception that nobody expects")


def _stopped(times: int, stopped_s: float, running_s: float) -> None:
    """By a child, which continues it; it holds nothing of what the rank has open.

    The first stop is the rank's own, so that it is stopped before this returns.
    """
    pid = os.getpid()
    if os.fork() == 0:
        os.closerange(3, DESCRIPTORS_MOST)
        for left in reversed(range(times)):
            time.sleep(stopped_s)
            os.kill(pid, signal.SIGCONT)
            if left:
                time.sleep(running_s)
                os.kill(pid, signal.SIGSTOP)
        os._exit(0)
    os.kill(pid, signal.SIGSTOP)


def _limit(which: int, value: int) -> None:
    resource.setrlimit(which, (value, resource.getrlimit(which)[1]))


def _no_more_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize())


def _write_a_byte() -> None:
    with open(os.memfd_create("zbench-fault"), "wb", buffering=0) as file:
        file.write(b"x")


class Yesterday(datetime):
    """What the time of day is taken for."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Yesterday:
        return cls.fromtimestamp(time.time(), tz)


def _jump() -> None:
    """Python's time of day. CLOCK_MONOTONIC cannot jump, and the machine's CLOCK_REALTIME is not ours to set:
    what C reads of it does not change."""
    told, told_ns = time.time, time.time_ns
    time.time = lambda: told() - DAY_S
    time.time_ns = lambda: told_ns() - DAY_S * 10**9
    for name, module in list(sys.modules.items()):
        if name.startswith(("zbench", "__main__")) and vars(module).get("datetime") is datetime:
            vars(module)["datetime"] = Yesterday


_ACTS: dict[str, Callable[[], None]] = {
    "none": lambda: None,
    "sigkill": _signal(signal.SIGKILL),
    "sigsegv": _read_nowhere,
    "sigterm": _signal(signal.SIGTERM),
    "exit-0": lambda: os._exit(0),
    "exception": _raise,
    "stop-1s": lambda: _stopped(1, STOPPED_S, 0.0),
    "stop": _signal(signal.SIGSTOP),
    "no-memory": _no_more_memory,
    "no-space": lambda: _limit(resource.RLIMIT_FSIZE, 0),
    "no-files": lambda: _limit(resource.RLIMIT_NOFILE, 3),
    "clock-jump": _jump,
    "slow": lambda: _stopped(SLICES, SLICE_S, RUNNING_S),
}
_DEMANDS: dict[str, Callable[[], object]] = {
    "no-memory": lambda: bytearray(DEMAND_BYTES),
    "no-space": _write_a_byte,
    "no-files": lambda: os.open(os.devnull, os.O_RDONLY),
}
