"""Scaling efficiency."""

from __future__ import annotations

from tests.report.conftest import drawn
from zbench.report.charts.efficiency import efficiency
from zbench.report.findings import Findings


def test_efficiency_words_give_the_largest_world(findings: Findings) -> None:
    """Weak and strong efficiency on 8 ranks, in words and in the table."""
    chart = drawn(efficiency(findings.scaling, findings.summaries))
    for e in findings.scaling.efficiencies:
        if e.ranks == 8:
            assert f"cpu+shm keeps {100 * e.value:.0f} % on 8 ranks ({e.kind} scaling)" in chart.alt
    assert len(chart.table.rows) == len(findings.scaling.efficiencies)
