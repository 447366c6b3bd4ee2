"""A run's directory: run.json and records.jsonl, written so that every finished record survives."""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import msgspec

from zbench.errors import UsageError
from zbench.records.schema import VERSION, Record, Run

RUN_FILE, RECORDS_FILE = "run.json", "records.jsonl"
RESULTS = Path("results")


def create(out: Path | None) -> Path:
    """A new, empty run directory: `out`, or ./results/<utc>-<id>, or the user's state directory.

    Raises UsageError where it cannot be written, or where `out` already holds something.
    """
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"--out {out}: already exists and is not empty; name a new directory")
        return _make(out, "--out ")
    name = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    try:
        return _make(RESULTS / name)
    except UsageError:
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return _make(state / "zbench" / "results" / name)


def _make(directory: Path, option: str = "") -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / RECORDS_FILE).touch()
    except OSError as error:
        raise UsageError(
            f"{option}{directory}: cannot be written ({error.strerror}); name a directory with --out"
        ) from error
    return directory


def write_run(directory: Path, run: Run) -> None:
    """Replace run.json as a whole: a reader sees the old one or the new one."""
    part = directory / (RUN_FILE + ".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
    part.replace(directory / RUN_FILE)


def append(directory: Path, record: Record) -> None:
    """One line, on the disk when this returns."""
    with open(directory / RECORDS_FILE, "ab") as file:
        file.write(msgspec.json.encode(record) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def load(directory: Path) -> tuple[Run, list[Record]]:
    """A stored run. Raises UsageError that names the file, the line and what is wrong with it.

    A last line without its newline was being written when the writer died: it is left out.
    """
    if not (directory / RUN_FILE).is_file():
        raise UsageError(f"{directory}: not a run (no {RUN_FILE} in it)")
    run = decode(directory / RUN_FILE, (directory / RUN_FILE).read_bytes(), Run)
    path = directory / RECORDS_FILE
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return run, [decode(f"{path}:{number}", line, Record) for number, line in enumerate(lines, 1)]


class _Versioned(msgspec.Struct):
    version: int


Document = TypeVar("Document", Run, Record)


def decode(where: object, data: bytes, kind: type[Document]) -> Document:
    """Strictly decode one document. Raises UsageError."""
    try:
        found = msgspec.json.decode(data, type=_Versioned).version
        if found > VERSION:
            raise UsageError(
                f"{where}: schema version {found} is newer than this zbench knows ({VERSION}); update zbench"
            )
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise UsageError(f"{where}: {error}") from error
