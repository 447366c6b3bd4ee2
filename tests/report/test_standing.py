"""Beside peers and data sheets: what every form of the report says of them, and when it says nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from zbench.judge.datasheets import named, share
from zbench.report import standing
from zbench.report.findings import Findings
from zbench.report.markdown import render_markdown
from zbench.report.merge import merge
from zbench.report.page import render_page
from zbench.report.terminal import render_screen


def forms(findings: Findings) -> dict[str, str]:
    """The report in each form, blanks and markup taken out."""
    plain = {
        "screen": render_screen(findings, width=100, every_result=True),
        "narrow": render_screen(findings, width=50, every_result=True),
        "markdown": render_markdown(findings).replace("\\", ""),
        "page": unescape(
            re.sub(r"<[^>]+>", " ", render_page(findings, []).split('type="application/json"')[0])
        ),
    }
    return {name: " ".join(text.split()) for name, text in plain.items()}


def test_every_form_has_each_group_with_ratio_worst_and_share(findings: Findings) -> None:
    """The same words in all of them, and what they mean once."""
    rows = standing.rows(findings.peers)
    assert rows[0][0] == "gemm fp32, square, n = 256 to 2048, threads=1: 4 cases"
    assert re.fullmatch(r"1\.\d{3}x \[1\.\d{3}, 1\.\d{3}\]", rows[0][1])
    assert rows[0][2].endswith("(numpy)")
    assert re.fullmatch(r"\d\d \[\d\d, \d\d\]", rows[0][3])
    for form in forms(findings).values():
        assert form.count(standing.TITLE) >= 1
        for row in rows:
            for cell in row:
                assert cell in form
        assert "above 1, cpu is faster" in form


def test_one_card_has_no_such_section(findings: Findings) -> None:
    """Nothing is said where there is nothing to say."""
    for form in forms(replace(findings, peers=[])).values():
        assert standing.TITLE not in form


def test_groups_without_interval_or_share_say_so(findings: Findings) -> None:
    """A dash and a reason, never a figure."""
    from msgspec.structs import replace as changed

    (row,) = standing.rows([changed(findings.peers[0], interval=None, shares=None, launches=1)])
    assert row[1].endswith("x [no interval of 1 block]")
    assert row[3] == "-"


def test_in_a_merge_a_group_names_its_run(findings: Findings) -> None:
    """Subjects carry the letter."""
    names = [row[0] for row in standing.rows(merge([findings, findings], []).peers)]
    assert "gemm fp32, square, n = 256 to 2048, threads=1 of cpu · A: 4 cases" in names
    assert "gemm fp32, square, n = 256 to 2048, threads=1 of cpu · B: 4 cases" in names


def test_a_matched_card_stands_beside_its_data_sheet(findings: Findings) -> None:
    """Percent of what is published beside percent of what was measured, for that card only."""
    matched = replace(findings, datasheets={"cpu": named("h200")})
    summary = next(s for s in findings.summaries if s.case.workload == "read" and s.subject == "cpu")
    of_sheet = 100 * (share(matched.datasheets, summary) or 0)
    assert of_sheet == pytest.approx((summary.value or 0) / 4.8e12 * 100)
    found = forms(matched)
    assert "% sheet" in found["screen"]
    assert f"{of_sheet:.0f} % of the data sheet" in found["narrow"]
    assert "% of data sheet" in found["markdown"]
    assert "% of data sheet" in found["page"]
    assert "published of NVIDIA H200 SXM (per card, confidence high" in found["page"]
    for name, form in forms(findings).items():
        assert not [
            words for words in ("% sheet", "% of data sheet", "% of the data sheet") if words in form
        ], name
