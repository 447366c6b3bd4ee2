"""Failures that are known and accepted for a time: `zbench conform --waivers FILE`. Read strictly.

A waiver names one test, one subject and one scope exactly, the versions for which it holds, how the test
fails (`signature`), who accepts that, why, and until when. It is no more than that: one that has expired, is
not needed any more, names what did not run or fails in another way fails the run.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from zbench.conformance.chain import digest
from zbench.conformance.item import Outcome
from zbench.conformance.status import BAD, WAIVED
from zbench.errors import UsageError
from zbench.handwritten import one_line, table_of

SIGNATURE_LENGTH = 16
"""Hexadecimal digits: two ways to fail do not share 64 bits by chance."""
NUMBER = re.compile(
    r"(?<![0-9a-z])[-+]?0x[0-9a-f.]+(?:p[-+]?[0-9]+)?(?![0-9a-z])|-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?"
)
"""A value as a reason writes it: bits, C99 hexadecimal, decimal. 7x0x3, a shape, is three of them."""
BOUND = re.compile(r"(>=|<=|==|>|<) *([0-9]{1,9}(?:\.[0-9]{1,9}){0,3})")
COMPARED = {">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt}


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the file; every key is asked for."""

    id: str
    """Of the catalogue, exactly: `CO-15`."""
    subject: str
    """As on the command line: `mpi:openmpi`."""
    scope: str
    """dtype or world, as outcomes have it: `fp32`, `P=4`."""
    reason: str
    link: str
    """Where it is followed up: an issue, a bug report."""
    suite: str
    """Versions of zbench: `>=0.1, <0.3`."""
    described: dict[str, str]
    """What the subject says of itself -> glob: a version of a device, a driver, a library."""
    signature: str
    """As the failure prints it."""
    approver: str
    expires: date
    """The last day on which it holds."""

    @property
    def name(self) -> str:
        return f"waiver {self.id} {self.subject} {self.scope}"


class Waivers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    version: Literal[1]
    waiver: tuple[Waiver, ...]


def read_waivers(text: str, file: str) -> tuple[Waiver, ...]:
    """Raises UsageError that names the file, the waiver and the key."""
    try:
        found = msgspec.convert(table_of(text, file), Waivers).waiver
    except msgspec.ValidationError as error:
        raise UsageError(one_line(f"{file}: {error}")) from None
    names = Counter(each.name for each in found)
    for each in found:
        if why := _wrong(each) or ("stands there twice" if names[each.name] > 1 else ""):
            raise UsageError(one_line(f"{file}: {each.name}: {why}"))
    return found


def _wrong(waiver: Waiver) -> str:
    if empty := [key for key in ("reason", "link", "approver") if not getattr(waiver, key).strip()]:
        return f"{empty[0]}: empty"
    if not waiver.link.startswith("https://"):
        return "link: write one that begins with https://"
    if not any(glob.strip("*") for glob in waiver.described.values()):
        return "described: say which version of the subject it is about"
    if not all(BOUND.fullmatch(each.strip()) for each in waiver.suite.split(",")):
        return f"suite: write versions as '>=0.1, <0.3', not {waiver.suite!r}"
    if not re.fullmatch(f"[0-9a-f]{{{SIGNATURE_LENGTH}}}", waiver.signature):
        return f"signature: {SIGNATURE_LENGTH} hexadecimal digits, as the failure prints them"
    return ""


def signature(outcome: Outcome) -> str:
    """Of the way in which a test fails: the same whatever the numbers in its reason are."""
    why = " ".join(NUMBER.sub("#", outcome.why).split())
    return digest(f"{outcome.id}\n{outcome.status}\n{why}".encode())[:SIGNATURE_LENGTH]


def apply(
    waivers: Sequence[Waiver],
    outcomes: Sequence[Outcome],
    described: Mapping[str, Mapping[str, str]],
    suite: str,
    today: date,
) -> tuple[list[Outcome], list[str]]:
    """(outcomes, those that are waived as such; what is wrong with waivers, one line each). Pure.

    `described`: "card cpu" -> what it says of itself; `suite`: the version of zbench.
    """
    answers, complaints = list(outcomes), []
    places = {(each.id, each.subject, each.scope): i for i, each in enumerate(outcomes)}
    for waiver in waivers:
        place = places.get((waiver.id, waiver.subject, waiver.scope))
        if place is None:
            complaints.append(f"{waiver.name}: nothing of this id, subject and scope was asked")
            continue
        found = outcomes[place]
        says = described.get(f"{found.kind} {found.subject}", {})
        if why := _idle(waiver, found, says, suite, today):
            complaints.append(f"{waiver.name}: {why}")
            continue
        why = f"{found.status}, waived until {waiver.expires} by {waiver.approver}: {waiver.reason}"
        answers[place] = msgspec.structs.replace(found, status=WAIVED, why=f"{why} ({waiver.link})")
    return answers, complaints


def _idle(waiver: Waiver, outcome: Outcome, described: Mapping[str, str], suite: str, today: date) -> str:
    """Why it waives nothing; "": it does."""
    if today > waiver.expires:
        return f"has expired on {waiver.expires}"
    if not within(suite, waiver.suite):
        return f"is for zbench {waiver.suite}, this is {suite}"
    for key, glob in waiver.described.items():
        if key not in described or not fnmatchcase(described[key], glob):
            return f"is for {key} {glob!r}, this is {described.get(key, 'not told')!r}"
    if outcome.status not in BAD:
        return f"is not needed: the test ends with {outcome.status}"
    if signature(outcome) != waiver.signature:
        return f"is for another failure: this one has the signature {signature(outcome)}"
    return ""


def within(version: str, bounds: str) -> bool:
    """Whether a version meets all of `>=0.1, <0.3`; what follows its numbers (rc1, .dev0) is left out."""
    found = [BOUND.fullmatch(each.strip()) for each in bounds.split(",")]
    numbers = re.match(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}", version)
    if numbers is None or not all(found):
        return False
    return all(COMPARED[each[1]](_padded(numbers[0]), _padded(each[2])) for each in found if each)


def _padded(version: str) -> tuple[int, ...]:
    """0.1 and 0.1.0 are the same."""
    return tuple(map(int, f"{version}.0.0.0".split(".")[:4]))
