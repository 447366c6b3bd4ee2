"""What the screen, the page and the document say of the ranks of a world."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from zbench.judge.clocks import Agreement, CommonTimes
from zbench.report.document import documents
from zbench.report.findings import Findings
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
    assert "shm 4 5 -6.00 ns (rank 2) ± 125 ns 0.02 ± 0.4 ppm 33.0 ns one clock" in text
    assert "allreduce/fp32/65536/ranks=4 shm 8.50 ns 12.0 ms 10.2 µs 10.1 µs" in text
    assert "pingpong/byte/8/ranks=4 shm not told: the clocks are not known to 10 % of a round" in text
    assert 'id="clocks"' not in render_page(findings, [])


def test_the_document_has_them_where_they_were_asked(findings: Findings) -> None:
    """Ready for json.dumps."""
    made = documents(replace(findings, clocks=[AGREE], starts=[TIMES]))
    assert json.loads(json.dumps(made))["clocks"][0]["within_ns"] == 131.0
    assert made["starts"][0]["skew_p50_ns"] == 8.5
    assert "clocks" not in documents(findings)
