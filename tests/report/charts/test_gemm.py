"""GEMM rates as shares of a roof."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import msgspec
import pytest

from tests.report.conftest import drawn, of, recase, svg_texts
from zbench.judge.datasheets import named
from zbench.judge.summary import Summary, summarise
from zbench.records.schema import Probe
from zbench.report import style
from zbench.report.chart import Missing
from zbench.report.charts.gemm import gemm_share
from zbench.report.findings import Findings
from zbench.report.merge import merge


def test_gemm_words_and_table_are_the_data(findings: Findings) -> None:
    """Alt text gives each card's share of the peak at the largest size; the table has every point."""
    chart = drawn(gemm_share(findings.summaries, findings.records))
    gemms = [s for s in findings.summaries if s.case.workload == "gemm" and len({*s.case.size}) == 1]
    rows = {(row[0], row[1], row[2], row[3]): row for row in chart.table.rows}
    assert len(chart.table.rows) == len(rows) == len(gemms)
    for s in gemms:
        row = rows[(s.case.dtype, s.subject, str(s.case.threads), str(s.case.size[0]))]
        assert float(row[4]) == pytest.approx((s.value or 0) / 1e9, rel=1e-3)
        assert float(row[6]) == pytest.approx(100 * (s.fraction_of_peak or 0), abs=0.051)
    for subject in findings.run.cards:
        share = of(findings, "gemm/fp32/2048x2048x2048/threads=1", subject).fraction_of_peak or 0
        assert f"{subject} {100 * share:.0f} %" in chart.alt
    assert "n = 2048" in chart.alt
    assert "5 launches a point" in chart.caption


def test_wrong_answer_is_named_and_not_drawn(wrong: Findings) -> None:
    """A wrong GEMM has no point, no row and no share; the caption says that it is missing."""
    chart = drawn(gemm_share(wrong.summaries, wrong.records))
    assert ("fp32", "numpy", "1", "2048") not in {row[:4] for row in chart.table.rows}
    assert "Not drawn: gemm/fp32/2048x2048x2048/threads=1 of numpy (wrong)." in chart.caption


def test_every_dtype_and_thread_count_has_its_panel_of_shares(findings: Findings) -> None:
    """fp64 first, then narrower; two thread counts side by side where all dtypes have both."""
    square = [s for s in findings.summaries if s.case.dtype in ("fp32", "fp64")]
    texts = svg_texts(drawn(gemm_share(square, findings.records)))
    titles = [text for text in texts if text.startswith(("fp", "bf", "int"))]
    assert titles == ["fp64, 1 thread", "fp64, 2 threads", "fp32, 1 thread", "fp32, 2 threads"]
    assert texts.count("peak probe beside each burst") == 4


def test_a_device_without_a_probe_stands_against_its_data_sheet(findings: Findings) -> None:
    """And the question says so; beside cards that have a probe it is named as not drawn."""
    bare = [
        msgspec.structs.replace(s, probe=None, probe_unit="", fraction_of_peak=None)
        if s.subject == "cpu"
        else s
        for s in findings.summaries
        if s.subject != "cpu:generic"
    ]
    beside = drawn(gemm_share(bare, findings.records, sheets={"cpu": named("h200")}))
    assert "Without such a peak, so not drawn: cpu." in beside.caption
    alone = [s for s in bare if s.subject == "cpu"]
    chart = drawn(gemm_share(alone, findings.records, sheets={"cpu": named("h200")}))
    assert chart.title == "How close does GEMM come to what is published of this card?"
    assert "100 % is the dense peak of the dtype as published of NVIDIA H200 SXM" in chart.caption
    row = next(r for r in chart.table.rows if r[:4] == ("fp32", "cpu", "1", "1024"))
    rate = of(findings, "gemm/fp32/1024x1024x1024/threads=1", "cpu").value or 0
    assert float(row[6]) == pytest.approx(100 * rate / 66.9e12, abs=0.06)
    assert isinstance(gemm_share(alone, findings.records), Missing)


def test_a_share_above_the_roof_is_drawn_above_it(findings: Findings) -> None:
    """A probe that was disturbed does not cut off what was measured beside it."""
    key = "gemm/fp32/1024x1024x1024/threads=1"
    records = [
        msgspec.structs.replace(r, probe=Probe("FLOP/s", r.probe.before / 2, r.probe.after / 2))
        if r.key == key and r.subject == "cpu" and r.probe
        else r
        for r in findings.records
    ]
    chart = drawn(gemm_share(summarise(records), records))
    row = next(r for r in chart.table.rows if r[:4] == ("fp32", "cpu", "1", "1024"))
    assert float(row[6]) > 150
    assert "150" in svg_texts(chart)


def test_the_same_parameters_are_said_once_and_others_tell_lines_apart(findings: Findings) -> None:
    """Zeros are no result, and have no line."""

    def changed(s: Summary, **parameters: str) -> Summary:
        return msgspec.structs.replace(
            s, case=msgspec.structs.replace(s.case, parameters=s.case.parameters | parameters)
        )

    plain = [s for s in findings.summaries if s.case.workload == "gemm" and s.case.dtype == "fp32"]
    cold = [recase(changed(s, cache="cold")) for s in plain]
    assert " All cache=cold." in drawn(gemm_share(cold, [])).caption
    packed = [recase(changed(s, weights="prepacked")) for s in cold]
    chart = drawn(gemm_share(cold + packed, []))
    assert "cpu, weights=prepacked" in svg_texts(chart)
    assert {row[8] for row in chart.table.rows} == {"-", "weights=prepacked"}
    zeros = [recase(changed(s, data="zeros")) for s in plain]
    assert drawn(gemm_share(plain + zeros, [])).table == drawn(gemm_share(plain, [])).table
    assert isinstance(gemm_share(zeros, []), Missing)


def test_an_interval_without_end_leaves_an_axis_to_be_read(few_launches: Callable[[int], Findings]) -> None:
    """One of two launches took 40 times as long: the interval is cut in the picture, not in the table."""
    few = few_launches(2)
    records = [
        msgspec.structs.replace(r, samples_ns=[40 * ns for ns in r.samples_ns]) if r.block == 1 else r
        for r in few.records
    ]
    chart = drawn(gemm_share(summarise(records), records))
    ticks = [int(text) for text in re.findall(r">(\d+)</text>", chart.svg) if int(text) % 20 == 0]
    assert len(ticks) < 100
    assert any(float(row[5].split(" to ")[1].replace(",", "")) > 1e6 for row in chart.table.rows)


def test_many_lines_get_a_taller_panel(findings: Findings) -> None:
    """Labels beside the lines do not run into each other or out of the picture."""
    several = merge([findings] * 5, [])
    chart = drawn(gemm_share(several.summaries, several.records, several.floors))
    root = ElementTree.fromstring(chart.svg)
    height = float(root.attrib["viewBox"].split()[3])
    labels = len({(row[1], row[2]) for row in chart.table.rows})
    assert labels == 30
    assert height > labels * style.LABEL_GAP_POINTS
