"""The control channel between the parent and a worker: JSON lines over a socket.

It carries plans, progress, records and the untimed all-gather of ranks; never timed data.
"""

from __future__ import annotations

import json
import os
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

PROTOCOL = 1
"""Raised when a message changes, so that an old worker in another environment is told apart."""

FD_VARIABLE = "ZBENCH_CONTROL_FD"
"""Of a worker that the parent has started: the file descriptor of its end."""
NAME_VARIABLE, RANK_VARIABLE = "ZBENCH_CONTROL_NAME", "ZBENCH_RANK_VARIABLE"
"""Of one that a launcher has started: the abstract socket to call, and where the launcher puts its rank."""

Message = dict[str, Any]


class Channel:
    """One end; blocking. `receive` returns None when the other end is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.ended = False
        """The other end is gone, and all that it sent has been read."""
        self._pending = b""

    def send(self, message: Message) -> None:
        """Raises OSError when the other end is gone."""
        self.connection.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def receive(self) -> Message | None:
        while b"\n" not in self._pending:
            if not self._fill():
                return None
        return next(self._lines())

    def available(self) -> list[Message]:
        """The complete messages after one read; none at its end. Call when readable. Raises ValueError."""
        self._fill()
        return list(self._lines())

    def share(self, data: bytes) -> list[bytes]:
        """Every rank's bytes in rank order; the parent is the hub. Raises ConnectionError."""
        self.send({"type": "share", "data": b64encode(data).decode()})
        answer = self.receive()
        if answer is None:
            raise ConnectionError("the parent is gone")
        return [b64decode(each) for each in answer["data"]]

    def _fill(self) -> bool:
        try:
            data = self.connection.recv(1 << 20)
        except ConnectionError:
            data = b""
        self._pending += data
        self.ended = not data
        return bool(data)

    def _lines(self) -> Iterator[Message]:
        while b"\n" in self._pending:
            line, _, self._pending = self._pending.partition(b"\n")
            yield json.loads(line)


def connect() -> Channel:
    """A worker's end. Raises OSError when the parent is gone, KeyError for a launcher that told no rank."""
    if FD_VARIABLE in os.environ:
        return Channel(socket.socket(fileno=int(os.environ[FD_VARIABLE])))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"\0{os.environ[NAME_VARIABLE]}")
    channel = Channel(connection)
    channel.send({"type": "rank", "rank": int(os.environ[os.environ[RANK_VARIABLE]])})
    return channel
