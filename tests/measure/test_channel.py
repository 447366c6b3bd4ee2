"""What may arrive on a control channel: whole messages, or an error that says what it was."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from zbench.measure import channel
from zbench.measure.channel import Channel, spoken


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    """(ours, theirs)."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def test_messages_arrive_whole_however_they_are_cut(ends: tuple[Channel, socket.socket]) -> None:
    """In order, and not before their ends; what follows the last end is kept for later."""
    ours, theirs = ends
    theirs.sendall(b'{"a": 1}\n{"b"')
    assert ours.available() == [{"a": 1}]
    theirs.sendall(b": 2}\n\n")
    assert ours.receive() == {"b": 2}
    with pytest.raises(ValueError, match="Expecting value"):
        ours.receive()
    theirs.close()
    assert ours.receive() is None
    assert ours.ended


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"[]", "no object"),
        (b'"rank"', "no object"),
        (b"[" * 100_000, "too deep"),
        (b'{"a": "\xff"}', "decode"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
    ],
)
def test_what_is_no_message_is_told(ends: tuple[Channel, socket.socket], line: bytes, told: str) -> None:
    """In one kind of error, which names the worker where it is caught."""
    ours, theirs = ends
    theirs.sendall(line + b"\n")
    with pytest.raises(ValueError, match=told):
        ours.available()


def test_a_message_without_an_end_is_not_kept_for_ever(
    ends: tuple[Channel, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends without a pause would else fill the parent's memory."""
    monkeypatch.setattr(channel, "MESSAGE_BYTES", 1000)
    ours, theirs = ends
    theirs.sendall(b" " * 1001)
    with pytest.raises(ValueError, match="a message of more than"):
        ours.receive()


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "order"},
        {"type": ["done"]},
        {"type": "rank", "rank": True},
        {"type": "record", "record": 1},
    ],
)
def test_what_no_worker_says_is_told(message: channel.Message) -> None:
    """A message of another kind, or one that lacks what it is there for."""
    with pytest.raises(ValueError, match=r"no worker says|without"):
        spoken(message)


def test_what_a_worker_says_is_taken() -> None:
    """With more than it must have, too."""
    assert spoken({"type": "burst", "key": "x", "number": 0})["key"] == "x"
