"""Latency against size."""

from __future__ import annotations

import pytest

from tests.report.conftest import drawn, of
from zbench.report.charts.latency import latency
from zbench.report.findings import Findings


def test_latency_words_give_first_and_last_point_and_the_fit(findings: Findings) -> None:
    """The line of shm was made from 310 ns and 7.9 GB/s; the words repeat its ends and a fit near that."""
    chart = drawn(latency(findings.summaries))
    first = of(findings, "pingpong/byte/8/ranks=2", "shm")
    row = next(r for r in chart.table.rows if r[0] == "shm" and r[2] == "8 B")
    assert float(row[3]) == pytest.approx((first.value or 0) * 1e6, rel=1e-3)
    assert f"shm takes {(first.value or 0) * 1e9:.0f} ns for 8 B" in chart.alt
    assert "for 64 MiB (fit: 31" in chart.alt
    assert len(chart.table.rows) == len([s for s in findings.summaries if s.case.workload == "pingpong"])
