"""Every reader of what others write, as a function of bytes: takes them or refuses them, whatever they are.

A run's two files go on to everything that a stored run is asked for. `actions` and `segment` are C: their
bytes are what the targets of libFuzzer beside this file take.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
from base64 import b64encode
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from datetime import date
from functools import cache, partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from zbench.assess import assess
from zbench.campaign import load_campaign
from zbench.cli import parser
from zbench.conformance import chain, envelope
from zbench.conformance.canonical import canonical
from zbench.conformance.certificate import kept_name, statement, verified
from zbench.conformance.declaration import load_declaration
from zbench.conformance.item import Outcome
from zbench.conformance.waivers import apply, read_waivers
from zbench.errors import ZbenchError
from zbench.handwritten import text_of
from zbench.judge.claims import load_claims
from zbench.judge.datasheets import parse
from zbench.measure.channel import Channel, spoken
from zbench.native import shm
from zbench.native.coll import DTYPES, REDOPS, Plan
from zbench.records import store
from zbench.records.importers import IMPORTERS
from zbench.records.importers.base import Asked, make_run
from zbench.schedules.compile import ACTION, BUFFERS
from zbench.verbs.output import FORMATS, show
from zbench.workloads.models import load_models

Door = Callable[[bytes], object]

CORPUS = Path(__file__).parent / "corpus"
BUFFER_BYTES = 64
"""Of each buffer that `actions` are bound to, here and in actions.c."""
HEADER_BYTES = 4
"""Before the rows of `actions`: dtype, redop, ranks, slots."""
WAIT_S = 0.01
CHAINED_LINES = 1000
"""Of a log whose chain is made anew; the rest stays as it is."""


@cache
def scratch() -> Path:
    """A directory of this process, in memory where there is such a file system."""
    memory = Path("/dev/shm")
    kept = TemporaryDirectory(prefix="zbench-fuzz-", dir=memory if memory.is_dir() else None)
    folder = Path(kept.name)
    _KEPT.append(kept)
    return folder


_KEPT: list[TemporaryDirectory[str]] = []


def _file(read: Callable[[Path], object], data: bytes) -> None:
    path = scratch() / "file"
    path.write_bytes(data)
    read(path)


def _stored(run: bytes, records: bytes) -> None:
    """As `zbench check` and `zbench report` do, in every format."""
    folder = scratch() / "run"
    folder.mkdir(exist_ok=True)
    (folder / store.RUN_FILE).write_bytes(run)
    (folder / store.RECORDS_FILE).write_bytes(records)
    loaded, kept = store.load(folder)
    found = assess(folder, loaded, kept, load_claims("zhenwu-10k"))
    for form in FORMATS:
        with redirect_stdout(_Bytes()):
            show(found, form)


class _Bytes(StringIO):
    """Standard output that takes bytes, too, and forgets both."""

    @property
    def buffer(self) -> _Sink:
        return _Sink()


class _Sink:
    def write(self, data: bytes) -> int:
        return len(data)


def _run(data: bytes) -> None:
    _stored(data, (CORPUS / "records" / "whole").read_bytes())


def _records(data: bytes) -> None:
    _stored((CORPUS / "run" / "whole").read_bytes(), data)


def _import(tool: str, data: bytes) -> None:
    with suppress(UnicodeDecodeError):  # which `zbench import` tells as such
        path = Path(tool)
        asked = Asked(ranks=0 if tool == "nccl-tests" else 2)
        run, records = make_run(IMPORTERS[tool](data.decode("utf-8-sig"), tool, asked), asked, path, data, [])
        folder = scratch() / f"from-{tool}"
        folder.mkdir(exist_ok=True)
        (folder / store.RECORDS_FILE).unlink(missing_ok=True)
        for record in records:
            store.append(folder, record)
        store.write_run(folder, run)
        store.load(folder)  # what was taken can be read again


def _datasheets(data: bytes) -> None:
    with suppress(UnicodeDecodeError):
        parse(data.decode(), "catalogue")


def _messages(data: bytes) -> None:
    """What the parent hears of a worker that says this and ends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        ours.settimeout(WAIT_S)
        channel = Channel(ours)
        with suppress(ValueError):  # the worker is named, and the launch ends
            while data and not channel.ended:
                data = data[theirs.send(data) :]
                if not data:
                    theirs.close()
                for message in channel.available():
                    spoken(message)


def _waivers(data: bytes) -> None:
    """As `zbench conform` does, with a test that has failed."""
    path = scratch() / "waivers.toml"
    path.write_bytes(data)
    outcome = Outcome("GE-21", "cpu", "card", "fp64", "FAIL", "L1", 10, 1, (), "1x1x1: 2 of 9")
    found = read_waivers(text_of(path, "a waivers file"), path.name)
    apply(found, [outcome], {"card cpu": {"isa": "avx2"}}, "0.1.0", date(2026, 1, 1))


def _kept() -> Path:
    """A directory as `zbench conform` leaves it, with a good log."""
    folder = scratch() / "attempts"
    folder.mkdir(exist_ok=True)
    waivers = (CORPUS / "waivers" / "first").read_bytes()
    (folder / kept_name("waivers", chain.digest(waivers))).write_bytes(waivers)
    (folder / chain.FILE).write_bytes(chained((CORPUS / "log" / "whole").read_bytes()))
    return folder


def _certificate(data: bytes) -> None:
    """As it is, and as what a certificate holds: so that a change is not told by its base64 alone."""
    path = _kept() / envelope.FILE
    told = {"payload": b64encode(data).decode(), "payloadType": envelope.PAYLOAD_TYPE, "signatures": []}
    for each in (data, canonical(told) + b"\n"):
        path.write_bytes(each)
        with suppress(ZbenchError):
            verified(path)
    verified(path)


def _log(data: bytes) -> None:
    folder = _kept()
    (folder / chain.FILE).write_bytes(chained(data))
    statement(folder)


def chained(log: bytes) -> bytes:
    """The lines with the numbers and digests that they must have, as whoever edits one would write them."""
    lines, prev_sha256 = [], chain.FIRST
    for number, line in enumerate(log.split(b"\n", CHAINED_LINES), 1):
        with suppress(ValueError, RecursionError, AttributeError, TypeError):
            line = canonical(json.loads(line) | {"seq": number, "prev_sha256": prev_sha256})
        prev_sha256 = chain.digest(line)
        lines.append(line)
    return b"\n".join(lines)


def _arguments(data: bytes) -> None:
    words = [os.fsdecode(word) for word in data.split(b"\n")]
    with redirect_stdout(StringIO()):
        try:
            parser().parse_args(words)
        except argparse.ArgumentError as error:  # pragma: no cover
            raise AssertionError("argparse has not told the parser") from error
        except SystemExit as asked:
            if asked.code != 0:
                raise AssertionError("only --help and --version end by themselves") from asked


def _actions(data: bytes) -> None:
    """Rows of a plan in C; nothing is executed, which actions.c does under a sanitizer."""
    header, rows = data[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0"), data[HEADER_BYTES:]
    actions = np.frombuffer(rows[: len(rows) // ACTION.itemsize * ACTION.itemsize], ACTION)
    slots = [{name: np.zeros(BUFFER_BYTES, np.uint8) for name in BUFFERS} for _ in range(1 + header[3] % 4)]
    dtype, redop = list(DTYPES)[header[0] % len(DTYPES)], list(REDOPS)[header[1] % len(REDOPS)]
    with suppress(ValueError):
        Plan(actions, dtype, 1 + header[2], slots, redop)


def _segment(data: bytes) -> None:
    """A rank opens what is no segment of ours."""
    fd = os.memfd_create("zbench-fuzz", os.MFD_CLOEXEC)
    try:
        os.write(fd, data)
        with suppress(OSError, ValueError, MemoryError):
            shm.Segment(fd, 0, False, WAIT_S)
        with suppress(OSError):
            shm.abort(fd)
    finally:
        os.close(fd)


READERS: dict[str, Door] = {
    "run": _run,
    "records": _records,
    "claims": partial(_file, load_claims),
    "plan": partial(_file, load_campaign),
    "models": partial(_file, load_models),
    "datasheets": _datasheets,
    "declaration": partial(_file, load_declaration),
    "waivers": _waivers,
    "log": _log,
    "certificate": _certificate,
    "key": partial(_file, envelope.public_key),
    "nccl-tests": partial(_import, "nccl-tests"),
    "osu": partial(_import, "osu"),
    "mamf": partial(_import, "mamf"),
    "messages": _messages,
    "arguments": _arguments,
    "actions": _actions,
    "segment": _segment,
}
"""Reader -> its door. Whatever it raises but ZbenchError is a finding."""


def read(reader: str, data: bytes) -> bool:
    """Whether the bytes were taken. Raises whatever is a finding."""
    try:
        READERS[reader](data)
    except ZbenchError as error:
        if "\n" in str(error):
            raise AssertionError(f"told in several lines: {str(error)[:200]!r}") from error
        return False
    return True
