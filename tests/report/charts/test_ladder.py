"""The precision ladder."""

from __future__ import annotations

import pytest

from tests.report.conftest import drawn
from zbench.judge.datasheets import named
from zbench.report.chart import Missing
from zbench.report.charts.ladder import ladder
from zbench.report.findings import Findings


def test_the_ladder_is_over_the_same_cards_fp32(findings: Findings) -> None:
    """The best GEMM of each dtype, whatever its size; beside it what the data sheet promises."""
    chart = drawn(ladder(findings.summaries, {"cpu": named("h200")}))
    rows = {row[:2]: row for row in chart.table.rows}
    best = {
        dtype: max(s.value or 0 for s in findings.summaries if s.subject == "cpu" and s.case.dtype == dtype)
        for dtype in ("fp32", "int8", "bf16")
    }
    assert float(rows["cpu", "int8"][3]) == pytest.approx(best["int8"] / best["fp32"], rel=1e-3)
    assert float(rows["cpu", "bf16"][4]) == pytest.approx(989 / 66.9, rel=1e-3)
    assert rows["numpy", "bf16"][4] == "-"
    assert rows["cpu", "fp32"][3] == "1"
    assert "Hollow: dense peaks of the data sheet of NVIDIA H200 SXM" in chart.caption
    assert f"cpu: fp64 {float(rows['cpu', 'fp64'][3]):.3g}x, bf16 " in chart.alt
    assert "Hollow" not in drawn(ladder(findings.summaries, {})).caption


def test_the_ladder_needs_two_dtypes_of_one_card(findings: Findings) -> None:
    """And names a card that has no fp32 to be compared with."""
    single = [s for s in findings.summaries if s.case.dtype == "fp32"]
    assert isinstance(ladder(single, {}), Missing)
    without = [s for s in findings.summaries if s.subject != "numpy" or s.case.dtype != "fp32"]
    assert "Without fp32, so not drawn: numpy." in drawn(ladder(without, {})).caption
