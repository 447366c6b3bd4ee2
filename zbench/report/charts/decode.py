"""Decode: GEMMs of a few rows as bytes per second, against what the same memory gives to a plain read.

A product of m <= 16 rows reads its weights once for hardly any arithmetic, so memory bounds it: in FLOP/s
every library looks slow, in B/s a good one stands at the roof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from zbench.judge.peers import SKINNY_ROWS
from zbench.judge.summary import Summary
from zbench.report import series, shapes, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import height_for
from zbench.workloads import workload

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "decode"
TITLE = "How close does decoding come to the speed of memory?"
PLACE_INCHES = 0.62
"""Width of one place on the axis: the longest name of a dtype."""
SHOWN = ("transb",)
"""Parameters that all these cases share."""

Place = tuple[str, int]
"""(dtype, m)."""


def skinny(summary: Summary) -> bool:
    """y = x W^T for a few rows of x."""
    case = summary.case
    return case.size[0] <= SKINNY_ROWS and case.get("transb") == "t" and case.get("transa") == "n"


def bytes_per_s(summary: Summary, value: float | None = None) -> float:
    """The rate times what the work model says must move per operation."""
    model = workload(summary.case.workload)
    rate = (summary.value or 0.0) if value is None else value
    return rate * model.bytes(summary.case) / model.flops(summary.case)


def read_roof(
    summaries: Sequence[Summary], points: Sequence[Summary], threads: int
) -> tuple[float, str] | None:
    """(B/s, what it is): the fastest `read` of the largest array at this thread count, else the probe's."""
    reads = [
        s for s in series.of_workload(summaries, "read") if shapes.lanes(s.case) == threads and not s.sheet
    ]
    if reads:
        largest = max(s.case.size[0] for s in reads)
        return max(s.value or 0.0 for s in reads if s.case.size[0] == largest), "read, measured in this run"
    probes = [s.probe for s in points if s.probe and s.probe_unit == "B/s"]
    return (median(probes), "bandwidth probe beside the bursts") if probes else None


def decode(summaries: Sequence[Summary]) -> Chart | Missing:
    """A panel a thread count; places by dtype and m, cards side by side in each."""
    points = [s for s in shapes.real(series.of_workload(summaries, "gemm")) if skinny(s)]
    if not points:
        return Missing(NAME, TITLE, f"no GEMM of at most {SKINNY_ROWS} rows over W^T gave a right answer")
    name, subjects = series.namer(points), series.subjects(summaries, "card")
    kind, same = shapes.kinds(points, SHOWN)
    kinds = sorted(set(map(kind, points)))

    def line(s: Summary) -> str:
        return ", ".join(filter(None, (name(s), kind(s))))

    points.sort(
        key=lambda s: (
            shapes.lanes(s.case),
            subjects.index(s.subject),
            kind(s),
            shapes.precision(s.case.dtype),
            s.case.size,
        )
    )
    by_threads = series.group(points, lambda s: shapes.lanes(s.case))
    roofs = {threads: read_roof(summaries, here, threads) for threads, here in by_threads.items()}
    places = sorted({_place(s) for s in points}, key=lambda place: (shapes.precision(place[0]), place[1]))
    labels = list(dict.fromkeys(map(line, points)))

    with style.house_style():
        width = max(2.75, PLACE_INCHES * len(places))
        columns = 1 if width > 3.5 else 2
        figure, axes = style.panels(
            len(by_threads),
            style.margin_for(labels),
            columns=columns,
            width=width,
            height=height_for(len(labels), 2.6),
            left=0.95,
            bottom=0.62,
            top=0.62,
        )
        for i, ((threads, here), panel) in enumerate(zip(by_threads.items(), axes, strict=True)):
            panel.set_title(shapes.lanes_text(threads))
            _axis(panel, places, here, roofs[threads], i % columns == 0)
            lines = series.group(here, line)
            ends = []
            for text, members in lines.items():
                look = style.look(subjects.index(members[0].subject), kinds.index(kind(members[0])))
                offset = (labels.index(text) + 0.5) / len(labels) * 0.72 - 0.36
                ends.append(_draw(panel, members, places, offset, look, text))
            style.label_ends(panel, ends)
        alt = _alt(by_threads, roofs, line)
        return style.to_chart(
            figure, NAME, TITLE, alt, _caption(summaries, points, same), _table(points, roofs, name, kind)
        )


def _place(s: Summary) -> Place:
    return s.case.dtype, s.case.size[0]


def _draw(
    panel: Axes,
    members: Sequence[Summary],
    places: Sequence[Place],
    offset: float,
    look: style.Look,
    text: str,
) -> style.EndLabel:
    """A marker a place: the median over shapes, with a dot a shape; of one shape its interval."""
    xs, ys = [], []
    for place, here in series.group(members, _place).items():
        x, each = places.index(place) + offset, [bytes_per_s(s) for s in here]
        xs.append(x)
        ys.append(median(each))
        if len(here) > 1:
            panel.plot([x] * len(each), each, linestyle="none", marker="o", markersize=2.6, color=look.color)
            style.interval_bar(panel, x, min(each), max(each), look.color)
        elif here[0].value_interval:
            low, high = (bytes_per_s(here[0], bound) for bound in here[0].value_interval)
            style.interval_bar(panel, x, low, high, look.color)
    panel.plot(xs, ys, zorder=3, **look.mark() | {"linestyle": "none"})
    return style.EndLabel(xs[-1], ys[-1], text, look)


def _axis(
    panel: Axes, places: Sequence[Place], here: Sequence[Summary], roof: tuple[float, str] | None, first: bool
) -> None:
    from matplotlib.ticker import FuncFormatter

    highest = max(
        [
            roof[0] if roof else 0.0,
            *(bytes_per_s(s, v) for s in here for v in (s.value, *(s.value_interval or ()))),
        ]
    )
    panel.set_xlim(-0.5, len(places) - 0.5)
    panel.set_xticks(range(len(places)), [f"m = {m}\n{dtype}" for dtype, m in places])
    panel.grid(visible=False, axis="x")
    for i in range(1, len(places)):
        if places[i][0] != places[i - 1][0]:
            panel.axvline(i - 0.5, color=style.RULE, linewidth=0.8)
    panel.set_ylim(0, highest * 1.16)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.si(value, "B/s") if value else "0"))
    if first:
        panel.set_ylabel("bytes moved  (higher is better)")
    if roof:
        panel.axhline(roof[0], color=style.INK, linewidth=1.2)
        panel.annotate(
            f"{words.si(roof[0], 'B/s')}: {roof[1]}",
            (-0.45, roof[0]),
            (0, 3),
            textcoords="offset points",
            va="bottom",
            ha="left",
            color=style.MUTED,
        )


def _alt(
    by_threads: Mapping[int, Sequence[Summary]],
    roofs: Mapping[int, tuple[float, str] | None],
    line: series.Namer,
) -> str:
    """The fastest at each place, and its share of the roof."""
    told = []
    for threads, here in by_threads.items():
        best = []
        roof = roofs[threads]
        for (dtype, m), members in series.group(here, _place).items():
            first = max(members, key=bytes_per_s)
            share = f", {100 * bytes_per_s(first) / roof[0]:.0f} % of the roof" if roof else ""
            best.append(f"{dtype} m = {m}: {line(first)} {words.si(bytes_per_s(first), 'B/s')}{share}")
        told.append(f"{shapes.lanes_text(threads)}: {'; '.join(best)}")
    return f"Fastest at each dtype and m, {'. '.join(told)}."


def _caption(summaries: Sequence[Summary], points: Sequence[Summary], same: str) -> str:
    sizes = sorted({s.case.size[1:] for s in points})
    of = " and ".join(f"{n} x {k}" for n, k in sizes) if len(sizes) <= 2 else f"{len(sizes)} shapes"
    each = "each case with its interval"
    if len(sizes) > 1:
        each = "the median over shapes, dots single shapes, bars their span"
    return (
        f"y = x Wᵀ for m rows of x, W of {of} (n x k), {series.launches_text(points)}. Bytes are those of "
        f"the work model: W, x and y once. Markers: {each}. What lies above the roof found W in a cache."
        + (f" All {same}." if same else "")
        + series.left_out(summaries, "gemm")
    )


def _table(
    points: Sequence[Summary],
    roofs: Mapping[int, tuple[float, str] | None],
    name: series.Namer,
    kind: series.Namer,
) -> Table:
    rows = []
    for s in points:
        roof = roofs[shapes.lanes(s.case)]
        low, high = (bytes_per_s(s, bound) / 1e9 for bound in s.value_interval or (0.0, 0.0))
        rows.append(
            (
                s.case.dtype,
                "x".join(map(str, s.case.size)),
                name(s),
                str(shapes.lanes(s.case) or "-"),
                words.figure(bytes_per_s(s) / 1e9),
                f"{words.figure(low)} to {words.figure(high)}" if s.value_interval else "-",
                f"{100 * bytes_per_s(s) / roof[0]:.1f}" if roof else "-",
                kind(s) or "-",
            )
        )
    header = (
        "dtype",
        "m x n x k",
        "subject",
        "threads",
        "GB/s",
        "interval (GB/s)",
        "% of read roof",
        "parameters",
    )
    return Table(header, tuple(rows))
