"""Bus bandwidth against size."""

from __future__ import annotations

import msgspec
import pytest

from tests.report.conftest import bands, drawn, of
from zbench.records.schema import Sheet
from zbench.report import style
from zbench.report.charts.busbw import busbw
from zbench.report.findings import Findings
from zbench.report.lines import look_of


def test_the_table_is_the_data(findings: Findings) -> None:
    """Each point stands in the table with the summary's value, and which algorithm it was."""
    table = {row[:4]: row for row in drawn(busbw(findings.summaries)).table.rows}
    reduced = of(findings, "allreduce/fp32/4194304/ranks=4", "shm")
    row = table["allreduce", "shm", "4", "4 MiB"]
    assert float(row[5]) == pytest.approx((reduced.value or 0) / 1e9, rel=1e-3)
    assert row[4] == "ring"


def test_a_data_sheet_is_hollow_dashed_and_named(findings: Findings) -> None:
    """Beside a measured line it cannot be taken for one."""
    told = [
        msgspec.structs.replace(
            s,
            subject="nccl",
            sheet=Sheet("mean", s.median_ns or 1.0),
            launches=0,
            samples=0,
            value_interval=None,
            interval_ns=None,
            launch_medians_ns=(),
        )
        for s in findings.summaries
        if s.case.workload == "allreduce" and s.subject == "shm"
    ]
    chart = drawn(busbw([*findings.summaries, *told]))
    assert any(row[1] == "nccl (data sheet)" for row in chart.table.rows)
    assert "Hollow and dashed: not measured, told by a data sheet: nccl (mean)." in chart.caption
    assert "5 launches a point" in chart.caption
    assert bands(drawn(busbw(told, findings.floors))) == 0  # how noisy it was is not known
    look = look_of(told[0], ["nccl"])
    assert look.mark()["markerfacecolor"] == style.PAPER
    assert look.linestyle == style.TOLD
    dashes = ", ".join(f"{1.6 * on:g}" for on in style.TOLD[1])
    assert f"stroke-dasharray: {dashes.split(', ')[0]}" in chart.svg.replace(",", ", ")
