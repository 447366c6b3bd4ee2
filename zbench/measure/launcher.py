"""A command that starts several ranks (mpiexec, srun): each calls back, and none is left behind."""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from zbench.errors import InvalidRun
from zbench.fabrics.base import Seat
from zbench.measure.channel import NAME_VARIABLE, RANK_VARIABLE, Channel, spoken

CALLER = struct.Struct("3i")
"""struct ucred of SO_PEERCRED: pid, uid, gid (unix(7))."""
LOOK_S = 0.25
"""How often a command that starts ranks is looked at while they are awaited."""
INTRODUCTION_S = 5.0
"""Time of a rank between its call and its first word."""


class Launcher:
    """The command of one seat, and the socket that its ranks call. `command` is a rank's. Raises OSError."""

    def __init__(
        self, seat: Seat, command: Sequence[str], environment: dict[str, str], **streams: Any
    ) -> None:
        self.name = Path(seat.prefix[0]).name
        self.ranks = seat.launches
        self._listener = socket.socket(socket.AF_UNIX)
        self._leash, theirs = socket.socketpair()
        self._ranks: list[int] = []
        # Abstract (unix(7)): no file to leave behind. Whoever reads it in /proc is told apart when it calls.
        name = f"zbench-{os.getpid()}-{secrets.token_hex(8)}"
        self._listener.bind(f"\0{name}")
        self._listener.listen(self.ranks)
        with theirs:
            shepherd = [sys.executable, "-m", "zbench.measure.shepherd", str(theirs.fileno()), seat.scratch]
            self.process = subprocess.Popen(
                [*shepherd, *seat.prefix, *command],
                env=environment | {NAME_VARIABLE: name, RANK_VARIABLE: seat.rank_variable},
                pass_fds=(theirs.fileno(),),
                **streams,
            )

    def calls(self, patience_s: float) -> Iterator[tuple[int, int, Channel]]:
        """(rank, pid, channel) of each rank as it calls. Raises InvalidRun where one does not."""
        missing = set(range(self.ranks))
        looks = 0
        while missing:
            if not select.select([self._listener], [], [], LOOK_S)[0]:
                looks += 1
                self._complain(missing, looks * LOOK_S > patience_s)
                continue
            connection, _ = self._listener.accept()
            pid, uid, _ = CALLER.unpack(
                connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CALLER.size)
            )
            if uid != os.geteuid():
                connection.close()
                continue
            try:
                channel, rank = _introduced(connection)
                if rank not in missing:
                    raise InvalidRun(f"{self.name} started a process that is no rank of this world ({rank})")
            except InvalidRun:
                connection.close()
                raise
            missing.remove(rank)
            self._hold(pid)
            yield rank, pid, channel

    def _complain(self, missing: set[int], late: bool) -> None:
        who = f"rank {min(missing)} had come"
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            raise InvalidRun(f"{self.name} ended with exit code {ended.si_status} before {who}; {SAID}")
        if late:
            raise InvalidRun(f"{self.name} has started for too long, and not yet {who}")

    def _hold(self, pid: int) -> None:
        with suppress(AttributeError, OSError):  # Python, kernel or process of another day
            self._ranks.append(os.pidfd_open(pid))

    def end(self, patience_s: float, done: bool) -> None:
        """End the command and whatever it has started; ranks that are `done` get time to end first."""
        if done:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
        self._listener.close()
        self._leash.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience_s)
        for held in self._ranks:  # where somebody has ended the shepherd
            with suppress(OSError):
                signal.pidfd_send_signal(held, signal.SIGKILL)
            os.close(held)
        if self.process.poll() is None:
            self.process.kill()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)


SAID = "what it said stands above"


def _introduced(connection: socket.socket) -> tuple[Channel, int]:
    """What a caller says of itself. Raises InvalidRun."""
    connection.settimeout(INTRODUCTION_S)
    try:
        channel = Channel(connection)
        message = channel.receive()
        rank = -1 if message is None else int(spoken(message)["rank"])
    except (OSError, ValueError, KeyError) as error:
        raise InvalidRun(f"a process called that is no rank: {type(error).__name__}: {error}") from error
    connection.settimeout(None)
    return channel, rank
