"""All charts of a run: drawn, and written beside the record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zbench.records import store
from zbench.report.chart import Chart, Missing
from zbench.report.charts.algorithms import algorithms
from zbench.report.charts.bandwidth import bandwidth
from zbench.report.charts.busbw import busbw
from zbench.report.charts.claims import claims
from zbench.report.charts.decode import decode
from zbench.report.charts.ecdf import Limit, latency_ecdf
from zbench.report.charts.efficiency import efficiency
from zbench.report.charts.gemm import gemm_share
from zbench.report.charts.hostcards import host_strip
from zbench.report.charts.ladder import ladder
from zbench.report.charts.latency import latency
from zbench.report.charts.pairs import pair_map
from zbench.report.charts.roofline import roofline
from zbench.report.charts.sustained import sustained
from zbench.report.findings import Findings


def draw(findings: Findings) -> list[Chart | Missing]:
    """Every chart in the order of the page, or why it is not there."""
    # What all cards of a host do at once has a chart of its own.
    summaries = [summary for summary in findings.summaries if summary.case.together == 1]
    records, floors = findings.records, findings.floors
    drawn = [
        claims(findings.claims, findings.verdicts),
        gemm_share(summaries, records, floors, findings.datasheets),
        decode(summaries),
        ladder(summaries, findings.datasheets),
        roofline(summaries, findings.datasheets),
        latency(summaries, floors),
        latency_ecdf(summaries, records, claimed_latencies(findings)),
        bandwidth(summaries, floors),
        busbw(summaries, floors),
        algorithms(findings.worlds),
        efficiency(findings.scaling, summaries, floors),
    ]
    if findings.pairs:  # few runs ask for them
        drawn.append(pair_map(findings.pairs))
    if findings.run.minutes is not None:  # it is what such a run was for
        drawn.insert(1, sustained(findings.sustained))
    if findings.run.each:  # likewise
        drawn.insert(1, host_strip(findings.hostcards))
    return drawn


def claimed_latencies(findings: Findings) -> list[Limit]:
    """The claims about the latency of a ping-pong, for the line in its distribution."""
    return [
        Limit(claim.id, claim.limit)
        for claim in findings.claims
        if claim.metric == "latency" and not claim.is_ratio and claim.case.startswith("pingpong")
    ]


def write_charts(charts: Sequence[Chart | Missing], folder: Path) -> list[Path]:
    """`folder`/<name>.svg for each chart that was drawn; an older picture of another goes. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in charts:
        path = folder / f"{chart.name}.svg"
        if isinstance(chart, Chart):
            store.replace(path, chart.svg.encode())
            written.append(path)
        else:
            path.unlink(missing_ok=True)
    return written
