"""A run that leaves a log, and a certificate where it ends: `zbench conform --out DIR`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zbench import __version__
from zbench.conformance import chain, envelope
from zbench.conformance.attempts import Asked, Launch, Plan, description
from zbench.conformance.certificate import kept_name, statement
from zbench.conformance.chain import Log, digest
from zbench.conformance.item import Outcome
from zbench.conformance.launches import SOAK_HOURS, Ask, conform, declaration_for, planned, scope
from zbench.conformance.surroundings import digests, preloads, steering, suite
from zbench.errors import UsageError, ZbenchError, explain
from zbench.measure.channel import Message
from zbench.records.store import locked, replace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Files = dict[str, bytes]
"""Name beside the log -> what is kept there."""
Described = dict[str, dict[str, str]]


def plan_of(
    asks: Sequence[Ask], seed: int, nonce: str, waivers: str, command: Sequence[str]
) -> tuple[Plan, Files]:
    """All that is decided before the first test, and copies of the files that it rests on. `waivers`: the
    text of their file, or "". Raises UsageError."""
    files: Files = {}
    asked = []
    for ask in asks:
        declared, where = declaration_for(ask)
        path = Path(where)
        sha256 = _kept(files, "declaration", path.read_bytes()) if path.is_file() else ""
        tests = [(item.id, scope(ask, dtype, ranks)) for ranks, jobs in planned(ask) for item, dtype in jobs]
        asked.append(Asked(ask.subject.kind, ask.subject.label, declared, sha256, tuple(tests)))
    plan = Plan(
        zbench=__version__,
        suite=suite(),
        level=asks[0].level,
        whole=all(map(_whole, asks)),
        hours=f"{asks[0].hours:g}",
        seed=str(seed),
        nonce=nonce,
        asked=tuple(asked),
        waivers_sha256=_kept(files, "waivers", waivers.encode()) if waivers else "",
        environment=steering(os.environ),
        preloads=preloads(os.environ),
        command=tuple(command),
        cut_bytes=0,
    )
    return plan, files


def _whole(ask: Ask) -> bool:
    """Whether nothing of its level is left out."""
    chosen = ask.tests or ask.dtypes or ask.ranks or ask.attempt != "*"
    return not chosen and (ask.level != "L5" or ask.hours >= SOAK_HOURS)


def _kept(files: Files, what: str, data: bytes) -> str:
    sha256 = digest(data)
    files[kept_name(what, sha256)] = data
    return sha256


@contextmanager
def kept(directory: Path, plan: Plan, files: Files) -> Iterator[Log]:
    """The log of a directory, with its plan on the disk before the first test; what ends the block otherwise
    than at its end makes the attempt an aborted one. Attempts that stand there already are kept.

    Raises UsageError, also where the log that stands there does not hold, and ZbenchError.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        others = [each for each in directory.iterdir() if each.name != chain.FILE]
    except OSError as error:
        raise UsageError(f"--out {directory}: cannot be written: {explain(error)}") from error
    if others and not (directory / chain.FILE).exists():
        raise UsageError(f"--out {directory}: holds something else; name a new directory")
    with locked(directory), chain.appended(directory) as (log, cut_bytes):
        _write(directory, files)
        log.add("plan", msgspec.structs.replace(plan, cut_bytes=cut_bytes))
        (directory / envelope.FILE).unlink(missing_ok=True)  # it is about fewer attempts
        try:
            yield log
        except BaseException as error:
            with suppress(ZbenchError):  # a full disk may be why
                log.add("aborted", {"why": f"{type(error).__name__} {error}".strip()})
            raise
        log.add("end", {})


def ask_all(
    asks: Sequence[Ask], log: Log | None, tell: Callable[[Outcome], None]
) -> tuple[list[Outcome], Described]:
    """(all outcomes, told to the log and to `tell` as they come; "card cpu" -> what it says of itself)."""
    outcomes: list[Outcome] = []
    described: Described = {}
    known: set[str] = set()
    for ask in asks:
        note = partial(_note, f"{ask.subject.kind} {ask.subject.label}", described, known, log)
        for outcome in conform(ask, note):
            outcomes.append(outcome)
            tell(outcome)
            if log is not None:
                log.add("outcome", outcome)
    return outcomes, described


def _note(subject: str, described: Described, known: set[str], log: Log | None, message: Message) -> None:
    """Keep what a worker tells of itself: its machine, or those of its libraries that are not `known` yet."""
    if message["type"] == "hello":
        described.setdefault(subject, {}).update(description(message["fingerprint"]))
        if log is not None:
            log.add("launch", Launch(subject, message["fingerprint"]))
    elif message["type"] == "libraries" and log is not None:
        if new := set(message["paths"]) - known:
            log.add("libraries", digests(new))
        known |= new


def certify(directory: Path, key: Ed25519PrivateKey | None) -> tuple[Path, dict[str, Any]]:
    """Write the certificate of a directory's log: (where, the statement). Raises Rejected, ZbenchError."""
    told = statement(directory)
    _write(directory, {envelope.FILE: envelope.sealed(told, key)})
    return directory / envelope.FILE, told


def _write(directory: Path, files: Files) -> None:
    for name, data in files.items():
        try:
            replace(directory / name, data)
        except OSError as error:
            raise ZbenchError(f"{directory / name}: cannot be written: {explain(error)}") from error
