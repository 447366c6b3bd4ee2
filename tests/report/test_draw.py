"""All charts of a run, as a set: repeatable, complete, and written beside the record."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.conftest import NAMES, bands, drawn, heights
from zbench.report import svg
from zbench.report.chart import Chart, Missing
from zbench.report.charts.gemm import gemm_share
from zbench.report.draw import draw, write_charts
from zbench.report.findings import Findings


def test_every_chart_is_drawn_in_the_order_of_the_page(charts: list[Chart | Missing]) -> None:
    """A run with cards, a fabric and scaling has all eleven charts."""
    assert [drawn(chart).name for chart in charts] == NAMES


def test_drawing_twice_gives_the_same_bytes(findings: Findings, charts: list[Chart | Missing]) -> None:
    """Equal data give equal files, so that a record can be compared byte by byte."""
    assert draw(findings) == charts


def test_charts_of_cards_fit_a_page(charts: list[Chart | Missing]) -> None:
    """72 rem less the frame, at 96 pixels an inch: what is wider would have to be scrolled."""
    for chart in map(drawn, charts[1:5]):
        assert heights(chart)[0] * svg.PIXELS_PER_POINT <= 1090


def test_the_four_microsecond_line_comes_from_the_claims_file(charts: list[Chart | Missing]) -> None:
    """The built-in claims say 4 us, and so does the chart."""
    assert "within the claimed 4 µs" in drawn(charts[6]).alt


def test_charts_without_data_say_why(findings: Findings) -> None:
    """An empty run draws nothing and gives a reason for each chart."""
    empty = replace(
        findings,
        records=[],
        summaries=[],
        claims=[],
        verdicts=[],
        worlds=[],
        scaling=type(findings.scaling)(),
    )
    charts = draw(empty)
    assert [chart.name for chart in charts] == NAMES
    assert all(isinstance(chart, Missing) and chart.why for chart in charts)


@pytest.mark.parametrize("suite", ["card", "fabric", "scaling"])
def test_a_single_suite_draws_its_own_charts(findings: Findings, suite: str) -> None:
    """Data of one suite are enough for that suite's charts."""
    part = [s for s in findings.summaries if s.suite == suite]
    scaled = findings.scaling if suite == "scaling" else type(findings.scaling)()
    worlds = findings.worlds if suite == "fabric" else []
    charts = draw(replace(findings, summaries=part, verdicts=[], claims=[], worlds=worlds, scaling=scaled))
    names = {chart.name for chart in charts if isinstance(chart, Chart)}
    expected = {
        "card": {"gemm", "decode", "precision-ladder", "roofline"},
        "fabric": {"latency", "latency-distribution", "bandwidth", "busbw", "algorithms"},
        "scaling": {"scaling-efficiency"},
    }
    assert names == expected[suite]


@pytest.mark.parametrize("launches", [1, 2])
def test_few_launches_are_drawn_without_an_interval_they_do_not_have(
    few_launches: Callable[[int], Findings], launches: int
) -> None:
    """A smoke run has charts too; one launch has no interval, and the caption says how many there were."""
    few = few_launches(launches)
    chart = drawn(gemm_share(few.summaries, few.records))
    assert f"({launches} launch" in chart.caption
    intervals = {row[5] for row in chart.table.rows}
    assert (intervals == {"-"}) == (launches == 1)
    assert [drawn(c).name for c in draw(few)] == NAMES


def test_written_charts_are_the_pictures(charts: list[Chart | Missing], tmp_path: Path) -> None:
    """One file a chart, named like it; a missing chart leaves none."""
    paths = write_charts([*charts, Missing("absent", "Why?", "no data")], tmp_path / "charts")
    assert [path.name for path in paths] == [f"{name}.svg" for name in NAMES]
    assert paths[0].read_text("utf-8") == drawn(charts[0]).svg
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {path.name for path in paths}


def test_an_older_picture_of_a_chart_that_is_not_drawn_goes(tmp_path: Path) -> None:
    """Else it would be taken for one of this judgement."""
    (tmp_path / "gemm.svg").write_text("old")
    (tmp_path / "mine.svg").write_text("kept")
    assert write_charts([Missing("gemm", "Why?", "no data")], tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["mine.svg"]


def test_importing_the_report_loads_nothing_slow() -> None:
    """The command line starts fast: matplotlib loads when a chart is drawn, a fit when there is one."""
    slow = ("matplotlib", "scipy.stats", "scipy.optimize")
    script = (
        "import sys, zbench.assess, zbench.report.draw, zbench.report.terminal;"
        f"print(sys.modules.keys().isdisjoint({slow}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.strip() == "True"


def test_every_line_has_its_noise_band_and_the_caption_names_it(charts: list[Chart | Missing]) -> None:
    """In each chart in which lines are compared."""
    for chart in map(drawn, charts):
        if chart.name in ("gemm", "latency", "bandwidth", "busbw", "scaling-efficiency"):
            assert bands(chart) > 0
            assert "Shaded: the noise band, ± " in chart.caption


def test_without_a_floor_there_is_no_band_and_that_is_said(findings: Findings) -> None:
    """A suite that was never measured twice has no known noise."""
    for chart in map(drawn, draw(replace(findings, floors={}))):
        assert bands(chart) == 0
        if chart.name in ("gemm", "latency", "bandwidth", "busbw", "scaling-efficiency"):
            assert "No noise band" in chart.caption
