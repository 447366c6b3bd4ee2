"""A fabric whose ranks leave something behind."""

import os
import signal
from pathlib import Path

from zbench.fabrics.shm import Shm


class Leaky(Shm):
    """A process out of the reach of its group, and a temporary file."""

    def close(self) -> None:
        if os.fork() == 0:
            os.setsid()
            os.closerange(3, 256)
            signal.alarm(30)
            signal.pause()
        Path(os.environ["TMPDIR"], f"left-{self.world.rank}").touch()
        super().close()
