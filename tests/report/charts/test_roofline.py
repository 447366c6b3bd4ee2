"""Points under their roofs."""

from __future__ import annotations

import msgspec
import pytest

from tests.report.conftest import drawn, recase, svg_texts
from zbench.judge.datasheets import named
from zbench.report.chart import Missing
from zbench.report.charts.roofline import roofline
from zbench.report.findings import Findings


def test_roofline_ceilings_are_the_probes_and_the_fastest_stream(findings: Findings) -> None:
    """The roof of a point is the lower of the dtype's median probe and intensity x bandwidth."""
    chart = drawn(roofline(findings.summaries))
    row = next(r for r in chart.table.rows if r[0] == "triad/fp64/134217728/threads=2" and r[1] == "cpu")
    streams = [s.value or 0 for s in findings.summaries if s.case.workload in ("read", "copy", "triad")]
    assert row[5] == "memory"
    assert float(row[4]) == pytest.approx(max(streams) / 12 / 1e9, rel=1e-3)  # 2 FLOP for 24 bytes
    gemm = next(r for r in chart.table.rows if r[0] == "gemm/fp32/2048x2048x2048/threads=2" and r[1] == "cpu")
    assert gemm[5] == "arithmetic"
    of_memory = [s for s in findings.summaries if s.case.workload in ("read", "copy", "triad")]
    parameters = of_memory[0].case.parameters | {"cache": "l1"}
    fast = recase(
        msgspec.structs.replace(
            of_memory[0], value=1e13, case=msgspec.structs.replace(of_memory[0].case, parameters=parameters)
        )
    )
    assert drawn(roofline([*findings.summaries, fast])).table == chart.table  # of a cache: no roof, no point


def test_the_roofline_has_decode_and_prefill_and_a_panel_a_dtype(findings: Findings) -> None:
    """All of the run that computes, at the thread count of the roof."""
    chart = drawn(roofline(findings.summaries))
    keys = {row[0] for row in chart.table.rows}
    assert "gemm/bf16/1x4096x4096/cache=cold/threads=2/transb=t" in keys
    assert "gemm/bf16/512x4096x4096/cache=cold/threads=2/transb=t" in keys
    titles = [text for text in svg_texts(chart) if text in ("fp64", "fp32", "bf16", "int8")]
    assert titles == ["fp64", "fp32", "bf16", "int8"]
    assert "Hollow: GEMMs of at most 16 rows (decode)." in chart.caption
    assert "data sheet" not in chart.svg


def test_ceilings_of_a_data_sheet_are_dashed_and_named(findings: Findings) -> None:
    """Of a matched card only; the measured ones stay."""
    chart = drawn(roofline(findings.summaries, {"cpu": named("a100")}))
    texts = svg_texts(chart)
    assert "-- 312 TFLOP/s, 2.04 TB/s: data sheet a100" in texts
    assert any(text.endswith("GB/s: measured") for text in texts)
    assert (
        "Dashed: dense peak and bandwidth as published of NVIDIA A100 SXM 80 GB (high confidence)."
        in chart.caption
    )
    assert chart.table == drawn(roofline(findings.summaries)).table
    assert "stroke-dasharray" in chart.svg
    absent = drawn(roofline(findings.summaries, {"another": named("a100")}))
    assert "data sheet" not in absent.svg


def test_a_roofline_without_probes_stands_under_the_data_sheet_alone(findings: Findings) -> None:
    """A device without a peak probe has its measured bandwidth and what is published; else nothing."""
    bare = [msgspec.structs.replace(s, probe=None, probe_unit="") for s in findings.summaries]
    assert isinstance(roofline(bare), Missing)
    texts = svg_texts(drawn(roofline(bare, {"cpu": named("a100")})))
    assert "-- 312 TFLOP/s, 2.04 TB/s: data sheet a100" in texts
