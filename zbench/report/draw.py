"""All charts of a run: drawn, and written beside the record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zbench.report.chart import Chart, Missing
from zbench.report.charts.bandwidth import bandwidth
from zbench.report.charts.busbw import busbw
from zbench.report.charts.claims import claims
from zbench.report.charts.ecdf import Limit, latency_ecdf
from zbench.report.charts.efficiency import efficiency
from zbench.report.charts.gemm import gemm_share
from zbench.report.charts.latency import latency
from zbench.report.charts.roofline import roofline
from zbench.report.findings import Findings


def draw(findings: Findings) -> list[Chart | Missing]:
    """Every chart in the order of the page, or why it is not there."""
    summaries, records = findings.summaries, findings.records
    return [
        claims(findings.claims, findings.verdicts),
        gemm_share(summaries, records),
        roofline(summaries),
        latency(summaries),
        latency_ecdf(summaries, records, claimed_latencies(findings)),
        bandwidth(summaries),
        busbw(summaries),
        efficiency(findings.scaling, summaries),
    ]


def claimed_latencies(findings: Findings) -> list[Limit]:
    """The claims about the latency of a ping-pong, for the line in its distribution."""
    return [
        Limit(claim.id, claim.limit)
        for claim in findings.claims
        if claim.metric == "latency" and not claim.is_ratio and claim.case.startswith("pingpong")
    ]


def write_charts(charts: Sequence[Chart | Missing], folder: Path) -> list[Path]:
    """`folder`/<name>.svg for each chart that was drawn. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in charts:
        if isinstance(chart, Chart):
            path = folder / f"{chart.name}.svg"
            path.write_text(chart.svg, encoding="utf-8")
            written.append(path)
    return written
