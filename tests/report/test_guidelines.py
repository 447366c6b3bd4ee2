"""Guidelines on the screen, the page, in Markdown, JSON and a merge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.report.conftest import run
from zbench.assess import assess
from zbench.case import Case
from zbench.judge.claims import load_claims
from zbench.records.schema import Record, Verification
from zbench.report.document import documents
from zbench.report.findings import Findings
from zbench.report.guidelines import HEADER, TITLE, rows
from zbench.report.markdown import render_markdown
from zbench.report.merge import merge
from zbench.report.page import render_page
from zbench.report.terminal import render_screen

TIMES_US = {"reduce": 130.0, "allreduce": 100.0, "scatter": 40.0, "bcast": 60.0, "gather": 50.0}
RIGHT = Verification(method="exact", checked=1, of=1, passed=True, smallest_error=0.5)


def fabric_records(times_us: Mapping[str, float]) -> list[Record]:
    """Five launches of each operation on one fabric, in one size."""
    rng = np.random.default_rng(5)
    cases = {op: Case(op, "fp32" if "reduce" in op else "byte", (65536,), {"ranks": 2}) for op in times_us}
    return [
        Record(
            suite="fabric",
            key=case.key,
            case=case,
            subject="shm",
            block=launch,
            launch=launch,
            order=i,
            ranks=2,
            samples_ns=[round(us * 1000 * rng.normal(1, 0.001)) for us in [times_us[op]] * 20],
            verification=RIGHT,
        )
        for i, (op, case) in enumerate(cases.items())
        for launch in range(5)
    ]


def judged(name: str, times_us: Mapping[str, float]) -> Findings:
    suites = {"suites": ["fabric"], "cards": [], "fabrics": ["shm"]}
    return assess(Path(name), run(**suites), fabric_records(times_us), load_claims("guidelines"))


@pytest.fixture(scope="module")
def found() -> Findings:
    """A reduce that takes longer than an allreduce, a scatter that does not take longer than a bcast."""
    return judged("results/guidelines", TIMES_US)


def test_what_is_violated_stands_first(found: Findings) -> None:
    """With the ratio, its interval and the limit."""
    first, *others = rows(found.guidelines)
    assert len(first) == len(HEADER)
    assert first[:4] == (
        "reduce-allreduce",
        "shm",
        "reduce/fp32/65536/ranks=2",
        "allreduce/fp32/65536/ranks=2",
    )
    low, high = map(float, first[5].split(" to "))
    assert low < 1.3 < high
    assert low <= float(first[4]) <= high
    assert first[6:] == ("1.010", "NOT MET")
    told = {row[0]: row[-1] for row in others}
    assert told == {"scatter-bcast": "MET", "allreduce-reduce-bcast": "MET"}


def test_every_form_of_the_report_has_them(found: Findings) -> None:
    """The screen as verdicts, which fit in any width; the page, Markdown and JSON case by case."""
    for width in (100, 64, 40):
        screen = render_screen(found, width=width)
        assert max(map(len, screen.splitlines())) <= width
        assert "NOT MET" in screen
        assert "reduce-allreduce" in screen
    line = "✗ NOT MET       reduce-allreduce                         ≤ 1x         1.3x"
    assert line in render_screen(found)
    page = render_page(found, [])
    assert f'<h2 id="guidelines">{TITLE}</h2>' in page
    assert 'href="#guidelines"' in page
    assert f"## {TITLE}" in render_markdown(found)
    told = documents(found)["guidelines"]
    violated = [each for each in told if each["verdict"] == "NOT MET"]
    assert [each["guideline"] for each in violated] == ["reduce-allreduce"]
    assert violated[0]["against"] == ["allreduce/fp32/65536/ranks=2"]


def test_nothing_is_said_where_no_guideline_was_asked(findings: Findings) -> None:
    """Other claims files have none."""
    assert not findings.guidelines
    assert TITLE not in render_page(findings, [])
    assert TITLE not in render_markdown(findings)
    assert "guidelines" not in documents(findings)


def test_runs_side_by_side_keep_them_apart(found: Findings) -> None:
    """Each under its run's letter."""
    both = merge([found, judged("results/mended", TIMES_US | {"reduce": 90.0})], ["zbench", "report"])
    told = {(r.guideline, r.subject): r.verdict for r in both.guidelines}
    assert told["reduce-allreduce · A", "shm · A"] == "NOT MET"
    assert told["reduce-allreduce · B", "shm · B"] == "MET"
