"""Claims and how far they are from what was measured."""

from __future__ import annotations

from tests.report.conftest import drawn
from zbench.report.charts.claims import claims
from zbench.report.findings import Findings


def test_claims_chart_leaves_no_claim_out(findings: Findings) -> None:
    """Every claim is in the table; one without a figure is named in the caption."""
    chart = drawn(claims(findings.claims, findings.verdicts))
    assert [row[0] for row in chart.table.rows] == [claim.id for claim in findings.claims]
    for claim, verdict in zip(findings.claims, findings.verdicts, strict=True):
        if claim.limit > 0:
            assert f"{claim.id} {verdict.verdict} (" in chart.alt
        else:
            assert claim.id in chart.caption
    assert "claimed ≤ 4 µs" in chart.alt
    assert "claimed ≥ 9.5x" in chart.alt
