"""Does the rate last? A sustained run over time, with clock, temperature and power below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

from zbench.judge.sustained import Course, Sustained, stretch
from zbench.records.schema import Sample
from zbench.report import series, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.telemetry import lasted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "sustained"
TITLE = "Does the rate last?"
WIDTH, HEIGHT = 6.0, 2.5
"""Inches of the rate's panel; those below are as wide."""
SMALL_HEIGHT = 0.85
LEFT, BOTTOM, TOP, GAP = 0.72, 0.5, 0.5, 0.2
LEAST_SPAN = 0.04
"""Of the rate's axis around 100 %, so that noise below a percent does not fill the picture."""
TICK_ROW = 0.035
"""Of the panel's height."""
ROWS = 10
"""Of the table for each launch: of ten minutes a row a minute."""
MINUTES_FROM_S = 120.0
"""From here on the axis counts minutes."""


@dataclass(frozen=True)
class Quantity:
    """What a meter told, on a panel of its own."""

    name: str
    """Of the field of a sample."""
    label: str
    unit: float
    """Of the axis, in base units."""


QUANTITIES = (
    Quantity("clock_hz", "clock (GHz)", 1e9),
    Quantity("temperature_c", "temp. (°C)", 1.0),
    Quantity("power_w", "power (W)", 1.0),
)


@dataclass(frozen=True)
class Line:
    """One case of one subject, and how it looks."""

    found: Sustained
    label: str
    look: style.Look


def sustained(found: Sequence[Sustained]) -> Chart | Missing:
    """Rate as share of the first minute, one line a launch; a panel for each quantity that changed."""
    if not found:
        return Missing(NAME, TITLE, "no case of this run gave right answers for long enough")
    lines = _lines(found)
    shown = [q for q in QUANTITIES if len({v for line in lines for v in _values(line.found, q)}) > 1]
    total_s = max(course.points[-1].at_s for each in found for course in each.courses)
    unit_s, unit = (60.0, "min") if total_s >= MINUTES_FROM_S else (1.0, "s")
    with style.house_style():
        figure, axes = _panels(len(shown), style.margin_for([line.label for line in lines]))
        top, *below = axes
        _rates(top, lines, unit_s)
        for panel, quantity in zip(below, shown, strict=True):
            for line in lines:
                _course_of(panel, line, quantity, unit_s)
            panel.set_ylabel(quantity.label)
            panel.margins(y=0.2)
        for panel in axes:
            panel.set_xlim(0, total_s / unit_s)
            panel.yaxis.set_label_coords(-0.085, 0.5)
            panel.tick_params(labelbottom=panel is axes[-1])
        axes[-1].set_xlabel(f"time under load ({unit})")
        ends = [
            style.EndLabel(c.points[-1].at_s / unit_s, c.last / c.first, line.label, line.look)
            for line in lines
            for c in line.found.courses[:1]
        ]
        style.label_ends(top, ends)
        return style.to_chart(figure, NAME, TITLE, _alt(found), _caption(found, shown), _table(found))


def _lines(found: Sequence[Sustained]) -> list[Line]:
    """A subject's place is its colour; several cases of one are told apart by line and marker."""
    subjects = list(dict.fromkeys(each.subject for each in found))
    keys = list(dict.fromkeys(each.key for each in found))
    lines = []
    for each in found:
        name = words.short(each.subject) + (f" {keys.index(each.key) + 1}" if len(keys) > 1 else "")
        look = style.look(subjects.index(each.subject), keys.index(each.key))
        lines.append(Line(each, f"{name} {100 * each.ratio:.1f} %", look))
    return lines


def _panels(small: int, right: float) -> tuple[Figure, list[Axes]]:
    """One panel over `small` lower ones of the same time."""
    width = LEFT + WIDTH + right
    height = BOTTOM + small * (SMALL_HEIGHT + GAP) + HEIGHT + TOP
    figure = style.new_figure(width, height)
    bottoms = [BOTTOM + i * (SMALL_HEIGHT + GAP) for i in reversed(range(small))]
    places = [(height - TOP - HEIGHT, HEIGHT), *((bottom, SMALL_HEIGHT) for bottom in bottoms)]
    axes = [
        figure.add_axes((LEFT / width, bottom / height, WIDTH / width, tall / height))
        for bottom, tall in places
    ]
    return figure, axes


def _rates(axes: Axes, lines: Sequence[Line], unit_s: float) -> None:
    shares = []
    for place, line in enumerate(lines):
        for course in line.found.courses:
            share = [point.value / course.first for point in course.points]
            shares += share
            at = [point.at_s / unit_s for point in course.points]
            axes.plot(at, share, color=line.look.color, linestyle=line.look.linestyle, linewidth=1.1)
            _held_back(axes, course, line.look.color, unit_s, place)
    longest = max(course.points[-1].at_s for line in lines for course in line.found.courses)
    compared, _ = stretch(longest)
    for start in (0.0, longest - compared):
        axes.axvspan(start / unit_s, (start + compared) / unit_s, color=style.RULE, alpha=0.45, linewidth=0)
    axes.axhline(1.0, color=style.INK, linewidth=1.0, zorder=1.5)
    low, high = min(*shares, 1 - LEAST_SPAN), max(*shares, 1 + LEAST_SPAN)
    pad = 0.08 * (high - low)
    axes.set_ylim(low - pad, high + pad)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
    axes.set_ylabel(f"% of the first {'minute' if compared >= 60 else 'tenth'}")


def _held_back(axes: Axes, course: Course, color: str, unit_s: float, place: int) -> None:
    """A tick at the foot of the panel for each sample that told of throttling, a row for each line."""
    at = [sample.at_ns / 1e9 / unit_s for sample in course.samples if sample.throttle]
    if at:
        axes.plot(
            at,
            [0.02 + place * TICK_ROW] * len(at),
            transform=axes.get_xaxis_transform(),
            linestyle="none",
            marker="|",
            markersize=7,
            color=color,
        )


def _course_of(axes: Axes, line: Line, quantity: Quantity, unit_s: float) -> None:
    for course in line.found.courses:
        told = [s for s in course.samples if getattr(s, quantity.name) is not None]
        at = [sample.at_ns / 1e9 / unit_s for sample in told]
        values = [getattr(sample, quantity.name) / quantity.unit for sample in told]
        axes.plot(at, values, color=line.look.color, linestyle=line.look.linestyle, linewidth=1.1)


def _values(found: Sustained, quantity: Quantity) -> list[float]:
    samples = [sample for course in found.courses for sample in course.samples]
    return [value for sample in samples if (value := getattr(sample, quantity.name)) is not None]


def _reasons(found: Sequence[Sustained]) -> list[str]:
    samples = [sample for each in found for course in each.courses for sample in course.samples]
    return list(dict.fromkeys(reason for sample in samples for reason in sample.throttle))


def _alt(found: Sequence[Sustained]) -> str:
    """Each case's figure, and what held it back."""
    told = "; ".join(f"{each.subject}, {each.key}: {lasted(each)}" for each in found)
    reasons = _reasons(found)
    return f"Rate at the end over the rate at the beginning: {told}." + (
        f" Throttled: {', '.join(reasons)}." if reasons else ""
    )


def _caption(found: Sequence[Sustained], shown: Sequence[Quantity]) -> str:
    keys = list(dict.fromkeys(each.key for each in found))
    text = "One line a launch; shaded: the stretches that are compared, after a warm-up of up to 3 s."
    if len(keys) > 1:
        text += f" Cases: {', '.join(f'{i} {key}' for i, key in enumerate(keys, 1))}."
    if _reasons(found):
        text += " Ticks at the foot: readings that told of throttling."
    methods = list(dict.fromkeys(c.method for each in found for c in each.courses if c.method))
    if methods:
        text += f" Read by {', '.join(methods)}."
    still = [
        f"{q.label} {values[0] / q.unit:.3g}"
        for q in QUANTITIES
        if q not in shown and (values := [v for each in found for v in _values(each, q)])
    ]
    return text + (f" Not drawn, as it did not change: {', '.join(still)}." if still else "")


def _table(found: Sequence[Sustained]) -> Table:
    quantities = (quantity.label for quantity in QUANTITIES)
    header = ("case", "subject", "launch", "until (s)", "rate", "% of the beginning", *quantities)
    rows = [row for each in found for course in each.courses for row in _rows(each, course)]
    return Table(header, tuple(rows))


def _rows(each: Sustained, course: Course) -> list[tuple[str, ...]]:
    """The launch in tenths."""
    end_s = course.points[-1].at_s
    parts = series.group(course.points, lambda p: min(int(p.at_s / end_s * ROWS), ROWS - 1))
    rows = []
    for place, points in parts.items():
        value = mean(point.value for point in points)
        until_s = (place + 1) * end_s / ROWS
        samples = [s for s in course.samples if (until_s - end_s / ROWS) < s.at_ns / 1e9 <= until_s]
        rows.append(
            (
                each.key,
                each.subject,
                str(course.launch),
                f"{until_s:.3g}",
                words.value(value, each.unit),
                f"{100 * value / course.first:.1f}",
                *(_mean(samples, quantity) for quantity in QUANTITIES),
            )
        )
    return rows


def _mean(samples: Sequence[Sample], quantity: Quantity) -> str:
    told = [value for s in samples if (value := getattr(s, quantity.name)) is not None]
    return f"{mean(told) / quantity.unit:.4g}" if told else "-"
