"""What `zbench conform` prints: what failed and how to see it again, then each test's status."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from socket import gethostname
from typing import Any

import msgspec

from zbench.conformance.catalogue import BY_ID
from zbench.conformance.certificate import UNPROVED
from zbench.conformance.item import Outcome
from zbench.conformance.status import BAD, HARNESS_ERROR, MARGINAL, MEANINGS, NOT_SUPPORTED, WAIVED, worst
from zbench.conformance.waivers import signature
from zbench.handwritten import printable
from zbench.report.faults import fault_lines
from zbench.report.junit import Outcome as JunitOutcome
from zbench.report.junit import Test, document, suite
from zbench.report.plain import fit, folded, shell, table, written

SHOWN = (*BAD, HARNESS_ERROR, MARGINAL)
"""Told one by one, with their reasons."""
EARLIER = 10
"""Attempts before the last one that are told one by one: a log may have thousands."""
SIGNATURES = {
    (True, True): "by the key given ({})",
    (True, False): "by a key that calls itself {}, not checked: give it with --key",
    (False, False): "none: whoever can write these files can forge them; only accidents show",
}
"""(whether there is one, whether it was checked) -> what that means."""


def render_outcomes(
    outcomes: Sequence[Outcome], level: str, width: int, unicode: bool, complaints: Sequence[str] = ()
) -> str:
    """The whole screen; ASCII only without `unicode`. `complaints`: what is wrong with waivers."""
    width = fit(width)
    lines: list[str] = []
    for outcome in outcomes:
        if outcome.status in SHOWN:
            head = f"{outcome.status} {outcome.id} {outcome.subject} {outcome.scope}: {outcome.why}"
            lines += folded(head, width, rest="    ")
            if outcome.repro:
                lines += shell(outcome.repro, width, "    again: ")
            if outcome.status in BAD:
                lines.append(f'    a waiver of it has: signature = "{signature(outcome)}"')
    for complaint in complaints:
        lines += folded(f"FAIL {complaint}", width, rest="    ")
    if lines:
        lines.append("")
    lines += table(("subject", "test", "statuses"), _rows(outcomes), width)
    lines += ["", *table(("subject", "profile", f"at {level}"), _profiles(outcomes), width)]
    lines += ["", *folded(summary(outcomes), width), *fault_lines(outcomes, width)]
    if level == "L0":
        lines += folded(
            "L0 is a smoke test: it is not sufficient for conformance, and leaves no certificate.", width
        )
    return written(lines, unicode)


def outcomes_json(outcomes: Sequence[Outcome], level: str, seed: int, command: Sequence[str]) -> str:
    """One document with all outcomes, as records of a stable form."""
    found = {
        "version": 1,
        "command": list(command),
        "level": level,
        "seed": seed,
        "counts": dict(Counter(outcome.status for outcome in outcomes)),
        "outcomes": [{"title": BY_ID[each.id].title} | _whole(each) for each in outcomes],
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _whole(outcome: Outcome) -> dict[str, Any]:
    """Every field, those of no account, too."""
    return {name: msgspec.to_builtins(getattr(outcome, name)) for name in outcome.__struct_fields__}


def outcomes_junit(outcomes: Sequence[Outcome], level: str, seed: int, command: Sequence[str]) -> str:
    """A testsuite for each subject; what was not tried is `skipped`; HARNESS_ERROR is `error`."""
    suites: dict[str, list[Test]] = {}
    for each in outcomes:
        name = f"conformance {each.kind} {each.subject} {level}"
        suites.setdefault(name, []).append(_testcase(each))
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return document(suite(name, members, created, gethostname()) for name, members in suites.items())


def _testcase(outcome: Outcome) -> Test:
    result: JunitOutcome = "passed"
    if outcome.status in BAD:
        result = "failure"
    elif outcome.status == HARNESS_ERROR:
        result = "error"
    elif outcome.status in (NOT_SUPPORTED, WAIVED):
        result = "skipped"
    again = [f"again: {outcome.repro}"] if outcome.repro else []
    told = "\n".join([outcome.why, *again, *(f"{name}: {text}" for name, text in outcome.facts.items())])
    name = f"{outcome.id} {BY_ID[outcome.id].title} [{outcome.scope}]"
    why = "; ".join(filter(None, [outcome.why, *again]))
    return Test(
        "conformance", outcome.subject, name, result, outcome.status, why, told.strip(), outcome.seconds
    )


def _rows(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    """A row for each test of a subject: how many dtypes or worlds ended how."""
    rows = []
    known = list(dict.fromkeys(each.subject for each in outcomes))
    asked = {(each.subject, each.id) for each in outcomes}
    for subject, id in sorted(asked, key=lambda each: (known.index(each[0]), each[1])):
        found = [each for each in outcomes if (each.subject, each.id) == (subject, id)]
        counts = Counter(each.status for each in found)
        rows.append((subject, id, ", ".join(f"{counts[each]} {each}" for each in MEANINGS if counts[each])))
    return rows


def _profiles(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    """A row for each of GEMM-<dtype> and COLL-<fabric>: the worst of what was tried, and how much was."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in outcomes:
        found.setdefault((each.subject, profile(each)), []).append(each.status)
    rows = []
    for (subject, name), statuses in found.items():
        tried = [status for status in statuses if status != NOT_SUPPORTED]
        whole = worst(tried or statuses)
        rows.append((subject, name, f"{whole}: {len(tried)} of {len(statuses)} tried"))
    return rows


def profile(outcome: Outcome) -> str:
    """What somebody may claim to conform to."""
    known = {"card": f"GEMM-{outcome.scope}", "fabric": f"COLL-{outcome.subject}"}
    return known.get(outcome.kind, outcome.kind.upper())


def summary(outcomes: Sequence[Outcome]) -> str:
    """One sentence: how many of each status, and the share that was not tried."""
    counts = Counter(outcome.status for outcome in outcomes)
    told = ", ".join(f"{counts[status]} {status}" for status in MEANINGS if counts[status])
    share = counts[NOT_SUPPORTED] / len(outcomes) if outcomes else 0.0
    tried = sum(outcome.tried for outcome in outcomes)
    return f"{len(outcomes)} outcomes of {tried} attempts: {told}; {share:.0%} not supported."


def render_certificate(
    place: str, statement: Mapping[str, Any], signed: bool, width: int, unicode: bool
) -> str:
    """Where the certificate is, what it says, and how anybody checks it."""
    how = "signed" if signed else "unsigned: it tells accidents from the truth, and no forger"
    lines = folded(f"certificate: {place} ({what(statement)}; {how})", width, rest="    ")
    told = statement["predicate"]["zbench"]
    if told["clocks"]:
        lines += folded(told["clocks"], width, "    ")
    words = ["zbench", "verify", place, *(["--key", "PUBLIC.pem"] if signed else [])]
    words += ["--nonce", told["nonce"]] if told["nonce"] else []
    lines += shell(shlex.join(words), width, "    check: ")
    return written(lines, unicode)


def what(statement: Mapping[str, Any]) -> str:
    """PASSED at L1, and whether that is all of L1."""
    predicate = statement["predicate"]
    told = predicate["zbench"]
    part = "" if told["whole"] else "a part of "
    return f"{predicate['result']} at {part}{told['level']}"


def render_verified(
    statement: Mapping[str, Any],
    claimed: str,
    checked: bool,
    here: Mapping[str, str],
    width: int,
    unicode: bool,
) -> str:
    """What a valid certificate says, and what it does not prove. `claimed`: the id of the key that it names,
    `checked` against the one given; `here`: the suite that is installed."""
    told = statement["predicate"]["zbench"]
    made = told["attempts"]
    whole = [each for each in made if each["state"] == "complete"]
    before = [f"{each['state']} ({_statuses(each) or 'nothing asked'})" for each in made[:-1]]
    same = all(
        {"name": name, "digest": {"sha256": sha256}} in statement["subject"] for name, sha256 in here.items()
    )
    said = {
        "says": f"{what(statement)}, {told['began']} to {told['ended']}",
        "tests": _statuses(told),
        "of": "; ".join(f"{subject}{_pairs(each)}" for subject, each in told["described"].items()),
        "data": f"seed {told['seed']}" + (f", nonce {told['nonce']}" if told["nonce"] else ", no nonce"),
        "soak": f"{told['hours']} h each" if told["hours"] != "0" else "",
        "attempts": f"{len(made)} in this log, {len(whole)} of them complete; this is the last",
        "before it": "... " * (len(before) > EARLIER) + "; ".join(before[-EARLIER:]),
        "suite": f"zbench {told['version']}, "
        + ("the one installed here" if same else "not the one installed here"),
        "preloaded": ", ".join(told["preloads"]),
        "clocks": told["clocks"],
        "signature": SIGNATURES[bool(claimed), checked].format(claimed),
    }
    lines = [
        "valid: nothing was changed since it was made" if checked else "valid, as far as that can be told"
    ]
    for name, text in said.items():
        if text:
            lines += folded(printable(text), width, f"  {name}: ", "      ")
    lines += ["", *(line for text in UNPROVED for line in folded(text, width))]
    return written(lines, unicode)


def _statuses(attempt: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {status}" for status, count in attempt["statuses"].items())


def _pairs(described: Mapping[str, str]) -> str:
    told = ", ".join(f"{name} {text}" for name, text in described.items())
    return f" ({told})" if told else ""
