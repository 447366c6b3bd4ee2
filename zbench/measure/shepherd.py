"""`python -m zbench.measure.shepherd LEASH SCRATCH COMMAND...`: runs a command that starts further processes.

None of them outlives the command, nor whoever holds the other end of the socket LEASH, wherever it has gone
(into a session of its own, to another parent). SCRATCH, a directory or "", is removed with them. Ends with
the command's exit code, 128 + the number of a signal.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress

from zbench.measure.processes import processes
from zbench.signals import STOPPING

PR_SET_CHILD_SUBREAPER = 36
KILLING_S = 4.0
"""A process that hangs in a driver cannot be ended; less than the parent waits for this one."""
LOOK_AGAIN_S = 0.005
NOT_FOUND = 127
"""As a shell's."""


def main(leash: int, scratch: str, command: list[str]) -> int:
    for sign in (*STOPPING, signal.SIGCHLD):  # to stop is the parent's to say; no SIG_IGN, which is inherited
        signal.signal(sign, lambda number, frame: None)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # whose parent ends becomes a child of this process
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    os.set_inheritable(leash, False)
    try:
        pid = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND
    code = None
    while code is None:
        ready = select.select([leash, woken], [], [])[0]
        if leash in ready:
            break
        os.read(woken, 4096)
        code = reaped().get(pid)
    end_all()
    shutil.rmtree(scratch, ignore_errors=True) if scratch else None
    return 128 - code if code is not None and code < 0 else code or 0


def reaped() -> dict[int, int]:
    """The children that have ended -> their exit codes, negative for a signal."""
    found = {}
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            found[pid] = os.waitstatus_to_exitcode(status)
    return found


def end_all() -> None:
    """Kill the children; theirs become children of this process, and follow."""
    deadline = time.monotonic() + KILLING_S
    while time.monotonic() < deadline:
        reaped()
        children = [each.pid for each in processes() if each.parent == os.getpid()]
        if not children:
            return
        for pid in children:  # not reaped yet: none of these numbers is another's
            os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK_AGAIN_S)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
