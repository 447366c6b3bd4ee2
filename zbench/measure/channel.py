"""The control channel between the parent and a worker: JSON lines over a socket.

It carries plans, progress, records and the untimed all-gather of ranks; never timed data.
"""

from __future__ import annotations

import json
import os
import socket
from base64 import b64decode, b64encode
from collections import deque
from typing import Any

PROTOCOL = 1
"""Raised when a message changes, so that an old worker in another environment is told apart."""

FD_VARIABLE = "ZBENCH_CONTROL_FD"
"""Of a worker that the parent has started: the file descriptor of its end."""
NAME_VARIABLE, RANK_VARIABLE = "ZBENCH_CONTROL_NAME", "ZBENCH_RANK_VARIABLE"
"""Of one that a launcher has started: the abstract socket to call, and where the launcher puts its rank."""

MESSAGE_BYTES = 256 << 20
"""Of one message: an all-gather of 1 MiB among 180 ranks. Longer is nobody's who speaks this protocol, and
would be kept until its end came."""

Message = dict[str, Any]

SPOKEN: dict[str, dict[str, type]] = {
    "rank": {"rank": int},
    "hello": {"fingerprint": dict},
    "share": {"data": str},
    "burst": {"key": str},
    "record": {"record": dict},
    "table": {"table": dict},
    "outcome": {"outcome": dict, "broken": bool},
    "libraries": {"paths": list},
    "failed": {"why": str},
    "done": {},
}
"""What a worker says -> the fields without which it would have said nothing."""


class Channel:
    """One end; blocking. `receive` returns None when the other end is gone.

    What arrives is bounded in size and is JSON objects, line by line, or raises ValueError.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.ended = False
        """The other end is gone, and all that it sent has been read."""
        self._lines: deque[bytes] = deque()
        self._rest = bytearray()
        """Of a line whose end has not come."""

    def send(self, message: Message) -> None:
        """Raises OSError when the other end is gone."""
        self.connection.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def receive(self) -> Message | None:
        """The next message. Raises ValueError, OSError."""
        while not self._lines:
            if not self._fill():
                return None
        return _message(self._lines.popleft())

    def available(self) -> list[Message]:
        """The complete messages after one read; none at its end. Call when readable. Raises ValueError."""
        self._fill()
        lines = list(self._lines)
        self._lines.clear()
        return [_message(line) for line in lines]

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
        first, *others = data.split(b"\n")
        self._rest += first
        for other in others:
            self._lines.append(bytes(self._rest))
            self._rest = bytearray(other)
        if len(self._rest) > MESSAGE_BYTES:
            raise ValueError(f"a message of more than {MESSAGE_BYTES >> 20} MiB")
        self.ended = not data
        return bool(data)


def _message(line: bytes) -> Message:
    """Raises ValueError."""
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("a message that is too deep") from None
    if not isinstance(message, dict):
        raise ValueError(f"a message that is no object: {line[:40]!r}")
    return message


def spoken(message: Message) -> Message:
    """The message, which is one of a worker's. Raises ValueError."""
    kind = message.get("type")
    fields = SPOKEN.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise ValueError(f"no worker says {str(kind)[:40]!r}")
    for name, wanted in fields.items():
        if type(message.get(name)) is not wanted:
            raise ValueError(f"{kind} without {name}")
    return message


def connect() -> Channel:
    """A worker's end. Raises OSError when the parent is gone, KeyError for a launcher that told no rank."""
    if FD_VARIABLE in os.environ:
        return Channel(socket.socket(fileno=int(os.environ[FD_VARIABLE])))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"\0{os.environ[NAME_VARIABLE]}")
    channel = Channel(connection)
    channel.send({"type": "rank", "rank": int(os.environ[os.environ[RANK_VARIABLE]])})
    return channel
