"""A line of a chart: its points, what they were made of, and the noise that differences must clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zbench.judge.ratios import AA
from zbench.judge.summary import Summary
from zbench.report import style, words
from zbench.report.series import launch_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND_ALPHA = 0.16
"""Of the noise band: seen behind a line, and through another band."""

Floors = Mapping[str, AA]
"""suite -> the A/A noise floor."""
NO_FLOORS: Floors = {}


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    interval: tuple[float, float] | None = None
    each: Sequence[float] = ()
    """What the summary was made of: one value a launch."""


def draw_line(
    axes: Axes, points: Sequence[Point], look: style.Look, floor: AA | None = None, joined: bool = True
) -> None:
    """Markers with their intervals, single launches as dots, the noise band behind; `joined` by a line."""
    xs, ys = [point.x for point in points], [point.y for point in points]
    if floor is not None and look.linestyle != style.TOLD:  # a data sheet's noise is not known
        low, high = [y / (1 + floor.floor) for y in ys], [y * (1 + floor.floor) for y in ys]
        axes.fill_between(xs, low, high, color=look.color, alpha=BAND_ALPHA, linewidth=0, zorder=1.5)
    for point in points:
        style.dots(axes, [point.x] * len(point.each), point.each, look.color)
        if point.interval:
            style.interval_bar(axes, point.x, *point.interval, look.color)
    axes.plot(xs, ys, zorder=3, **look.line() if joined else look.mark() | {"linestyle": "none"})


def point(s: Summary) -> Point:
    """A result against its size."""
    return Point(s.case.size[0], s.value or 0.0, s.value_interval, launch_values(s))


def look_of(summary: Summary, subjects: Sequence[str], second: int = 0) -> style.Look:
    """A subject's look; hollow and dashed where a data sheet told the figure."""
    look = style.look(subjects.index(summary.subject), second)
    return style.hollow(look) if summary.sheet else look


def noise_caption(floors: Floors, suite: str) -> str:
    """What the band of a chart is, or that there is none."""
    floor = floors.get(suite)
    if floor is None:
        return " No noise band: nothing of this suite was measured twice."
    return (
        f" Shaded: the noise band, ± {words.floor(floor.floor)} (A/A floor: {floor.subject} against itself); "
        "lines within each other's band do not differ."
    )


def height_for(labels: int, least: float) -> float:
    """Inches of a panel that has so many labels beside it."""
    return max(least, (labels + 1) * style.LABEL_GAP_POINTS / 72)
