"""Cards of vendors who have a bad day. The option says what happens: `bad.cards:Raises:alloc`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np

from zbench.cards.cpu import Cpu


class Bad(Cpu):
    def __init__(self, option: str | None = None) -> None:
        super().__init__()
        self.option = option

    def view(self, buffer: Any) -> Any:
        """What has a bad day is set on the instance, where the host's own `view` does not look for it."""
        return self.read(buffer)


class Raises(Bad):
    """In the method that the option names."""

    def __init__(self, option: str | None = None) -> None:
        super().__init__(option)
        if option == "__init__":
            raise RuntimeError("no device 0")
        setattr(self, option or "", self._raise)

    def _raise(self, *ignored: Any, **named: Any) -> Any:
        raise RuntimeError("the device has fallen off the bus")


class Returns(Bad):
    """Something else than the contract says: `probe=nan`."""

    WRONG = {
        "nan": ("FLOP/s", float("nan")),
        "text": "fast",
        "none": None,
        "numbers": {1: 2},
        "object": {"driver": object()},
        "short": np.zeros(1, np.int64),
        "floats": np.zeros(1, np.float32),
        "negative": np.full(1, -1, np.int64),
    }

    def __init__(self, option: str | None = None) -> None:
        super().__init__(option)
        method, _, what = (option or "").partition("=")
        setattr(self, method, lambda *ignored, **named: self.WRONG[what])


class Does(Bad):
    """What the option says, in the middle of a burst."""

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> Any:
        getattr(self, self.option or "")()
        return super().run_rounds(plan, rounds, batch)

    def hang(self) -> None:
        time.sleep(1000)

    def exit(self) -> None:
        os._exit(0)

    def segfault(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def close(self) -> None:
        os.closerange(3, 1000)

    def deaf(self) -> None:
        """The channel is closed, the process goes on."""
        os.closerange(3, 1000)
        time.sleep(1000)

    def gibberish(self) -> None:
        os.write(int(os.environ["ZBENCH_CONTROL_FD"]), b"hello, world\n")

    def orphan(self) -> None:
        """A child that keeps the control channel, and an end."""
        if os.fork() == 0:
            time.sleep(1000)
        os.kill(os.getpid(), signal.SIGKILL)


class Odd(Bad):
    """What the option says, where nothing is timed."""

    def prepare(self, case: Any, slots: Any) -> Any:
        getattr(self, self.option or "")()
        return super().prepare(case, slots)

    def chatter(self) -> None:
        for _ in range(200):
            print("x" * 9999)
            print("y" * 9999, file=sys.stderr)

    def children(self) -> None:
        """One by exec, one by fork, which keeps the control channel open."""
        subprocess.Popen(["sleep", "1000"])
        if os.fork() == 0:
            time.sleep(1000)

    def elsewhere(self) -> None:
        os.chdir("/proc")
