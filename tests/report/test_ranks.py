"""What the screen, the page and the document say of the ranks of a world."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from msgspec.structs import replace as replaced

from zbench.case import Case
from zbench.judge.clocks import Agreement, CommonTimes, Named
from zbench.judge.congestion import Factor, Impact
from zbench.report.document import documents
from zbench.report.findings import Findings
from zbench.report.markdown import render_markdown
from zbench.report.merge import merge
from zbench.report.page import render_page
from zbench.report.terminal import render_screen

AGREE = Agreement(
    subject="shm",
    ranks=4,
    launches=5,
    method="HCA3",
    shared=True,
    within_ns=131.0,
    offset_ns=-6.0,
    error_ns=125.0,
    drift_ppm=0.02,
    drift_error_ppm=0.4,
    residual_ns=33.0,
    worst_rank=2,
    named=Named(rounds=500, late=7, skew_p50_ns=42.0, skew_max_ns=9e6),
)
DIFFER = Agreement(
    subject="there",
    ranks=2,
    launches=5,
    method="HCA3",
    shared=False,
    within_ns=1_000_300.0,
    offset_ns=1_000_000.0,
    error_ns=300.0,
    drift_ppm=50.0,
    drift_error_ppm=0.4,
    residual_ns=33.0,
    worst_rank=1,
)
TIMES = CommonTimes(
    key="allreduce/fp32/65536/ranks=4",
    subject="shm",
    launches=5,
    skew_p50_ns=8.5,
    skew_max_ns=12e6,
    span_ns=10_200.0,
    own_ns=10_100.0,
)
IMPACT = Impact(
    key="congestion/byte/8/congestor=alltoall/ranks=8/victim=pingpong",
    case=Case("congestion", "byte", (8,), {"ranks": 8, "victim": "pingpong", "congestor": "alltoall"}),
    subject="shm",
    launches=5,
    batch=(280, 290),
    idle_ns=350.0,
    loaded_ns=455.0,
    middle=Factor(1.3, (1.22, 1.41)),
    tail=Factor(2.05, None),
    covered=4990,
    of=5000,
    verdict="SLOWED",
)


def words_of(page: str) -> str:
    """The page's text without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_screen_says_how_well_the_clocks_agree(findings: Findings) -> None:
    """One line where they do; where they do not, who is off and what that costs."""
    text = " ".join(render_screen(replace(findings, clocks=[AGREE, DIFFER])).split())
    assert "Clocks of 4 ranks of shm agree within 131 ns (HCA3), drift 0.02 ± 0.4 ppm" in text
    assert "Clocks of 2 ranks of there do not agree: up to 1.00 ms ± 300 ns (rank 1) off (HCA3)" in text
    assert "no moments are compared" in text
    assert "Clocks of" not in render_screen(findings)


def test_the_page_has_the_clocks_and_the_rounds_on_them(findings: Findings) -> None:
    """A case whose moments may not be compared says why, in its row."""
    dropped = CommonTimes(
        key="pingpong/byte/8/ranks=4",
        subject="shm",
        launches=5,
        skew_p50_ns=8.5,
        skew_max_ns=12e6,
        span_ns=300.0,
        own_ns=299.0,
        why="the clocks are not known to 10 % of a round",
    )
    page = render_page(replace(findings, clocks=[AGREE], starts=[TIMES, dropped]), [])
    assert 'href="#clocks"' in page
    text = words_of(page)
    row = "shm 4 5 -6.00 ns (rank 2) ± 125 ns 0.02 ± 0.4 ppm 33.0 ns one clock"
    assert f"{row} 42.0 ns, 9.00 ms 7 of 500" in text
    assert "allreduce/fp32/65536/ranks=4 shm 8.50 ns 12.0 ms 10.2 µs 10.1 µs" in text
    assert "pingpong/byte/8/ranks=4 shm not told: the clocks are not known to 10 % of a round" in text
    assert 'id="clocks"' not in render_page(findings, [])


def test_markdown_has_both(findings: Findings) -> None:
    """As tables of their own."""
    made = render_markdown(replace(findings, clocks=[AGREE], impacts=[IMPACT]))
    assert "## Clocks" in made
    assert "one clock" in made
    assert "## Congestion" in made
    assert "SLOWED" in made
    assert "## Clocks" not in render_markdown(findings)


def test_a_run_that_asked_for_nothing_else_has_no_table_of_results(findings: Findings) -> None:
    """Its findings stand alone."""
    text = render_screen(replace(findings, summaries=[], clocks=[AGREE]))
    assert "verified" not in text
    assert "Clocks of 4 ranks" in text


def test_the_document_has_them_where_they_were_asked(findings: Findings) -> None:
    """Ready for json.dumps."""
    made = documents(replace(findings, clocks=[AGREE], starts=[TIMES]))
    assert json.loads(json.dumps(made))["clocks"][0]["within_ns"] == 131.0
    assert made["starts"][0]["skew_p50_ns"] == 8.5
    assert "clocks" not in documents(findings)


def test_congestion_is_told_on_the_screen_the_page_and_in_the_document(findings: Findings) -> None:
    """Both factors with what is known of them, the rounds that count, and the verdict."""
    found = replace(findings, impacts=[IMPACT])
    text = " ".join(render_screen(found).split())
    assert "Congestion of shm: 8 B pingpong takes 1.3x [1.22, 1.41] beside alltoall" in text
    assert "p99 2.05x [no interval]; SLOWED" in text
    page = words_of(render_page(found, []))
    assert "350 ns 455 ns 1.3x [1.22, 1.41] 2.05x [no interval] 280 to 290 4990 of 5000 SLOWED" in page
    assert json.loads(json.dumps(documents(found)))["congestion"][0]["verdict"] == "SLOWED"


def test_congestion_without_a_verdict_says_why(findings: Findings) -> None:
    """And without a factor that there is none."""
    why = "more ranks than cores: it is the cores that they contend for, and not the fabric"
    impact = replaced(IMPACT, verdict="UNDECIDED", why=why, middle=None, tail=None, loaded_ns=None)
    text = " ".join(render_screen(replace(findings, impacts=[impact])).split())
    assert f"takes an unknown time beside alltoall; UNDECIDED: {why}" in text
    page = words_of(render_page(replace(findings, impacts=[impact]), []))
    assert f"350 ns - - too few rounds 280 to 290 4990 of 5000 UNDECIDED: {why}" in page


def test_several_runs_keep_theirs_apart(findings: Findings) -> None:
    """Each under its label."""
    one = replace(findings, clocks=[AGREE], starts=[TIMES], impacts=[IMPACT])
    both = merge([one, one], ["zbench", "report", "a", "b"])
    assert [clocks.subject for clocks in both.clocks] == ["shm · A", "shm · B"]
    assert [impact.subject for impact in both.impacts] == ["shm · A", "shm · B"]
    assert [times.subject for times in both.starts] == ["shm · A", "shm · B"]
