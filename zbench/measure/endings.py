"""How a child process ended, and what usually lies behind it."""

from __future__ import annotations

import os
import signal
import time

LOOK_AGAIN_S = 0.005
"""How often a process that is about to end is looked at."""
DEADLY = {
    "SIGINT": " (by somebody, or by its BLAS, which was denied a thread: see `ulimit -u`, or a container's)",
    "SIGKILL": " (by somebody, or by the kernel for want of memory: `dmesg` tells)",
    "SIGBUS": " (memory that could not be had, or a file that was cut short)",
}
"""What usually lies behind a signal."""


def exit_code(pid: int, patience_s: float = 0.0) -> int | None:
    """Of a child that has ended, negative for a signal; None while it lives.

    It is not reaped: its number, which may be its group's, must not go to another process yet.
    """
    deadline = time.monotonic() + patience_s
    while (found := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
        if time.monotonic() >= deadline:
            return None
        time.sleep(LOOK_AGAIN_S)
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def how(code: int | None) -> str:
    """In words, behind the name of the process."""
    if code is None:
        return "closed its control channel"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    return f"was killed by {name}{DEADLY.get(name, '')}"
