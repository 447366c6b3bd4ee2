"""A run's directory: run.json and records.jsonl, written so that every finished record survives."""

from __future__ import annotations

import fcntl
import os
import secrets
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import msgspec

from zbench.errors import NotKept, UsageError, explain
from zbench.handwritten import one_line
from zbench.records import contradictions, migrate
from zbench.records.schema import VERSION, Record, Run

RUN_FILE, RECORDS_FILE, CLAIMS_FILE = "run.json", "records.jsonl", "claims.toml"
RUN_LARGEST_BYTES, RECORDS_LARGEST_BYTES = 64 << 20, 1 << 30
"""Ours have 10 KB and, of the quick profile, 1 MB; larger ones were not written by zbench."""
LOST = "the record is lost: restore it, or measure again"
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
        return _make(state_directory() / "zbench" / "results" / name)


def state_directory() -> Path:
    """The user's, by the XDG Base Directory Specification. Raises UsageError where there is none."""
    if named := os.environ.get("XDG_STATE_HOME"):
        return Path(named)
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError as error:  # no HOME, and a user that the system does not know
        raise UsageError(
            f"{RESULTS}: cannot be written, and there is no home; name a directory with --out"
        ) from error


def _make(directory: Path, option: str = "") -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / RECORDS_FILE).touch()
    except OSError as error:
        raise UsageError(
            f"{option}{directory}: cannot be written: {explain(error)}; name a directory with --out"
        ) from error
    return directory


def write_run(directory: Path, run: Run) -> None:
    """Replace run.json as a whole. Raises NotKept."""
    begun = (directory / RUN_FILE).exists()
    try:
        replace(directory / RUN_FILE, msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
    except OSError as error:
        raise _not_kept(directory, error, begun) from error


def append(directory: Path, record: Record) -> None:
    """One line, on the disk when this returns; none of it where the disk does not take it. Raises NotKept."""
    line = msgspec.json.encode(record) + b"\n"
    try:
        with open(directory / RECORDS_FILE, "ab", buffering=0) as file:
            end = os.fstat(file.fileno()).st_size
            try:
                _put(file.fileno(), line)
            except OSError:
                with suppress(OSError):
                    file.truncate(end)
                raise
    except OSError as error:
        raise _not_kept(directory, error, begun=True) from error


def replace(path: Path, data: bytes) -> None:
    """Replace a file as a whole: a reader sees the old one or the new one. Raises OSError."""
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb", buffering=0) as file:
            _put(file.fileno(), data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _put(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)


def _not_kept(directory: Path, error: OSError, begun: bool) -> NotKept:
    if not begun:
        return NotKept(f"{directory}: cannot be written: {explain(error)}; or name a directory with --out")
    return NotKept(
        f"{directory}: cannot be written any more: {explain(error)}; what was finished is kept, "
        f"`zbench run --resume {directory}` measures the rest"
    )


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Only one session writes into a run; the kernel lets go of the lock when its process dies.

    Raises UsageError where another one holds it. A file system without locks is believed to have one writer.
    """
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(f"{directory}: is being measured right now; wait for its end") from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(handle)


def mend(directory: Path) -> None:
    """Cut off a last line that a killed writer left unfinished, so that the next one starts its own."""
    path = directory / RECORDS_FILE
    with open(path, "r+b") as file:
        file.truncate(path.read_bytes().rfind(b"\n") + 1)


def keep_claims(directory: Path, text: str) -> None:
    """The claims that the run is judged by, beside it: a file elsewhere may change or vanish."""
    try:
        replace(directory / CLAIMS_FILE, text.encode())
    except OSError as error:
        raise _not_kept(directory, error, begun=False) from error


def load(directory: Path) -> tuple[Run, list[Record]]:
    """A stored run, of this schema or an older one, whole and free of contradictions.

    A last line without its newline was being written when the writer died, or is what is left of a copy:
    it is left out. That, and a run that never ended, is told in `Run.why`. Raises UsageError that names
    the file, the line, what is wrong with it and what to do.
    """
    run = _load_run(directory)
    path = directory / RECORDS_FILE
    try:
        *lines, rest = read_file(path, LOST, RECORDS_LARGEST_BYTES).split(b"\n")
        records = []
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            records.append(decode(where, line, Record, _without(path, number)))
    except MemoryError:
        raise UsageError(f"{path}: does not fit in memory, so no record of zbench") from None
    for index, what in contradictions.of_records(run, records):
        raise UsageError(f"{path}:{index + 1}: {what}; restore the file, or {_without(path, index + 1)}")
    if run.state == "complete" and not records:
        raise UsageError(f"{path}: empty, but the run is complete; restore the file, or measure again")
    _tell_losses(run, len(records), torn=bool(rest))
    return run, records


def _load_run(directory: Path) -> Run:
    if directory.name in (RUN_FILE, RECORDS_FILE) and directory.is_file():
        raise UsageError(f"{directory}: is a file of a run; name its directory, {directory.parent}")
    path = directory / RUN_FILE
    if not path.is_file():
        raise UsageError(f"{directory}: not a run (no {RUN_FILE} in it){_runs_in(directory)}")
    run = decode(
        path, read_file(path, most_bytes=RUN_LARGEST_BYTES), Run, "restore the file, or measure again"
    )
    for what in contradictions.of_run(run):
        raise UsageError(f"{path}: {what}; restore the file")
    return run


def _runs_in(directory: Path) -> str:
    """` (it holds runs: name one, such as results/x)`, the newest by name, or nothing."""
    try:
        runs = sorted(file.parent for file in directory.glob(f"*/{RUN_FILE}"))
    except OSError:
        return ""
    return f"; it holds runs, name one of them, such as {runs[-1]}" if runs else ""


def read_file(path: Path, missing: str = "restore it", most_bytes: int | None = None) -> bytes:
    """The bytes of a regular file: a pipe would be waited for, a device never ends. Raises UsageError."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise UsageError(f"{path}: not a regular file; {missing}")
        if most_bytes is not None and about.st_size > most_bytes:
            raise UsageError(f"{path}: larger than {most_bytes >> 20} MiB; {missing}")
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: is missing; {missing}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _without(path: Path, number: int) -> str:
    return f"drop this burst with: sed -i {number}d {shlex.quote(str(path))}"


def _tell_losses(run: Run, records: int, torn: bool) -> None:
    kept = f"{records} finished record{'' if records == 1 else 's'}"
    if run.state == "running":
        run.why = f"killed while measuring, or still measuring: {kept}"
    elif torn:
        lost = f"the last line of {RECORDS_FILE} is cut off and left out: {kept}"
        run.state, run.why = "partial", f"{run.why}; {lost}" if run.why else lost


class _Versioned(msgspec.Struct):
    version: int


Document = TypeVar("Document", Run, Record)


def decode(where: object, data: bytes, kind: type[Document], remedy: str = "") -> Document:
    """Strictly decode one document of this version or an older one. Raises UsageError."""
    then = f"; {remedy}" if remedy else ""
    if not data.strip():
        raise UsageError(f"{where}: empty{then}")
    try:
        found = msgspec.json.decode(data, type=_Versioned).version
        if found > VERSION:
            raise UsageError(
                f"{where}: schema version {found} is newer than this zbench knows ({VERSION}); update zbench"
            )
        if found < 1:
            raise UsageError(f"{where}: schema version {found} never was{then}")
        if found == VERSION:
            return msgspec.json.decode(data, type=kind)
        steps = migrate.RUN if kind is Run else migrate.RECORD
        return msgspec.convert(migrate.migrate(msgspec.json.decode(data), steps), kind)
    except (KeyError, TypeError, AttributeError) as error:  # a migration met what its version never wrote
        what = f"no document of schema version {found}: {error}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = str(error)
    raise UsageError(f"{where}: {one_line(what)}{then}")
