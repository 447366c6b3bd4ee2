"""What stands in a log: of every attempt, what was to be asked of whom, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import msgspec

from zbench.conformance.canonical import canonical
from zbench.conformance.chain import FILE, Entry, Rejected, digest, instant
from zbench.conformance.declaration import Declaration
from zbench.conformance.item import LEVELS, Outcome
from zbench.conformance.status import FAIL, MARGINAL, MEANINGS, NOT_SUPPORTED, PASS, WAIVED
from zbench.handwritten import one_line

SHA256 = re.compile(r"[0-9a-f]{64}")
CLOCKS_RATE, CLOCKS_GRAIN_S = 1e-3, 0.5
"""How far clocks may be apart behind an attempt: NTP slews by 0.05 %, and a busy machine may do
something else between the readings."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One subject, and every test that it will be asked."""

    kind: str
    subject: str
    declaration: Declaration
    declaration_sha256: str
    """Of the file, which lies beside the log; "": there is none, all of it is assumed."""
    tests: tuple[tuple[str, str], ...]
    """(id, scope)."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is decided before the first test: the first line of an attempt."""

    zbench: str
    """The suite's version."""
    suite: dict[str, str]
    """What the suite consists of -> its SHA-256."""
    level: str
    whole: bool
    """Whether these are all tests of the level, for all dtypes and worlds, and L5 soaks for its day."""
    hours: str
    """Of soaking, for each subject."""
    seed: str
    """As it was given."""
    nonce: str
    """The verifier's text; with it, data are made from both (`seed_of`)."""
    asked: tuple[Asked, ...]
    waivers_sha256: str
    """Of the file, which lies beside the log; "": none."""
    environment: dict[str, str]
    preloads: tuple[str, ...]
    """What puts itself between programs and their libraries."""
    command: tuple[str, ...]
    cut_bytes: int
    """Of a line that the attempt before this one left unfinished."""


class Launch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the first worker of a launch tells of itself and its machine."""

    subject: str
    """With its kind: "card cpu"."""
    fingerprint: dict[str, Any]


@dataclass
class Attempt:
    """One plan and what came of it."""

    plan: Plan
    plan_sha256: str
    waiting: dict[tuple[str, str, str, str], None]
    """(kind, subject, id, scope) of the plan's tests that have no outcome yet."""
    began: Entry
    described: dict[str, dict[str, str]]
    """"card cpu", as in the plan -> what it says of itself; nothing before its first launch."""
    ended: Entry | None = None
    state: str = "cut off"
    """complete, aborted (it could still say so) or cut off."""
    clocks: str = ""
    """How its clocks contradict each other; "": they agree."""
    libraries: dict[str, str] = field(default_factory=dict)
    """Path of a library that a worker had mapped -> its SHA-256."""
    outcomes: list[Outcome] = field(default_factory=list)
    """As they came, before any waiver."""


def seed_of(seed: int, nonce: str) -> int:
    """What data are made from: a seed that nobody can know before the verifier tells the nonce."""
    return int(digest(f"{seed} {nonce}".encode())[:13], 16) if nonce else seed


def attempts(entries: Sequence[Entry]) -> list[Attempt]:
    """The log's attempts, the last one last. Raises Rejected for what no run of zbench leaves."""
    found: list[Attempt] = []
    for entry in entries:
        where = f"{FILE}:{entry.seq}"
        if entry.kind == "plan":
            found.append(_begun(where, entry))
            continue
        if not found or found[-1].ended:
            raise Rejected(f"{where}: kind: {entry.kind} stands outside an attempt")
        try:
            _continued(found[-1], entry)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise Rejected(one_line(f"{where}: {entry.kind}: {error}")) from error
    return found


def _begun(where: str, entry: Entry) -> Attempt:
    try:
        plan = msgspec.convert(entry.body, Plan)
        if not 0 <= float(plan.hours) < inf:
            raise ValueError(f"hours {plan.hours}")
    except ValueError as error:
        raise Rejected(one_line(f"{where}: plan: {error}")) from error
    digests = [plan.waivers_sha256, *(each.declaration_sha256 for each in plan.asked)]
    if wrong := [
        each for each in (*filter(None, digests), *plan.suite.values()) if not SHA256.fullmatch(each)
    ]:
        raise Rejected(one_line(f"{where}: plan: {wrong[0]} is no SHA-256"))
    if plan.level not in LEVELS[1:] or not plan.seed.isdecimal() or len(plan.seed) > 100:
        raise Rejected(one_line(f"{where}: plan: level {plan.level}, seed {plan.seed}"))
    tests = [(each.kind, each.subject, *test) for each in plan.asked for test in each.tests]
    if len(set(tests)) < len(tests):
        raise Rejected(f"{where}: plan: a test stands there twice")
    described: dict[str, dict[str, str]] = {f"{each.kind} {each.subject}": {} for each in plan.asked}
    return Attempt(plan, digest(canonical(entry.body)), dict.fromkeys(tests), entry, described)


def _continued(attempt: Attempt, entry: Entry) -> None:
    """Note a line that is no plan. Raises ValueError, KeyError, TypeError, AttributeError, OverflowError."""
    body = entry.body
    if entry.kind == "launch":
        launch = msgspec.convert(body, Launch)
        if launch.subject not in attempt.described:
            raise ValueError(f"{launch.subject}: not in the plan")
        attempt.described[launch.subject].update(description(launch.fingerprint))
    elif entry.kind == "libraries":
        attempt.libraries |= msgspec.convert(body, dict[str, str])
    elif entry.kind == "outcome":
        outcome = outcome_of(body)
        test = (outcome.kind, outcome.subject, outcome.id, outcome.scope)
        why = "" if test in attempt.waiting else "not in the plan, or told twice"
        if outcome.level != attempt.plan.level:
            why = f"level {outcome.level} in a run of {attempt.plan.level}"
        if why := why or contradiction(outcome):
            raise ValueError(f"{outcome.id} {outcome.subject} {outcome.scope}: {why}")
        del attempt.waiting[test]
        attempt.outcomes.append(outcome)
    else:
        attempt.ended = entry
        attempt.clocks = apart(attempt.began, entry)
        attempt.state = "complete" if entry.kind == "end" else "aborted"
        if entry.kind == "end" and attempt.waiting:
            first = " ".join(next(iter(attempt.waiting)))
            raise ValueError(f"{len(attempt.waiting)} tests of the plan have no outcome, the first {first}")


def apart(first: Entry, last: Entry) -> str:
    """How far the clocks disagree on the time between two lines; "": they do not. A clock that is faked by a
    library between program and kernel, or set meanwhile, or a machine that slept."""
    spans_s = {
        "utc": (instant(last.utc) - instant(first.utc)).total_seconds(),
        "monotonic": (int(last.monotonic_ns) - int(first.monotonic_ns)) / 1e9,
        "disk": (int(last.disk_ns) - int(first.disk_ns)) / 1e9,
    }
    least, most = min(spans_s.values()), max(spans_s.values())
    if most - least <= CLOCKS_GRAIN_S + CLOCKS_RATE * most:
        return ""
    return "clocks disagree: " + ", ".join(f"{name} {span_s:.3f} s" for name, span_s in spans_s.items())


def description(fingerprint: dict[str, Any]) -> dict[str, str]:
    """What the card or the fabric of a launch says of itself. Raises KeyError, AttributeError."""
    subjects = fingerprint["subjects"]
    told = subjects.get("card") or subjects.get("fabric") or {}
    return {name: str(text) for name, text in told.items()}


def outcome_of(body: dict[str, Any]) -> Outcome:
    """Raises ValueError, TypeError, OverflowError."""
    return msgspec.convert(body | {"seconds": float.fromhex(body.get("seconds", "0x0p+0"))}, Outcome)


def contradiction(outcome: Outcome) -> str:
    """What no test says of itself; "": nothing."""
    status, tried, failed = outcome.status, outcome.tried, outcome.failed
    if status not in MEANINGS or status == WAIVED:
        return f"no test ends with {status}"
    if failed < 0 or tried < 0 or (failed > 0) != bool(outcome.failures):
        return f"{tried} tried, {failed} failed, {len(outcome.failures)} told"
    if (status == FAIL and not failed) or (status in (PASS, MARGINAL, NOT_SUPPORTED) and failed):
        return f"{status}, and {failed} failed"
    if (status in (PASS, MARGINAL) and not tried) or (status == NOT_SUPPORTED and tried):
        return f"{status}, and {tried} tried"
    return ""
