"""The JUnit XML of `--format junit`, as pytest and Jenkins write and read it: one file that a CI shows.

A suite of zbench is a testsuite and each of its cases a testcase; claims, comparisons of a subject with
itself in another environment, and the end of the run are testsuites of their own. What was not measured, not
checked or not decided is `skipped` with the reason, never a plain pass.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from zbench.judge.ratios import Ratio, same_name
from zbench.judge.summary import Summary
from zbench.records.schema import Run
from zbench.report import words
from zbench.report.findings import Findings
from zbench.report.judged import Judged, judged
from zbench.report.remarks import remarks

Outcome = Literal["passed", "failure", "error", "skipped"]
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (https://www.w3.org/TR/xml/#charsets)."""


@dataclass(frozen=True)
class Test:
    """One testcase."""

    suite: str
    of: str
    """Whom it is about: a subject, or the claims file."""
    name: str
    outcome: Outcome
    kind: str = ""
    """WRONG, NOT MET, UNDECIDED: why it did not pass, in a word."""
    why: str = ""
    told: str = ""
    """The figures."""
    seconds: float = 0.0


def render_junit(findings: Findings) -> str:
    """One document; of several runs each testsuite is there once a run, named with the run's letter."""
    found = []
    for label, part in findings.parts.items():
        suites: dict[str, list[Test]] = defaultdict(list)
        for test in tests(part):
            suites[test.suite].append(test)
        for name, members in suites.items():
            named = f"{name} · {label}" if label else name
            found.append(suite(named, members, part.run.created, _host(part.run)))
    return document(found)


def _host(run: Run) -> str:
    return next((str(m["host"]) for m in run.fingerprints.values() if m.get("host")), "unknown")


def document(suites: Iterable[ElementTree.Element]) -> str:
    """The file of these testsuites."""
    root = ElementTree.Element("testsuites", name="zbench")
    root.extend(suites)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def tests(findings: Findings) -> Iterator[Test]:
    """Every testcase of one run: its end, its claims, its comparisons, its cases."""
    yield _ending(findings)
    yield from map(_claim, judged(findings))
    if not findings.verdicts:
        why = "no claims were judged in this run"
        yield Test("claims", findings.run.claims or "none", "claims", "skipped", "NOT RUN", why)
    yield from (_comparison(ratio) for ratio in findings.ratios if same_name(ratio))
    spent = _seconds(findings)
    yield from (_case(s, spent.get(_line(s.key, s.subject, s.variant), 0.0)) for s in findings.summaries)
    shown = {f"{s.subject} {s.key}" for s in findings.summaries}
    for name, why in findings.run.not_run.items():
        if name not in shown:
            subject, _, key = name.rpartition(" ")
            yield Test("not run", subject or "zbench", key, "skipped", "NOT RUN", why)


def _ending(findings: Findings) -> Test:
    state, told = findings.run.state, "\n".join(f"{what} {why}" for what, why in remarks(findings))
    outcome: Mapping[str, Outcome] = {"complete": "passed", "invalid": "error"}
    why = findings.run.why or told
    return Test("run", "zbench", "ended well", outcome.get(state, "skipped"), state.upper(), why, told)


def _claim(found: Judged) -> Test:
    word = found.verdict.verdict
    outcome: Mapping[str, Outcome] = {"MET": "passed", "NOT MET": "failure"}
    figure = f"{found.measured} [{found.interval}]" if found.interval else found.measured or "nothing"
    told = f"measured {figure}, claimed {words.claimed(found.claim)}; from {found.size or 'nothing'}"
    settle = f"; what would settle it: {found.verdict.missing}" if found.verdict.missing else ""
    why = f"{found.verdict.why}{settle}"
    return Test("claims", "claims", found.claim.id, outcome.get(word, "skipped"), word, why, told)


def _comparison(ratio: Ratio) -> Test:
    outcome: Mapping[str, Outcome] = {"SLOWER": "failure", "UNDECIDED": "skipped"}
    interval = "" if ratio.interval is None else f" [{ratio.interval[0]:.4g}, {ratio.interval[1]:.4g}]"
    told = f"time ratio {ratio.median:.4g}{interval} against {ratio.of}; must clear {ratio.margin:.1%}"
    name = f"{ratio.key} against {ratio.of}" + (f" in {ratio.baseline}" if ratio.baseline else "")
    result = outcome.get(ratio.verdict, "passed")
    return Test("comparisons", ratio.to, name, result, ratio.verdict, ratio.why or told, told)


def _case(s: Summary, seconds: float) -> Test:
    name = s.key + "".join(f" {name}={value}" for name, value in sorted(s.variant.items()))
    outcome: Mapping[str, Outcome] = {"wrong": "failure", "invalid": "error", "ok": "passed"}
    result, kind, why = outcome.get(s.status, "skipped"), s.status.upper(), s.why
    if s.sheet:
        result, kind, why = "skipped", "DATA SHEET", "told by another tool, not measured here"
    elif s.status == "ok" and s.verified is not True:
        result, kind, why = "skipped", "NOT VERIFIED", "not every launch's answer was checked"
    return Test(s.suite, s.subject, name, result, kind, why, _figures(s), seconds)


def _figures(s: Summary) -> str:
    if s.status != "ok" or s.median_ns is None:
        return ""
    told = f"median {words.value(s.median_ns / 1e9, 's')}"
    if s.interval_ns:
        told += f" [{' to '.join(words.value(bound / 1e9, 's') for bound in s.interval_ns)}]"
    if s.value is not None and s.unit != "s":
        told += f", {s.metric} {words.value(s.value, s.unit)}"
    return told + f", {words.counted(s.launches, 'launch')}" + ", noisy" * s.noisy


def _line(key: str, subject: str, variant: Mapping[str, str]) -> tuple[object, ...]:
    return key, subject, *sorted(variant.items())


def _seconds(findings: Findings) -> dict[tuple[object, ...], float]:
    """Time spent in timed rounds, by case, subject and variant."""
    spent: dict[tuple[object, ...], float] = defaultdict(float)
    for record in findings.records:
        if record.role == "measure":
            spent[_line(record.key, record.subject, record.variant)] += sum(record.samples_ns) / 1e9
    return spent


def suite(name: str, members: Sequence[Test], created: str, host: str) -> ElementTree.Element:
    """A testsuite, and a testcase for each of its members."""
    outcomes = [test.outcome for test in members]
    facts = {
        "name": name,
        "tests": str(len(members)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": f"{sum(test.seconds for test in members):.3f}",
        "timestamp": created,
        "hostname": host,
    }
    found = ElementTree.Element("testsuite", {key: _legal(value) for key, value in facts.items()})
    for test in members:
        case = ElementTree.SubElement(
            found,
            "testcase",
            classname=_legal(f"zbench.{test.suite}.{test.of}"),
            name=_legal(test.name),
            time=f"{test.seconds:.3f}",
        )
        if test.outcome != "passed":
            message = _legal(f"{test.kind}: {test.why}")
            # Jenkins shows the text of a failure, and the message of what was skipped.
            ElementTree.SubElement(case, test.outcome, type=_legal(test.kind), message=message).text = message
        if test.told:
            ElementTree.SubElement(case, "system-out").text = _legal(test.told)
    return found


def _legal(text: str) -> str:
    """The text with what XML cannot hold written as `#x1B`, as pytest does."""
    return _ILLEGAL.sub(lambda match: f"#x{ord(match.group()):02X}", text)
