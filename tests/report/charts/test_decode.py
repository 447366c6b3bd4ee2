"""Products of few rows, in bytes."""

from __future__ import annotations

import msgspec
import pytest

from tests.report.conftest import drawn, of, svg_texts
from zbench.report import words
from zbench.report.charts.decode import decode
from zbench.report.findings import Findings


def test_decode_is_told_in_bytes_against_the_read_of_the_same_run(findings: Findings) -> None:
    """m n k products of few rows only; the roof is the read at the same thread count."""
    chart = drawn(decode(findings.summaries))
    assert {row[1] for row in chart.table.rows} == {"1x4096x4096", "8x4096x4096"}
    one = of(findings, "gemm/bf16/1x4096x4096/cache=cold/threads=2/transb=t", "cpu")
    reads = [s.value or 0 for s in findings.summaries if s.case.workload == "read"]
    row = next(r for r in chart.table.rows if r[:3] == ("bf16", "1x4096x4096", "cpu"))
    moved = 2 * (4096 * 4096 + 2 * 4096)  # bf16 W, x and y
    assert float(row[4]) == pytest.approx(moved / (one.median_ns or 1), rel=1e-3)
    assert float(row[6]) == pytest.approx(100 * moved / (one.median_ns or 1) * 1e9 / max(reads), abs=0.06)
    assert any(text.endswith("GB/s: read, measured in this run") for text in svg_texts(chart))
    assert (
        f"bf16 m = 1: cpu {words.si(float(row[4]) * 1e9, 'B/s')}, {float(row[6]):.0f} % of the roof"
        in chart.alt
    )
    assert "All cache=cold." in chart.caption


def test_decode_without_a_read_has_the_probe_or_no_roof(findings: Findings) -> None:
    """A probe in FLOP/s says nothing of memory."""
    few = [s for s in findings.summaries if s.case.workload == "gemm"]
    chart = drawn(decode(few))
    assert {row[6] for row in chart.table.rows} == {"-"}
    assert "roof" not in chart.alt
    beside = [msgspec.structs.replace(s, probe=25e9, probe_unit="B/s") for s in few]
    assert "25 GB/s: bandwidth probe beside the bursts" in svg_texts(drawn(decode(beside)))
