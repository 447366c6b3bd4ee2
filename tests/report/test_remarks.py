"""Remarks: what must be known before any figure, in every form of the report."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from zbench.judge.power import Gain
from zbench.records.schema import Imported, Run, Sitting
from zbench.report import words
from zbench.report.document import documents
from zbench.report.findings import Findings
from zbench.report.markdown import render_markdown, text
from zbench.report.merge import merge
from zbench.report.page import render_page
from zbench.report.remarks import remarks
from zbench.report.terminal import render_screen


def sittings() -> list[Sitting]:
    return [
        Sitting(why=why, started=f"2026-11-2{day}T02:00:00+00:00", zbench="0.1.0", command=[], launches=5)  # type: ignore[arg-type]
        for why, day in (("run", 1), ("resume", 2), ("append", 3))
    ]


CHANGES: dict[str, tuple[dict[str, object], str, str]] = {
    "invalid": ({"state": "invalid", "why": "rank 1 died"}, "This run is invalid.", "rank 1 died"),
    "partial": ({"state": "partial", "why": "interrupted"}, "This run is partial.", "interrupted; "),
    "running": ({"state": "running"}, "This run has not ended.", "zbench run --resume results/example"),
    "imported": (
        {"imported": Imported(tool="nccl-tests", file="a.json", sha256="0")},
        "This run is imported.",
        "evidence DATA SHEET",
    ),
    "disturbed": ({"disturbed": ["another zbench (pid 7)"]}, "This run was disturbed.", "(pid 7)"),
    "sittings": (
        {"sittings": sittings()},
        "This run was measured in 3 sittings.",
        "append 2026-11-23 02:00 UTC",
    ),
    "left out": (
        {"not_run": {"cpu a": "no time", "cpu b": "no time"}, "time_limit_s": 90.0},
        "This run leaves out 2 cases, in a time limit of 1 min 30 s.",
        "no time (2x)",
    ),
    "not offered": (
        {"not_run": {"cpu a": "no time", "cpu gemm/fp8e4m3/*": "no fp8e4m3", "cpu attention/*": "none"}},
        "This run leaves out 1 case and 2 kinds of case.",
        "no fp8e4m3 (1x)",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_flaw_is_told_by_every_form_before_its_figures(findings: Findings, name: str) -> None:
    """Page, terminal and Markdown say it above the verdicts; JSON has it beside them."""
    changes, what, why = CHANGES[name]
    flawed = replace(findings, run=msgspec.structs.replace(findings.run, **changes))
    ((told, reason),) = remarks(flawed)
    assert told == what
    assert why in reason
    page = render_page(flawed, [])
    assert what in page.split('id="verdicts"')[0]
    screen = " ".join(render_screen(flawed, width=100).split())
    assert screen.index(what) < screen.index("fabric-latency")
    assert f"> **{text(what)}**" in render_markdown(flawed).split("## Verdicts")[0]
    assert documents(flawed)["remarks"] == [f"{told} {reason}"]


def test_a_sound_run_needs_no_remark(findings: Findings) -> None:
    """Nothing cries wolf."""
    assert remarks(findings) == []
    assert 'class="remarks"' not in render_page(findings, [])


def test_wrong_answers_are_named(wrong: Findings) -> None:
    """The case and the subject."""
    assert remarks(wrong) == [
        ("This run has 1 wrong or invalid case.", "gemm/fp32/2048x2048x2048/threads=1 of numpy")
    ]


def test_many_reasons_are_counted_and_not_listed(findings: Findings) -> None:
    """Three of them, the most frequent first."""
    reasons = {f"cpu {i}": f"reason {min(i, 4)}" for i in range(9)}
    run: Run = msgspec.structs.replace(findings.run, not_run=reasons)
    ((_, why),) = remarks(replace(findings, run=run))
    assert why == "reason 4 (5x); reason 0 (1x); reason 1 (1x); and 2 more"


def test_a_merge_says_which_run_it_is(findings: Findings, wrong: Findings) -> None:
    """Run B, not this run."""
    merged = merge([findings, wrong], [])
    assert [what for what, _ in remarks(merged)] == ["Run B has 1 wrong or invalid case."]


def test_other_claims_are_told(findings: Findings) -> None:
    """What was judged by something else than when it was measured."""
    found = replace(findings, notes=["claims.toml has changed"])
    assert remarks(found) == [("This run is judged again.", "claims.toml has changed")]


@pytest.mark.parametrize(
    ("median", "interval", "told"),
    [
        (1.15, (1.12, 1.18), "zeros run 15.0 % faster [12.0, 18.0 %]: power, not arithmetic"),
        (1.01, (0.99, 1.03), "zeros make no difference that can be told [-1.0, 3.0 %]"),
        (0.95, (0.94, 0.96), "zeros run 5.0 % slower [-6.0, -4.0 %]: power, not arithmetic"),
        (1.15, None, "zeros run 15.0 % faster, one launch: undecided"),
    ],
)
def test_what_zeros_gain_is_a_finding(
    findings: Findings, median: float, interval: tuple[float, float] | None, told: str
) -> None:
    """With its interval, and never among the results."""
    gain = Gain(key="gemm/bf16/8x8x8", subject="cpu", median=median, interval=interval, blocks=5)
    ((what, why),) = remarks(replace(findings, gains=[gain]))
    assert what == "This run timed zeros beside random data, for no result."
    assert why == f"gemm/bf16/8x8x8 of cpu: {told}"


def test_a_search_is_told_with_what_was_measured_of_its_choice(findings: Findings) -> None:
    """Never with the rate of the pilot that won."""
    key = "gemm/fp32/1024x1024x1024/threads=1"
    (right,) = [s for s in findings.summaries if (s.subject, s.key) == ("cpu", key)]
    search = {"chosen": {"fp32": key}, "pilot_rates": {key: 9e15, "gemm/fp32/8x8x8/threads=1": 1.0}}
    run = msgspec.structs.replace(findings.run, searches={"cpu": search})
    ((what, why),) = remarks(replace(findings, run=run))
    assert what == "This run looked for each card's fastest shape first."
    assert why == f"cpu {key}: {words.value(right.value or 0, right.unit)}; of 2 pilots on cpu"
