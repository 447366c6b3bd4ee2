"""Charts of a history: levels, bands and findings, in a picture and in its table."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from zbench.case import Case
from zbench.judge.history import Course, Point, Series, courses
from zbench.report.chart import Chart, Missing
from zbench.report.charts.history import course_chart, levels, multiples, relative


def course(times_ns: list[float], n: int = 512) -> Course:
    case = Case("gemm", "fp32", (n, n, n), {"threads": 1})
    points = [
        Point(
            run=f"run{i:02}",
            created=f"2026-11-{i + 1:02}T10:00:00+00:00",
            zbench="0.1.0",
            subject="cpu",
            launches=5,
            median_ns=ns,
            interval_ns=(0.99 * ns, 1.01 * ns),
            value=1e9,
            probe_unit="",
            beside_probe=None,
        )
        for i, ns in enumerate(times_ns)
    ]
    series = Series(
        hardware="m",
        suite="card",
        key=case.key,
        case=case,
        subject="cpu",
        variant={"isa": "avx2"},
        unit="FLOP/s",
        better="higher",
        points=tuple(points),
    )
    return courses([series])[0]


NOISE = np.exp(np.random.default_rng(1).normal(0, 0.005, 12))
CHANGED = course(list(1e6 * NOISE * np.repeat([1.0, 1.25], 6)))
QUIET = [course(list(1e6 * NOISE), n) for n in (64, 128, 256, 384)]


def test_levels_stand_around_findings_with_the_band_of_sessions():
    """Relative to the first level; a band that holds the runs of its level."""
    first, second = levels(CHANGED)
    assert ((first.first, first.last), (second.first, second.last)) == ((0, 5), (6, 11))
    assert (first.middle, second.middle) == (pytest.approx(1.0), pytest.approx(1.25, rel=0.01))
    for level in (first, second):
        inside = [level.low < value < level.high for value in relative(CHANGED)[level.first : level.last + 1]]
        assert all(inside)


def test_too_few_runs_have_no_band():
    """Two points, one line."""
    (level,) = levels(course([1.0, 1.1]))
    assert level.low == level.middle == level.high


def test_a_finding_is_in_the_picture_the_words_and_the_table():
    """Readable without seeing it."""
    chart = course_chart(CHANGED, "history-1", "How did it change?")
    assert "1.25x SLOWER" in "".join(ElementTree.fromstring(chart.svg).itertext())
    assert chart.alt.endswith("over 12 runs: 1.25x SLOWER from run run06 on.")
    assert [row[0] for row in chart.table.rows if "SLOWER" in row[-1]] == ["run06"]
    assert "97 % of single sessions" in chart.caption


def test_small_multiples_show_every_series_on_the_same_axis():
    """Four panels, one row a run and series in the table."""
    chart = multiples(QUIET, "quiet", "How much do sessions differ?")
    assert isinstance(chart, Chart)
    assert len(chart.table.rows) == 4 * 12
    text = "".join(ElementTree.fromstring(chart.svg).itertext())
    assert all(f"{n}x{n}x{n}" in text for n in (64, 128, 256, 384))
    assert isinstance(multiples([], "quiet", "How much do sessions differ?"), Missing)


def test_drawing_twice_gives_the_same_bytes():
    """As for every chart."""
    assert course_chart(CHANGED, "a", "How?") == course_chart(CHANGED, "a", "How?")
