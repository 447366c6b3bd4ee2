"""GEMM rate against size, as share of what the card's own peak probe reached beside each burst."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

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

Panel = tuple[str, int]
"""(dtype, threads; 0: a device of its own)."""
Lines = dict[tuple[Panel, str], list[Summary]]
"""(panel, name of the line) -> summaries by size."""


def gemm_share(
    summaries: Sequence[Summary], records: Sequence[Record], floors: Floors = NO_FLOORS
) -> Chart | Missing:
    """Square, untransposed GEMMs; one panel per dtype and thread count on the same axes, with all peers."""
    gemms = shapes.real(series.of_workload(summaries, "gemm"))
    points = [s for s in gemms if _square(s) and s.fraction_of_peak is not None]
    if not points:
        return Missing(NAME, TITLE, "no square GEMM with a peak probe beside it gave a right answer")
    name, bursts = series.namer(points), series.bursts(records)
    subjects = series.subjects(summaries, "card")
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
        highest = {place: _highest([s for s in points if _panel(s) == place], bursts) for place in places}
        top = max(highest.values())
        for i, (place, panel) in enumerate(zip(places, axes, strict=True)):
            panel.set_title(_titled(place, threads))
            here = [members for key, members in lines.items() if key[0] == place]
            sizes = sorted({s.case.size[0] for members in here for s in members})
            _axis(panel, sizes, top, highest[place], i % columns == 0)
            ends = []
            for members in here:
                look = look_of(members[0], subjects, kinds.index(kind(members[0])))
                draw_line(panel, [_point(s, bursts) for s in members], look, floors.get("card"))
                last = members[-1]
                ends.append(style.EndLabel(last.case.size[0], last.fraction_of_peak or 0, line(last), look))
            style.label_ends(panel, ends)
        caption = _caption(points, same) + noise_caption(floors, "card") + series.left_out(summaries, "gemm")
        return style.to_chart(figure, NAME, TITLE, _alt(lines), caption, _table(points, name, kind))


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


def _highest(points: Sequence[Summary], bursts: series.Bursts) -> float:
    """Of everything that is drawn, so that nothing is cut off; the roof at least."""
    drawn = [_point(s, bursts) for s in points]
    heights = [y for point in drawn for y in (point.y, *point.each, *(point.interval or ()))]
    highest: float = max(1.0, *heights)
    return highest


def _point(s: Summary, bursts: series.Bursts) -> Point:
    share, interval = s.fraction_of_peak or 0.0, None
    if s.value and s.value_interval:
        low, high = (bound / s.value * share for bound in s.value_interval)
        interval = low, high
    return Point(s.case.size[0], share, interval, series.launch_fractions(bursts, s))


def _axis(panel: Axes, sizes: Sequence[int], top: float, highest: float, first: bool) -> None:
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
        panel.set_ylabel("% of measured peak  (higher is better)")
    panel.axhline(1.0, color=style.INK, linewidth=1.2)
    panel.text(
        sizes[0] / 1.2,
        highest + 0.01 + 0.02 * (highest > 1),
        "peak probe beside each burst",
        va="bottom",
        ha="left",
        color=style.MUTED,
    )


def _alt(lines: Lines) -> str:
    """What each subject reaches at the largest size, per dtype and threads."""
    findings = []
    for (dtype, threads), keys in series.group(lines, lambda key: key[0]).items():
        n = max(s.case.size[0] for key in keys for s in lines[key])
        at_n = [(key[1], s) for key in keys for s in lines[key] if s.case.size[0] == n]
        reached = [f"{name} {100 * (s.fraction_of_peak or 0):.0f} %" for name, s in at_n]
        findings.append(f"{dtype}, {shapes.lanes_text(threads)}, n = {n}: {words.sentence(reached)}")
    return f"Share of measured peak reached by GEMM: {'; '.join(findings)}."


def _caption(points: Sequence[Summary], same: str) -> str:
    return (
        f"{series.caption(points)} A rate counts 2 n³ operations; "
        "100 % is the mean of the peak probes right before and after each burst."
        + (f" All {same}." if same else "")
    )


def _table(points: Sequence[Summary], name: series.Namer, kind: series.Namer) -> Table:
    rows = [
        (
            s.case.dtype,
            name(s),
            str(lanes(s.case) or "-"),
            str(s.case.size[0]),
            *series.with_interval(s, 1e9),
            f"{100 * (s.fraction_of_peak or 0):.1f}",
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
            "% of peak",
            "launches",
            "parameters",
        ),
        tuple(rows),
    )
