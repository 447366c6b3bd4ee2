"""A log whose lines hold each other: every one carries the SHA-256 of the line before it.

Lines are canonical JSON. A file holds all attempts that were made in its directory, those that were broken
off among them: who leaves one out, or swaps two, breaks the chain.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from zbench.conformance.canonical import canonical, parse, portable
from zbench.errors import UsageError, ZbenchError, explain
from zbench.handwritten import one_line
from zbench.records.store import read_file

FILE = "attempts.jsonl"
FIRST = "0" * 64
"""What the first line has for the digest of the one before it."""
LINE_MOST, LOG_MOST = 1 << 20, 16 << 20
"""Bytes. A plan of every test on eight cards has 100 KiB; a run of level L2 leaves 1 MiB; a second reads
5 MiB."""
UTC = "%Y-%m-%dT%H:%M:%S.%fZ"
NANOSECONDS = re.compile(r"[0-9]{1,20}")


class Rejected(ZbenchError):
    """A certificate or its log is not what it was: says which file, line and field."""

    exit_code = 1


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line."""

    seq: int
    """From 1 on, without a gap, over all attempts."""
    prev_sha256: str
    """Of the line before, without its newline."""
    utc: str
    monotonic_ns: str
    """CLOCK_MONOTONIC, which nobody sets; it begins anew when the machine does."""
    disk_ns: str
    """Of the file system, since 1970: the kernel's clock or a file server's, with no library in between."""
    kind: Literal["plan", "launch", "libraries", "outcome", "end", "aborted"]
    body: dict[str, Any]


class Log:
    """A log that is being written."""

    def __init__(self, file: IO[bytes], entries: int, prev_sha256: str) -> None:
        self._file = file
        self._entries = entries
        self._prev_sha256 = prev_sha256

    def add(self, kind: str, body: Any) -> None:
        """One line, whole or not at all for a reader; on the disk where an attempt begins or ends. Raises
        ZbenchError where it cannot be kept."""
        handle = self._file.fileno()
        try:
            os.utime(handle)  # to what its file system takes for now
            before = os.fstat(handle)
            line = canonical(
                {
                    "seq": self._entries + 1,
                    "prev_sha256": self._prev_sha256,
                    "utc": now(),
                    "monotonic_ns": str(time.monotonic_ns()),
                    "disk_ns": str(before.st_mtime_ns),
                    "kind": kind,
                    "body": portable(msgspec.to_builtins(body)),
                }
            )
            try:
                rest = memoryview(line + b"\n")
                while rest:
                    rest = rest[os.write(handle, rest) :]
                if kind in ("plan", "end", "aborted"):
                    os.fsync(handle)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(handle, before.st_size)
                raise
        except OSError as error:
            raise ZbenchError(f"{self._file.name}: cannot be written: {explain(error)}") from error
        self._entries += 1
        self._prev_sha256 = digest(line)


@contextmanager
def appended(directory: Path) -> Iterator[tuple[Log, int]]:
    """(the log of a directory, bytes that were cut off it: a last line whose writer was killed).

    Raises UsageError where what stands there already is no whole chain, ZbenchError where nothing can be
    written.
    """
    path = directory / FILE
    try:
        file = open(path, "ab+", buffering=0)  # noqa: SIM115 - closed below, where errors are no longer its own
    except OSError as error:
        raise ZbenchError(f"{path}: cannot be written: {explain(error)}") from error
    with file:
        data = read_file(path, most_bytes=LOG_MOST)
        whole, _, rest = data.rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        try:
            entries = checked(lines)
        except Rejected as error:
            raise UsageError(f"{directory}: {error}; nothing is added to it: name a new directory") from error
        if rest:
            os.ftruncate(file.fileno(), len(data) - len(rest))
        yield Log(file, len(entries), digest(lines[-1]) if lines else FIRST), len(rest)


def read(data: bytes) -> list[Entry]:
    """All lines of a log. Raises Rejected, which names the line."""
    if len(data) > LOG_MOST:
        raise Rejected(f"{FILE}: larger than {LOG_MOST >> 20} MiB")
    whole, _, rest = data.rpartition(b"\n")
    if rest or not whole:
        raise Rejected(f"{FILE}: {'its last line is cut off' if rest else 'empty'}")
    return checked(whole.split(b"\n"))


def checked(lines: list[bytes]) -> list[Entry]:
    """The entries of a chain that holds. Raises Rejected."""
    entries: list[Entry] = []
    prev_sha256 = FIRST
    for number, line in enumerate(lines, 1):
        where = f"{FILE}:{number}"
        try:
            entry = msgspec.convert(parse(line, LINE_MOST), Entry)
            instant(entry.utc)
        except ValueError as error:
            raise Rejected(one_line(f"{where}: {error}")) from error
        if entry.seq != number:
            raise Rejected(f"{where}: seq: expected {number}, found {entry.seq}: a line is missing, or moved")
        if entry.prev_sha256 != prev_sha256:
            raise Rejected(
                f"{where}: prev_sha256: line {number - 1} is not the one that was written before it"
            )
        if not all(map(NANOSECONDS.fullmatch, (entry.monotonic_ns, entry.disk_ns))):
            raise Rejected(
                one_line(f"{where}: monotonic_ns, disk_ns: no time: {entry.monotonic_ns}, {entry.disk_ns}")
            )
        if entry.kind != "plan" and entries and int(entry.monotonic_ns) < int(entries[-1].monotonic_ns):
            raise Rejected(f"{where}: monotonic_ns: earlier than the line before it")
        prev_sha256 = digest(line)
        entries.append(entry)
    return entries


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def now() -> str:
    """The time in UTC."""
    return datetime.now(timezone.utc).strftime(UTC)


def instant(utc: str) -> datetime:
    """Raises ValueError."""
    try:
        return datetime.strptime(utc, UTC)
    except ValueError:
        raise ValueError(f"utc: no time: {utc!r}") from None
