"""GEMM rate against size, as share of what the card's own peak probe reached beside each burst."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from zbench.judge.datasheets import DataSheet, share
from zbench.judge.roofs import lanes
from zbench.judge.summary import Summary
from zbench.records.schema import Record
from zbench.report import series, shapes, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import NO_FLOORS, Floors, Point, draw_line, height_for, look_of, noise_caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "gemm"
TITLE = "How close does GEMM come to this card's measured peak?"
COLUMNS = 2
"""Panels side by side where there is no second thread count: two fit a page."""

TOP = 1.14
"""Of what is highest: room for the name of the roof above it."""
INTERVAL_MOST = 1.5
"""Intervals are drawn up to this many times what was measured: that of two unlike launches ends at 10^9."""

PUBLISHED = "How close does GEMM come to what is published of this card?"
"""The question where no probe of a peak is known and the catalogue has the card."""


@dataclass(frozen=True)
class Scale:
    """What 100 % is."""

    title: str
    axis: str
    line: str
    """What is written at the roof."""
    told: str
    """The same in a sentence."""
    share: Callable[[Summary], float | None]
    each: Callable[[Summary], Sequence[float]]
    """Share of every launch."""


def probed(records: Sequence[Record]) -> Scale:
    bursts = series.bursts(records)
    return Scale(
        TITLE,
        "% of measured peak",
        "peak probe beside each burst",
        "the mean of the peak probes right before and after each burst",
        lambda s: s.fraction_of_peak,
        lambda s: series.launch_fractions(bursts, s),
    )


def published(sheets: Mapping[str, DataSheet]) -> Scale:
    titles = words.sentence(sorted({f"{s.title} ({s.confidence} confidence)" for s in sheets.values()}))

    def each(summary: Summary) -> list[float]:
        whole = share(sheets, summary) or 0.0
        return [value / (summary.value or 1.0) * whole for value in series.launch_values(summary)]

    return Scale(
        PUBLISHED,
        "% of data sheet",
        "dense peak of the data sheet",
        f"the dense peak of the dtype as published of {titles}: no peak was probed beside these bursts",
        lambda s: share(sheets, s),
        each,
    )


Panel = tuple[str, int]
"""(dtype, threads; 0: a device of its own)."""
Lines = dict[tuple[Panel, str], list[Summary]]
"""(panel, name of the line) -> summaries by size."""


def gemm_share(
    summaries: Sequence[Summary],
    records: Sequence[Record],
    floors: Floors = NO_FLOORS,
    sheets: Mapping[str, DataSheet] | None = None,
) -> Chart | Missing:
    """Square, untransposed GEMMs; one panel per dtype and thread count on the same axes, with all peers.

    Where none has a peak probe beside it, over the data sheets of those that have one.
    """
    gemms = [s for s in shapes.real(series.of_workload(summaries, "gemm")) if _square(s)]
    scale = probed(records)
    if sheets and not any(scale.share(s) is not None for s in gemms):
        scale = published(sheets)
    points = [s for s in gemms if scale.share(s) is not None]
    if not points:
        return Missing(NAME, TITLE, "no square GEMM with a peak probe beside it gave a right answer")
    name, subjects = series.namer(points), series.subjects(summaries, "card")
    kind, same = shapes.kinds(points)
    kinds = sorted(set(map(kind, points)))
    points.sort(key=lambda s: (*_place(s), subjects.index(s.subject), kind(s), s.case.size))

    def line(s: Summary) -> str:
        return ", ".join(filter(None, (name(s), kind(s))))

    lines: Lines = series.group(points, lambda s: (_panel(s), line(s)))
    places = list(dict.fromkeys(panel for panel, _ in lines))
    threads = len({count for _, count in places})

    with style.house_style():
        most = max(sum(key[0] == place for key in lines) for place in places)
        margin, height = style.margin_for([label for _, label in lines]), height_for(most, 2.5)
        columns = threads if threads > 1 and len(places) % threads == 0 else COLUMNS
        figure, axes = style.panels(len(places), margin, columns=columns, height=height, top=0.62)
        highest = {place: _highest([s for s in points if _panel(s) == place], scale) for place in places}
        top = max(highest.values())
        for i, (place, panel) in enumerate(zip(places, axes, strict=True)):
            panel.set_title(_titled(place, threads))
            here = [members for key, members in lines.items() if key[0] == place]
            sizes = sorted({s.case.size[0] for members in here for s in members})
            _axis(panel, sizes, top, highest[place], scale, i % columns == 0)
            ends = []
            for members in here:
                look = look_of(members[0], subjects, kinds.index(kind(members[0])))
                draw_line(panel, [_point(s, scale) for s in members], look, floors.get("card"))
                last = members[-1]
                ends.append(style.EndLabel(last.case.size[0], scale.share(last) or 0, line(last), look))
            style.label_ends(panel, ends)
        caption = _caption(points, gemms, scale, same) + noise_caption(floors, "card")
        caption += series.left_out(summaries, "gemm")
        alt, table = _alt(lines, scale), _table(points, scale, name, kind)
        return style.to_chart(figure, NAME, scale.title, alt, caption, table)


def _panel(s: Summary) -> Panel:
    return s.case.dtype, lanes(s.case)


def _place(s: Summary) -> tuple[tuple[int, str], int]:
    dtype, threads = _panel(s)
    return shapes.precision(dtype), threads


def _titled(place: Panel, threads: int) -> str:
    dtype, count = place
    return f"{dtype}, {shapes.lanes_text(count)}" if threads > 1 or count else dtype


def _square(summary: Summary) -> bool:
    m, n, k = summary.case.size
    plain = summary.case.get("transa") == "n" and summary.case.get("transb") == "n"
    return m == n == k and plain and summary.case.get("batch") == 1


def _highest(points: Sequence[Summary], scale: Scale) -> float:
    """Of everything that is drawn: nothing is cut off but intervals without end; the roof at least."""
    drawn = [_point(s, scale) for s in points]
    highest: float = max(1.0, *(y for point in drawn for y in (point.y, *point.each)))
    ends = [point.interval[1] for point in drawn if point.interval]
    return max(highest, min(max(ends, default=0.0), INTERVAL_MOST * highest))


def _point(s: Summary, scale: Scale) -> Point:
    reached, interval = scale.share(s) or 0.0, None
    if s.value and s.value_interval:
        low, high = (bound / s.value * reached for bound in s.value_interval)
        interval = low, high
    return Point(s.case.size[0], reached, interval, scale.each(s))


def _axis(panel: Axes, sizes: Sequence[int], top: float, highest: float, scale: Scale, first: bool) -> None:
    """Up to `top` in all panels; the name of the roof stands above what is `highest` in this one."""
    panel.set_xscale("log", base=2)
    labelled = sizes if len(sizes) <= 6 else [n for n in sizes if n & (n - 1) == 0] or sizes[::2]
    panel.set_xticks(labelled, [str(n) for n in labelled])
    panel.set_xticks([], minor=True)
    panel.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.25)
    panel.set_xlabel("n  (n x n x n)")
    panel.set_ylim(0, top * TOP)
    step = 0.2 if top < 1.6 else 0.5
    ticks = [step * i for i in range(ceil(top * TOP / step))]
    panel.set_yticks(ticks, [f"{100 * tick:.0f}" if first else "" for tick in ticks])
    if first:
        panel.set_ylabel(f"{scale.axis}  (higher is better)")
    panel.axhline(1.0, color=style.INK, linewidth=1.2)
    panel.text(
        sizes[0] / 1.2,
        highest + 0.01 + 0.02 * (highest > 1),
        scale.line,
        va="bottom",
        ha="left",
        color=style.MUTED,
    )


def _alt(lines: Lines, scale: Scale) -> str:
    """What each subject reaches at the largest size, per dtype and threads."""
    findings = []
    for (dtype, threads), keys in series.group(lines, lambda key: key[0]).items():
        n = max(s.case.size[0] for key in keys for s in lines[key])
        at_n = [(key[1], s) for key in keys for s in lines[key] if s.case.size[0] == n]
        reached = [f"{name} {100 * (scale.share(s) or 0):.0f} %" for name, s in at_n]
        findings.append(f"{dtype}, {shapes.lanes_text(threads)}, n = {n}: {words.sentence(reached)}")
    return f"{scale.axis} reached by GEMM: {'; '.join(findings)}."


def _caption(points: Sequence[Summary], gemms: Sequence[Summary], scale: Scale, same: str) -> str:
    text = f"{series.caption(points)} A rate counts 2 n³ operations; 100 % is {scale.told}."
    without = sorted({s.subject for s in gemms} - {s.subject for s in points})
    if without:
        text += f" Without such a peak, so not drawn: {words.sentence(without)}."
    return text + (f" All {same}." if same else "")


def _table(points: Sequence[Summary], scale: Scale, name: series.Namer, kind: series.Namer) -> Table:
    rows = [
        (
            s.case.dtype,
            name(s),
            str(lanes(s.case) or "-"),
            str(s.case.size[0]),
            *series.with_interval(s, 1e9),
            f"{100 * (scale.share(s) or 0):.1f}",
            str(s.launches),
            kind(s) or "-",
        )
        for s in points
    ]
    return Table(
        (
            "dtype",
            "subject",
            "threads",
            "n",
            "rate (GFLOP/s)",
            "interval (GFLOP/s)",
            scale.axis,
            "launches",
            "parameters",
        ),
        tuple(rows),
    )
