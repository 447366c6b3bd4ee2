"""The certificate of a run: an in-toto Statement with the predicate test-result, signed or not.

All that it says follows from the log and the files beside it: `statement` makes it, `verified` makes it again
and compares. in-toto: github.com/in-toto/attestation, spec/v1/statement.md, spec/predicates/test-result.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zbench import __version__
from zbench.conformance import chain, envelope
from zbench.conformance.attempts import SHA256, Attempt, Plan, attempts
from zbench.conformance.catalogue import BY_ID
from zbench.conformance.chain import LOG_MOST, Entry, Rejected, digest, instant
from zbench.conformance.declaration import Declaration, read_declaration
from zbench.conformance.item import Outcome
from zbench.conformance.launches import SOAK_HOURS, whole
from zbench.conformance.status import MARGINAL, MEANINGS, NOT_SUPPORTED, PASS, WAIVED
from zbench.conformance.waivers import apply, read_waivers
from zbench.errors import UsageError
from zbench.handwritten import LARGEST_FILE_BYTES, one_line
from zbench.records.store import read_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
RESULTS = {PASS: "passedTests", MARGINAL: "warnedTests", WAIVED: "warnedTests"}
"""Status -> where the predicate lists it; what is worse stands in failedTests, NOT_SUPPORTED apart: it is no
pass."""
UNPROVED = (
    "It does not prove that the machine or whoever ran the suite was honest: who chooses seed and --nonce "
    "after the machine was delivered leaves it no time to prepare answers.",
    "It knows only the attempts of this directory: others may have been made elsewhere.",
)


def statement(directory: Path) -> dict[str, Any]:
    """What the files of a directory come to, of the log's last attempt. Raises Rejected."""
    data = _beside(directory, chain.FILE, LOG_MOST)
    found = attempts(chain.read(data))
    last = found[-1]
    if last.state != "complete":
        raise Rejected(f"{chain.FILE}: its last attempt did not end: {last.state}")
    if why := _left_out(last.plan):
        raise Rejected(one_line(f"{chain.FILE}: plan: whole: {why}"))
    if why := _cut_short(last):
        raise Rejected(one_line(f"{chain.FILE}: outcome: {why}"))
    files = {chain.FILE: digest(data)}
    read: dict[str, Declaration] = {}
    for asked in last.plan.asked:
        sha256 = asked.declaration_sha256
        name = kept_name("declaration", sha256)
        if sha256 and name not in read:  # a plan may name one file thousands of times
            read[name] = _read(read_declaration, directory, name, sha256)
            files[name] = sha256
        if asked.declaration != (read[name] if sha256 else Declaration(1, asked.subject)):
            raise Rejected(
                one_line(f"{chain.FILE}: plan: declaration of {asked.subject}: not what its file says")
            )
    outcomes, complaints = last.outcomes, list[str]()
    if sha256 := last.plan.waivers_sha256:
        name = kept_name("waivers", sha256)
        waivers = _read(read_waivers, directory, name, sha256)
        files[name] = sha256
        assert last.ended is not None
        day = instant(last.ended.utc).date()
        outcomes, complaints = apply(waivers, outcomes, last.described, last.plan.zbench, day)
    return {
        "_type": STATEMENT,
        "subject": [_resource(name, sha256) for name, sha256 in (*files.items(), *last.plan.suite.items())],
        "predicateType": TEST_RESULT,
        "predicate": _predicate(found, outcomes, complaints),
    }


def _left_out(plan: Plan) -> str:
    """What a plan that is called whole lacks; "": nothing, or this is not the version that can know."""
    if not plan.whole or plan.zbench != __version__:
        return ""
    if plan.level == "L5" and float(plan.hours) < SOAK_HOURS:
        return f"L5 soaks for {SOAK_HOURS:g} hours, and not for {plan.hours}"
    for asked in plan.asked:
        left_out = whole(asked.kind, plan.level, {scope for _, scope in asked.tests}) - set(asked.tests)
        if left_out:
            first = " ".join(min(left_out))
            return f"{asked.subject} is not asked {len(left_out)} tests of {plan.level}, as {first}"
    return ""


def _cut_short(attempt: Attempt) -> str:
    """Which test soaked for less than its share of the plan's hours, and found nothing wrong; "": none."""
    tests = Counter(
        (each.kind, each.subject) for each in attempt.plan.asked for id, _ in each.tests if _soaks(id)
    )
    for one in attempt.outcomes:
        if one.status not in (PASS, MARGINAL) or not _soaks(one.id):
            continue
        share_s = float(attempt.plan.hours) * 3600 / tests[one.kind, one.subject]
        if one.seconds < share_s:
            return f"{one.id} {one.scope} took {one.seconds:g} s, and its share of the hours is {share_s:g}"
    return ""


def _soaks(id: str) -> bool:
    return id in BY_ID and BY_ID[id].soaks


def verified(
    path: Path, key: Ed25519PublicKey | None = None, nonce: str | None = None
) -> tuple[dict[str, Any], str]:
    """(the statement, the keyid it claims or ""), checked: the chain, every digest, every derived figure and,
    where they are given, signature and nonce. Raises Rejected; UsageError where there is no certificate."""
    told, claimed = envelope.opened(read_file(path, "name a certificate", envelope.ENVELOPE_MOST), key)
    expected = statement(path.parent)
    if where := difference(expected, told):
        version = expected["predicate"]["zbench"]["version"]
        other = "" if version == __version__ else f" (it is of zbench {version}, and this is {__version__})"
        raise Rejected(one_line(f"{path.name}: {where}{other}"))
    found = told["predicate"]["zbench"]["nonce"]
    if nonce is not None and found != nonce:
        raise Rejected(
            one_line(f"{path.name}: predicate.zbench.nonce: {found!r}, not the one given: {nonce!r}")
        )
    return told, claimed


def _predicate(
    found: Sequence[Attempt], outcomes: Sequence[Outcome], complaints: list[str]
) -> dict[str, Any]:
    last, plan = found[-1], found[-1].plan
    lists: dict[str, list[str]] = {name: [] for name in ("passedTests", "warnedTests", "failedTests")}
    apart: list[str] = []
    for each in outcomes:
        listed = apart if each.status == NOT_SUPPORTED else lists[RESULTS.get(each.status, "failedTests")]
        listed.append(f"{each.id} {each.subject} {each.scope}")
    passes = bool(lists["passedTests"] or lists["warnedTests"])  # what was not tried has not
    lists["failedTests"] += complaints
    lists["warnedTests"] += filter(None, [last.clocks])
    good = "WARNED" if lists["warnedTests"] else "PASSED"
    return {
        "result": good if passes and not lists["failedTests"] else "FAILED",
        "configuration": [_resource(name, sha256) for name, sha256 in sorted(last.libraries.items())],
        **lists,
        "zbench": {
            "version": plan.zbench,
            "level": plan.level,
            "whole": plan.whole,
            "hours": plan.hours,
            "seed": plan.seed,
            "nonce": plan.nonce,
            "planSha256": last.plan_sha256,
            "began": last.began.utc,
            "ended": _utc(last.ended),
            "clocks": last.clocks,
            "described": last.described,
            "environment": plan.environment,
            "preloads": list(plan.preloads),
            "statuses": _counts(outcomes),
            "tried": sum(each.tried for each in outcomes),
            "failed": sum(each.failed for each in outcomes),
            "notSupportedTests": apart,
            "attempts": [_summary(each) for each in found],
        },
    }


def _summary(attempt: Attempt) -> dict[str, Any]:
    return {
        "state": attempt.state,
        "began": attempt.began.utc,
        "ended": _utc(attempt.ended),
        "level": attempt.plan.level,
        "planSha256": attempt.plan_sha256,
        "statuses": _counts(attempt.outcomes),
    }


def _utc(entry: Entry | None) -> str:
    return entry.utc if entry else ""


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    counts = Counter(each.status for each in outcomes)
    return {status: counts[status] for status in MEANINGS if counts[status]}


def _resource(name: str, sha256: str) -> dict[str, Any]:
    if SHA256.fullmatch(sha256):
        return {"name": name, "digest": {"sha256": sha256}}
    return {"name": name, "annotations": {"digest": sha256}}


def kept_name(what: str, sha256: str) -> str:
    """The copy of a file beside the log: by its content, so that those of several attempts lie together."""
    return f"{what}-{sha256[:16]}.toml"


def _read(reader: Any, directory: Path, name: str, sha256: str) -> Any:
    data = _beside(directory, name, LARGEST_FILE_BYTES)
    if digest(data) != sha256:
        raise Rejected(f"{name}: not the file that the plan names: its SHA-256 is another")
    try:
        return reader(data.decode("utf-8-sig"), name)
    except (UsageError, UnicodeDecodeError) as error:
        raise Rejected(one_line(str(error))) from error


def _beside(directory: Path, name: str, most_bytes: int) -> bytes:
    path = directory / name
    if path.is_symlink():
        raise Rejected(f"{path}: a link, not the file itself")
    try:
        return read_file(path, "restore it", most_bytes)
    except UsageError as error:
        raise Rejected(str(error)) from error


def difference(expected: Any, found: Any, where: str = "") -> str:
    """The first field in which two documents differ; "": none."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if other := sorted(expected.keys() ^ found.keys()):
            what = "is missing" if other[0] in expected else "does not follow from the log"
            return f"{where}.{other[0]}: {what}".lstrip(".")
        pairs = [(f"{where}.{key}".lstrip("."), expected[key], found[key]) for key in sorted(expected)]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [(f"{where}[{i}]", *each) for i, each in enumerate(zip(expected, found, strict=True))]
    elif type(expected) is type(found) and expected == found:
        return ""
    else:
        return f"{where}: the log comes to {expected!r}, not {found!r}"
    return next((told for place, x, y in pairs if (told := difference(x, y, place))), "")
