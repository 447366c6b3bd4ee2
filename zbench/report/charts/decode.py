"""Decode: GEMMs of a few rows as bytes per second, against what the same memory gives to a plain read.

A product of m <= 16 rows reads its weights once for hardly any arithmetic, so memory bounds it: in FLOP/s
every library looks slow, in B/s a good one stands at the roof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from zbench.judge.roofs import SKINNY_ROWS, bytes_per_flop, lanes, read_bandwidth, share_of_roof, skinny
from zbench.judge.summary import Summary
from zbench.report import series, shapes, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import height_for

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


def decoding(summary: Summary) -> bool:
    """y = x W^T for a few rows of x."""
    case = summary.case
    return skinny(case) and case.get("transb") == "t" and case.get("transa") == "n"


def bytes_per_s(summary: Summary, value: float | None = None) -> float:
    """The rate times what the work model says must move per operation."""
    return ((summary.value or 0.0) if value is None else value) * bytes_per_flop(summary.case)


def decode(summaries: Sequence[Summary]) -> Chart | Missing:
    """A panel a thread count; places by dtype and m, cards side by side in each."""
    points = [s for s in shapes.real(series.of_workload(summaries, "gemm")) if decoding(s)]
    if not points:
        return Missing(NAME, TITLE, f"no GEMM of at most {SKINNY_ROWS} rows over W^T gave a right answer")
    name, subjects = series.namer(points), series.subjects(summaries, "card")
    kind, same = shapes.kinds(points, SHOWN)
    kinds = sorted(set(map(kind, points)))

    def line(s: Summary) -> str:
        return ", ".join(filter(None, (name(s), kind(s))))

    points.sort(
        key=lambda s: (
            lanes(s.case),
            subjects.index(s.subject),
            kind(s),
            shapes.precision(s.case.dtype),
            s.case.size,
        )
    )
    by_threads = series.group(points, lambda s: lanes(s.case))
    reads = {threads: read_bandwidth(summaries, threads) for threads in by_threads}
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
            _axis(panel, places, here, reads[threads], i % columns == 0)
            lines = series.group(here, line)
            ends = []
            for text, members in lines.items():
                look = style.look(subjects.index(members[0].subject), kinds.index(kind(members[0])))
                offset = (labels.index(text) + 0.5) / len(labels) * 0.72 - 0.36
                ends.append(_draw(panel, members, places, offset, look, text))
            style.label_ends(panel, ends)
        alt, table = _alt(by_threads, reads, line), _table(points, reads, name, kind)
        caption = _caption(points, reads, same) + series.left_out(summaries, "gemm")
        return style.to_chart(figure, NAME, TITLE, alt, caption, table)


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


def memory_roof(here: Sequence[Summary], read: float | None) -> tuple[float, str] | None:
    """(B/s, what it is): the read of this run, else the probe beside the bursts if that measured bytes."""
    if read:
        return read, "read, measured in this run"
    probes = [s.probe for s in here if s.probe and s.probe_unit == "B/s"]
    return (median(probes), "bandwidth probe beside the bursts") if probes else None


def arithmetic_roofs(here: Sequence[Summary], read: float | None) -> dict[Place, float]:
    """Place -> B/s that the peak of arithmetic leaves time for, where that is less than the read."""
    found = {
        place: median(s.probe * bytes_per_flop(s.case) for s in members if s.probe)
        for place, members in series.group(
            (s for s in here if s.probe and s.probe_unit == "FLOP/s"), _place
        ).items()
    }
    return {place: value for place, value in found.items() if read and value < read}


def _axis(
    panel: Axes, places: Sequence[Place], here: Sequence[Summary], read: float | None, first: bool
) -> None:
    from matplotlib.ticker import FuncFormatter

    roof = memory_roof(here, read)
    drawn = [bytes_per_s(s, value) for s in here for value in (s.value, *(s.value_interval or ()))]
    highest = max([roof[0] if roof else 0.0, *drawn])
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
    for place, value in arithmetic_roofs(here, read).items():
        x = places.index(place)
        panel.plot([x - 0.44, x + 0.44], [value, value], color=style.INK, linewidth=1.2, zorder=1.8)
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
    by_threads: Mapping[int, Sequence[Summary]], reads: Mapping[int, float | None], line: series.Namer
) -> str:
    """The fastest at each place, and its share of the roof."""
    told = []
    for threads, here in by_threads.items():
        best = []
        for (dtype, m), members in series.group(here, _place).items():
            first = max(members, key=bytes_per_s)
            found = share_of_roof(first, reads[threads])
            share = f", {100 * found:.0f} % of the roof" if found else ""
            best.append(f"{dtype} m = {m}: {line(first)} {words.si(bytes_per_s(first), 'B/s')}{share}")
        told.append(f"{shapes.lanes_text(threads)}: {'; '.join(best)}")
    return f"Fastest at each dtype and m, {'. '.join(told)}."


def _caption(points: Sequence[Summary], reads: Mapping[int, float | None], same: str) -> str:
    sizes = sorted({s.case.size[1:] for s in points})
    of = " and ".join(f"{n} x {k}" for n, k in sizes) if len(sizes) <= 2 else f"{len(sizes)} shapes"
    each = "each case with its interval"
    if len(sizes) > 1:
        each = "the median over shapes, dots single shapes, bars their span"
    text = (
        f"y = x Wᵀ for m rows of x, W of {of} (n x k), {series.launches_text(points)}. Bytes are those of "
        f"the work model: W, x and y once. Markers: {each}. What lies above the roof found W in a cache."
    )
    if any(arithmetic_roofs([s for s in points if lanes(s.case) == n], read) for n, read in reads.items()):
        text += " Short strokes: what the peak of arithmetic leaves time for, where that bounds earlier."
    return text + (f" All {same}." if same else "")


def _table(
    points: Sequence[Summary], reads: Mapping[int, float | None], name: series.Namer, kind: series.Namer
) -> Table:
    rows = []
    for s in points:
        share = share_of_roof(s, reads[lanes(s.case)])
        low, high = (bytes_per_s(s, bound) / 1e9 for bound in s.value_interval or (0.0, 0.0))
        rows.append(
            (
                s.case.dtype,
                "x".join(map(str, s.case.size)),
                name(s),
                str(lanes(s.case) or "-"),
                words.figure(bytes_per_s(s) / 1e9),
                f"{words.figure(low)} to {words.figure(high)}" if s.value_interval else "-",
                f"{100 * share:.1f}" if share else "-",
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
        "% of roof",
        "parameters",
    )
    return Table(header, tuple(rows))
