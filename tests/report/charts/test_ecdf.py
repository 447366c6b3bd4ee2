"""The distribution of latencies."""

from __future__ import annotations

import pytest

from tests.report.conftest import drawn, of
from zbench.report.charts.ecdf import Limit, latency_ecdf
from zbench.report.findings import Findings


def test_distribution_says_what_a_sample_is_and_how_many_are_in_time(findings: Findings) -> None:
    """The share within a limit is counted from the samples; batches are called means."""
    summary = of(findings, "pingpong/byte/8/ranks=2", "shm")
    samples = [
        sample / r.batch / 2
        for r in findings.records
        if (r.key, r.subject, r.role) == (summary.key, "shm", "measure")
        for sample in r.samples_ns
    ]
    limit = sorted(samples)[len(samples) // 4] / 1e9
    chart = drawn(latency_ecdf(findings.summaries, findings.records, [Limit("early", limit)]))
    row = next(r for r in chart.table.rows if r[0] == "shm")
    share = sum(s / 1e9 <= limit for s in samples) / len(samples)
    assert row[1] == str(len(samples))
    assert float(row[-1]) == pytest.approx(100 * share, rel=1e-3)
    assert f"each the mean of {summary.batch} round trips" in chart.caption
    assert row[6] == "-"  # 1000 samples do not support p99.9


def test_distribution_without_a_claim_has_no_limit(findings: Findings) -> None:
    """The line comes from the claims, never from the code."""
    chart = drawn(latency_ecdf(findings.summaries, findings.records, []))
    assert "claimed" not in chart.svg
    assert "claimed" not in chart.alt
