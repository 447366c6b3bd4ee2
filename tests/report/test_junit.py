"""The JUnit XML, read back as a CI would."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from zbench.judge.ratios import Ratio
from zbench.records.schema import Sheet
from zbench.report.findings import Findings
from zbench.report.junit import render_junit
from zbench.report.merge import merge


def suites(findings: Findings) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(render_junit(findings).encode())
    assert root.tag == "testsuites"
    return {suite.attrib["name"]: suite for suite in root}


def case(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    (found,) = [case for case in suite if case.attrib["name"].startswith(name)]
    return found


def outcome(case: ElementTree.Element) -> str:
    return next((child.tag for child in case if child.tag != "system-out"), "passed")


def changed(findings: Findings, **verdict: Any) -> Findings:
    """The first claim judged otherwise."""
    first, *rest = findings.verdicts
    return replace(findings, verdicts=[msgspec.structs.replace(first, **verdict), *rest])


def test_shape_is_that_of_pytest_and_jenkins(findings: Findings) -> None:
    """Only the elements and attributes of Jenkins' schema, and counts that are true."""
    attributes = {
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        "testcase": {"classname", "name", "time"},
        "failure": {"message", "type"},
        "error": {"message", "type"},
        "skipped": {"message", "type"},
        "system-out": set(),
    }
    assert render_junit(findings).startswith('<?xml version="1.0" encoding="utf-8"?>\n<testsuites')
    for suite in suites(findings).values():
        for element in suite.iter():
            assert set(element.attrib) == attributes[element.tag]
        found = [outcome(case) for case in suite]
        assert int(suite.attrib["tests"]) == len(found)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[name]) == found.count(tag)


def test_every_suite_claim_and_case_is_there_once(findings: Findings) -> None:
    """Cases by subject and key; claims by their id."""
    found = suites(findings)
    assert list(found) == ["run", "claims", "card", "fabric", "scaling"]
    names = [(c.attrib["classname"], c.attrib["name"]) for suite in found.values() for c in suite]
    assert len(names) == len(set(names)) == len(findings.summaries) + len(findings.verdicts) + 1
    assert [c.attrib["name"] for c in found["claims"]] == [claim.id for claim in findings.claims]
    assert ("zbench.card.numpy", "triad/fp64/134217728/threads=2 isa=avx512") in names


@pytest.mark.parametrize(
    ("word", "tag"),
    [
        ("MET", "passed"),
        ("NOT MET", "failure"),
        ("UNDECIDED", "skipped"),
        ("NOT TESTABLE", "skipped"),
        ("NOT RUN", "skipped"),
        ("PROJECTED", "skipped"),
    ],
)
def test_only_met_passes(findings: Findings, word: str, tag: str) -> None:
    """Everything else has its word in the message."""
    found = case(suites(changed(findings, verdict=word, why="so"))["claims"], "fabric-latency")
    assert outcome(found) == tag
    if tag != "passed":
        assert found[0].attrib["message"].startswith(f"{word}: so")
        assert found[0].attrib["type"] == word


def test_a_wrong_answer_fails_and_an_invalid_time_is_an_error(wrong: Findings) -> None:
    """With the reason, and without figures."""
    summaries = [
        msgspec.structs.replace(s, status="invalid", why="clocks disagree") if s.metric == "latency" else s
        for s in wrong.summaries
    ]
    found = suites(replace(wrong, summaries=summaries))
    (bad,) = [c for c in found["card"] if outcome(c) == "failure"]
    assert bad.attrib["classname"] == "zbench.card.numpy"
    assert "WRONG: 7 of 2048 rows are wrong" in bad[0].attrib["message"]
    assert [child.tag for child in bad] == ["failure"]
    barriers = [c for c in found["fabric"] if c.attrib["name"] == "barrier/byte/0/ranks=2"]
    assert [outcome(c) for c in barriers] == ["error", "error"]


def test_what_was_not_measured_here_or_not_checked_is_no_pass(findings: Findings) -> None:
    """A data sheet, a case without verification, a case that was left out."""
    first, second, *_ = findings.summaries
    told = msgspec.structs.replace(first, sheet=Sheet("mean", 1.0))
    unchecked = msgspec.structs.replace(second, verified=None)
    run = msgspec.structs.replace(
        findings.run, not_run={"cpu gemm/x": "no time", f"{first.subject} {first.key}": ""}
    )
    found = suites(replace(findings, run=run, summaries=[told, unchecked]))
    kinds = [c[0].attrib["type"] for c in found["card"]]
    assert kinds == ["DATA SHEET", "NOT VERIFIED"]
    assert [(c.attrib["name"], c[0].attrib["message"]) for c in found["not run"]] == [
        ("gemm/x", "NOT RUN: no time")
    ]


def ratio(of: str, to: str, verdict: str) -> Ratio:
    return Ratio(
        suite="card",
        key="gemm/a",
        of=of,
        to=to,
        median=1.2,
        interval=(1.1, 1.3),
        launches=5,
        margin=0.02,
        p=0.001,
        verdict=verdict,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("verdict", "tag"),
    [("SLOWER", "failure"), ("UNDECIDED", "skipped"), ("SAME", "passed"), ("FASTER", "passed")],
)
def test_a_subject_that_got_slower_fails_and_a_slower_peer_does_not(
    findings: Findings, verdict: str, tag: str
) -> None:
    """cpu@new against cpu@old is a regression; numpy against cpu is information."""
    compared = [ratio("cpu@old", "cpu@new", verdict), ratio("cpu", "numpy", verdict)]
    (only,) = suites(replace(findings, ratios=compared))["comparisons"]
    assert only.attrib["classname"] == "zbench.comparisons.cpu@new"
    assert outcome(only) == tag


@pytest.mark.parametrize(
    ("state", "tag"),
    [("complete", "passed"), ("invalid", "error"), ("partial", "skipped"), ("running", "skipped")],
)
def test_how_the_run_ended_is_a_test_of_its_own(findings: Findings, state: str, tag: str) -> None:
    """A run that broke off is green nowhere."""
    run = msgspec.structs.replace(findings.run, state=state, why="because")
    (only,) = suites(replace(findings, run=run))["run"]
    assert outcome(only) == tag


def test_a_run_without_verdicts_has_no_claim_that_passes(findings: Findings) -> None:
    """A smoke run judges nothing, and that is said."""
    (only,) = suites(replace(findings, verdicts=[], claims=[]))["claims"]
    assert outcome(only) == "skipped"


def test_control_characters_do_not_break_the_document(findings: Findings) -> None:
    """XML 1.0 has no way to write ESC or NUL; pytest writes #x1B, and so does zbench."""
    ugly = "\x1b[31mred\x00 <&> \ud800 \x85"
    told = suites(changed(findings, verdict="NOT MET", why=ugly))
    message = case(told["claims"], "fabric-latency")[0].attrib["message"]
    assert message.startswith("NOT MET: #x1B[31mred#x00 <&> #xD800")


def test_a_merge_has_each_runs_suites(findings: Findings, wrong: Findings) -> None:
    """Named with the run's letter."""
    found = suites(merge([findings, wrong], []))
    assert "card · A" in found
    assert found["card · A"].attrib["failures"] == "0"
    assert found["card · B"].attrib["failures"] == "1"
