"""A series of runs in time: its levels, its steps, and the band that sessions of this machine need anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from zbench.judge.history import Course, Point
from zbench.measure.distributions import t_quantile
from zbench.measure.statistics import INTERVAL_ALPHA
from zbench.report import style, words
from zbench.report.chart import Chart, Missing, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
"""Of the small multiples."""
LEAST_RANGE = 1.1
"""The axis reaches at least 10 % to either side, so that noise of a percent does not look like a mountain."""
MOST_LABELS = 8
"""Dates on an axis."""
RUN_HEADER = ("run", "time (UTC)", "zbench", "launches", "median (ns)", "relative", "finding")


@dataclass(frozen=True)
class Level:
    """One segment between findings, relative to the first."""

    first: int
    last: int
    middle: float
    low: float
    high: float


def relative(course: Course) -> list[float]:
    """Each run over the mean of the first level: 1.1 takes 10 % longer."""
    levels = np.asarray(course.series.levels)
    end = course.findings[0].index if course.findings else len(levels)
    return [float(value) for value in levels / np.exp(np.log(levels[:end]).mean())]


def levels(course: Course) -> list[Level]:
    """The levels that findings part, each with the band in which a single session lies."""
    values = relative(course)
    bounds = [0, *(step.index for step in course.findings), len(values)]
    found = []
    for first, end in pairwise(bounds):
        centre = float(np.mean([log(value) for value in values[first:end]]))
        half = 0.0
        if course.spread is not None:
            half = t_quantile(1 - INTERVAL_ALPHA / 2, course.spread.degrees) * course.spread.sd
        found.append(Level(first, end - 1, exp(centre), exp(centre - half), exp(centre + half)))
    return found


def course_chart(course: Course, name: str, title: str) -> Chart:
    """One series in full: runs with their own intervals, levels, the band of sessions, findings."""
    points, values = course.series.points, relative(course)
    with style.house_style():
        figure, (axes,) = style.panels(1, style.margin_for(["0.00x SLOWER"]), width=5.6, height=2.6, left=0.8)
        _draw(axes, course)
        for i, (point, value) in enumerate(zip(points, values, strict=True)):
            if point.interval_ns:
                low, high = (value * bound / point.median_ns for bound in point.interval_ns)
                style.interval_bar(axes, i, low, high, style.SERIES[0])
        for step in course.findings:
            axes.axvline(step.index - 0.5, color=style.INK, linewidth=0.9, linestyle=style.LINESTYLES[1])
            below = step.verdict == "SLOWER"  # where its points are not
            axes.annotate(
                f" {step.ratio:.2f}x {step.verdict}",
                (step.index - 0.5, 0.03 if below else 0.97),
                xycoords=("data", "axes fraction"),
                va="bottom" if below else "top",
                ha="left",
                fontweight="bold",
            )
        _limits(axes, [course])
        every = max(1, -(-len(points) // MOST_LABELS))
        axes.set_xticks(range(0, len(points), every), [_day(point) for point in points[::every]])
        axes.set_ylabel(f"{_quantity(course)}  (lower is better)")
        return style.to_chart(figure, name, title, _alt(course), _caption([course]), _table([course]))


def multiples(courses: Sequence[Course], name: str, title: str) -> Chart | Missing:
    """One small panel a series, all on the same axes."""
    if not courses:
        return Missing(name, title, "every series has a finding and a chart of its own")
    rows = -(-len(courses) // COLUMNS)
    width, height, gap_x, gap_y, left, bottom, top = 1.9, 0.95, 0.25, 0.5, 0.62, 0.42, 0.62
    with style.house_style():
        total_width = left + COLUMNS * width + (COLUMNS - 1) * gap_x + 0.15
        total_height = bottom + rows * height + (rows - 1) * gap_y + top
        figure = style.new_figure(total_width, total_height)
        for i, course in enumerate(courses):
            row, column = divmod(i, COLUMNS)
            axes = figure.add_axes(
                (
                    (left + column * (width + gap_x)) / total_width,
                    1 - (top + row * (height + gap_y) + height) / total_height,
                    width / total_width,
                    height / total_height,
                )
            )
            _draw(axes, course)
            _limits(axes, courses)
            axes.set_title("\n".join(_lines(course)), fontsize=7, fontweight="normal", pad=3)
            if column:
                axes.set_yticklabels([])
            axes.set_xticks([])
            if i + COLUMNS >= len(courses):
                axes.set_xlabel("runs in time", fontsize=7)
        alt = f"No finding in {len(courses)} series."
        return style.to_chart(figure, name, title, alt, _caption(courses), _table(courses))


def _draw(axes: Axes, course: Course) -> None:
    values = relative(course)
    look = style.look(0)
    for level in levels(course):
        xs = [level.first - 0.4, level.last + 0.4]
        axes.fill_between(xs, level.low, level.high, color=style.RULE, linewidth=0, zorder=1)
        axes.plot(xs, [level.middle] * 2, color=style.MUTED, linewidth=1.2, zorder=2)
    axes.plot(range(len(values)), values, zorder=3, **look.line() | {"linewidth": 0.8, "markersize": 3.5})


def _limits(axes: Axes, courses: Sequence[Course]) -> None:
    """The same for all: what is beside another is compared with it."""
    bands = [bound for c in courses for level in levels(c) for bound in (level.low, level.high)]
    values = [value for c in courses for value in relative(c)]
    reach = max([LEAST_RANGE, *(max(value, 1 / value) for value in [*values, *bands])]) ** 1.05
    style.log_unit_axis(axes, "", low=1 / reach, high=reach)
    ticks = [1 / (1 + 0.6 * (reach - 1)), 1.0, 1 + 0.6 * (reach - 1)]
    axes.set_yticks(ticks, [f"{tick:.2f}x" for tick in ticks])


def label(course: Course) -> str:
    """`gemm/fp32/... of cpu`, with the variant where it says anything."""
    variant = ", ".join(value for _, value in sorted(course.series.variant.items()))
    return f"{course.series.key} of {course.series.subject}" + (f" ({variant})" if variant else "")


def _lines(course: Course) -> list[str]:
    """The label in two short lines."""
    head, _, tail = course.series.key.partition("/")
    return [words.short(course.series.subject) + f" {head}", tail]


def _day(point: Point) -> str:
    return point.created[5:10]


def _quantity(course: Course) -> str:
    return "time beside its probe" if course.series.normalised else "time"


def _alt(course: Course) -> str:
    points = course.series.points
    told = [
        f"{step.ratio:.2f}x {step.verdict} from run {points[step.index].run} on" for step in course.findings
    ]
    runs = words.counted(len(points), "run")
    return f"{label(course)} over {runs}: {words.sentence(told) if told else 'no finding'}."


def _caption(courses: Sequence[Course]) -> str:
    normalised = sum(course.series.normalised for course in courses)
    beside = {
        0: "Times as measured",
        len(courses): "Times as multiples of what the probe beside each could have done meanwhile",
    }.get(normalised, f"Times, of {normalised} series beside their probes")
    return (
        f"{beside}, over the mean of the first level. Points: median of a run's launches; line: level; grey "
        "band: where 97 % of single sessions lie, by the spread of these."
    )


def _table(courses: Sequence[Course]) -> Table:
    rows = []
    for course in courses:
        found = {step.index: f"{step.ratio:.3f}x {step.verdict}" for step in course.findings}
        for i, (point, value) in enumerate(zip(course.series.points, relative(course), strict=True)):
            cells = (
                point.run,
                words.moment(point.created),
                point.zbench,
                str(point.launches),
                words.figure(point.median_ns),
                f"{value:.3f}x",
                found.get(i, "-"),
            )
            rows.append((label(course), *cells) if len(courses) > 1 else cells)
    header = ("series", *RUN_HEADER) if len(courses) > 1 else RUN_HEADER
    return Table(header, tuple(rows))
