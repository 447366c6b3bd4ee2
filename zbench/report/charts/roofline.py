"""Roofline (Williams, Waterman, Patterson, CACM 2009) under measured ceilings; published ones are dashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from zbench.judge.datasheets import DataSheet
from zbench.judge.roofs import SKINNY_ROWS, lanes, skinny
from zbench.judge.summary import Summary
from zbench.report import series, shapes, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import height_for
from zbench.workloads import workload
from zbench.workloads.stream import ARRAYS as STREAMS
from zbench.workloads.stream import in_memory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "roofline"
TITLE = "What bounds each kernel: arithmetic or memory?"
COLUMNS = 2
HEADROOM = 0.20
"""Of a panel's height: above the roof, for the words that say what its lines are."""
DASHED = (0, (4, 2))


@dataclass(frozen=True)
class Roof:
    """The ceilings of a card at one thread count."""

    threads: int
    """0: a device of its own."""
    peaks: dict[str, float]
    """dtype -> FLOP/s: the median of the peak probes beside the GEMM bursts."""
    bandwidth: float
    """B/s of the fastest stream kernel."""
    kernel: str

    def over(self, summary: Summary) -> float:
        """FLOP/s that this point cannot exceed: the lower of the two ceilings."""
        slope = intensity(summary) * self.bandwidth
        return min(slope, self.peaks.get(summary.case.dtype, slope))


def roof(gemms: Sequence[Summary], streams: Sequence[Summary]) -> Roof | None:
    """The roof of the device, else at the largest thread count, that has both a GEMM and a bandwidth.

    Mixing counts would put points under a roof that is not theirs.
    """
    both = {lanes(s.case) for s in gemms} & {lanes(s.case) for s in streams}
    if not both:
        return None
    threads = 0 if 0 in both else max(both)
    fastest = max((s for s in streams if lanes(s.case) == threads), key=lambda s: s.value or 0.0)
    probed = [s for s in gemms if lanes(s.case) == threads and s.probe and s.probe_unit == "FLOP/s"]
    by_dtype = series.group(probed, lambda s: s.case.dtype)
    peaks = {dtype: median(s.probe or 0.0 for s in members) for dtype, members in sorted(by_dtype.items())}
    return Roof(threads, peaks, fastest.value or 0.0, fastest.case.workload)


def intensity(summary: Summary) -> float:
    """Arithmetic intensity in FLOP/B: the work model's flops over the bytes that must move."""
    model = workload(summary.case.workload)
    moved = model.bytes(summary.case)
    return model.flops(summary.case) / moved if moved else 0.0


def achieved(summary: Summary) -> float:
    """FLOP/s of any kernel, from its median time."""
    return workload(summary.case.workload).flops(summary.case) / (summary.median_ns or 1.0) * 1e9


def roofline(summaries: Sequence[Summary], sheets: Mapping[str, DataSheet] | None = None) -> Chart | Missing:
    """All that computes on a card, a panel a dtype: under the measured peak of that dtype and the measured
    bandwidth, with the ceilings of the data sheet where the catalogue has the card."""
    kinds = dict.fromkeys(s.case.workload for s in summaries if s.suite == "card")
    usable = shapes.real(series.of_workload(summaries, *kinds))
    usable = [s for s in usable if s.case.workload not in STREAMS or in_memory(s.case)]
    gemms = [s for s in usable if s.case.workload == "gemm"]
    streams = [s for s in usable if s.case.workload in STREAMS and s.sheet is None]  # ceilings are measured
    ceilings = roof(gemms, streams)
    sheets = sheets or {}
    if ceilings is None or not (ceilings.peaks or sheets):
        why = "needs a GEMM with a peak probe and a stream kernel at the same number of threads"
        return Missing(NAME, TITLE, why)
    subjects = series.subjects(summaries, "card")
    points = [s for s in usable if lanes(s.case) == ceilings.threads and intensity(s) > 0]
    points.sort(
        key=lambda s: (
            shapes.precision(s.case.dtype),
            s.case.workload != "gemm",
            subjects.index(s.subject),
            s.case.workload,
            intensity(s),
        )
    )
    present = {s.subject for s in points}
    published = {sheet.name: sheet for subject, sheet in sheets.items() if subject in present}
    name = series.namer(points)
    dtypes = list(dict.fromkeys(s.case.dtype for s in points))
    lines = series.group(points, lambda s: (s.case.dtype, _kind(s), name(s)))
    labels = {key: key[2] if key[1] == "gemm" else f"{key[1]}, {key[2]}" for key in lines if key[1]}

    with style.house_style():
        right = style.margin_for(list(labels.values()))
        most = max(sum(key[0] == dtype for key in labels) for dtype in dtypes)
        figure, panels = style.panels(
            len(dtypes), right, columns=COLUMNS, width=3.1, height=height_for(most, 3.1), left=1.2, top=0.62
        )
        extent = _extent(points, ceilings, list(published.values()))
        for i, (dtype, axes) in enumerate(zip(dtypes, panels, strict=True)):
            axes.set_title(dtype)
            _axis(axes, extent, i % COLUMNS == 0)
            _draw_roof(axes, dtype, ceilings, list(published.values()))
            ends = []
            for key, members in lines.items():
                if key[0] == dtype:
                    _draw_points(axes, members, subjects)
                    last = members[-1]
                    if key in labels:
                        look = style.look(subjects.index(last.subject))
                        ends.append(style.EndLabel(intensity(last), achieved(last), labels[key], look))
            here = [s for s in points if s.case.dtype == dtype and s.case.workload in STREAMS]
            kernels = series.group(here, lambda s: s.case.workload)
            _name_kernels(axes, {k: (intensity(s[0]), min(map(achieved, s))) for k, s in kernels.items()})
            style.label_ends(axes, ends)
        caption = _caption(points, ceilings, list(published.values())) + series.left_out(summaries, *kinds)
        alt, table = _alt(points, ceilings), _table(points, ceilings, name)
        return style.to_chart(figure, NAME, TITLE, alt, caption, table)


def _kind(s: Summary) -> str:
    """What is written at the end of its points: a stream kernel has its name beside it instead."""
    return "" if s.case.workload in STREAMS else s.case.workload


def _draw_points(axes: Axes, members: Sequence[Summary], subjects: Sequence[str]) -> None:
    """Decode hollow, all else full."""
    for hollow in (True, False):
        shown = [s for s in members if skinny(s.case) is hollow]
        look = style.look(subjects.index(members[0].subject))
        mark = (style.hollow(look) if hollow else look).mark() | {"linestyle": "none"}
        axes.plot([intensity(s) for s in shown], [achieved(s) for s in shown], zorder=3, **mark)


def _name_kernels(axes: Axes, places: Mapping[str, tuple[float, float]]) -> None:
    """Each kernel's name beside its lowest point, moved up or down where names would touch."""
    box = style.placed_box(axes)
    scale = axes.figure.dpi / 72
    heights = {name: float(axes.transData.transform(place)[1]) - 8 * scale for name, place in places.items()}
    names = sorted(heights, key=lambda name: heights[name])
    room = style.LABEL_GAP_POINTS * scale
    placed = style.spread([heights[name] for name in names], room, box.y0 + room / 2, box.y1)
    for name, height in zip(names, placed, strict=True):
        offset = (height - float(axes.transData.transform(places[name])[1])) / scale
        axes.annotate(name, places[name], (9, offset), textcoords="offset points", ha="left", va="center")


Extent = tuple[tuple[float, float], tuple[float, float]]
"""(least, most) FLOP/B and FLOP/s, of all panels."""


def _extent(points: Sequence[Summary], ceilings: Roof, sheets: Sequence[DataSheet]) -> Extent:
    published = [f.value for sheet in sheets for s in points if (f := sheet.rate(s.case.dtype))]
    peaks = [*ceilings.peaks.values(), *published]
    low = min(map(intensity, points)) / 2.2
    high = max([*map(intensity, points), *(peak / ceilings.bandwidth for peak in peaks)]) * 2.2
    bottom, most = min(map(achieved, points)) / 2, max([*map(achieved, points), *peaks])
    return (low, high), (bottom, bottom * (most / bottom) ** (1 / (1 - HEADROOM)))


def _axis(axes: Axes, extent: Extent, first: bool) -> None:
    (low, high), (bottom, top) = extent
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    style.log_unit_axis(axes, "FLOP/s", low=bottom, high=top)
    powers = range(int(np.ceil(np.log2(low))), int(np.floor(np.log2(high))) + 1)
    ticks = [2.0**p for p in powers][:: max(2, len(powers) // 6)]
    axes.set_xticks(ticks, [f"{t:g}" if t >= 1 else f"1/{1 / t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("FLOP per byte that must move")
    if first:
        axes.set_ylabel("achieved rate  (higher is better)")
    else:
        axes.tick_params(labelleft=False)


def _draw_roof(axes: Axes, dtype: str, ceilings: Roof, sheets: Sequence[DataSheet]) -> None:
    """Slope and ceiling, measured and published, and what they are in words above them."""
    peak = ceilings.peaks.get(dtype)
    told = f"{words.si(peak, 'FLOP/s')}, " if peak else ""
    said = [f"― {told}{ceilings.kernel} {words.si(ceilings.bandwidth, 'B/s')}: measured"]
    bottom, top = axes.get_ylim()
    published = [figure.value for sheet in sheets if (figure := sheet.rate(dtype))]
    end = peak or max(published, default=bottom * (top / bottom) ** (1 - HEADROOM))
    _draw_line(axes, peak, ceilings.bandwidth, end, "-")
    for sheet in sheets:
        figure, bandwidth = sheet.rate(dtype), sheet.bandwidth
        if not (figure or bandwidth):
            continue
        peak, slope = figure.value if figure else None, bandwidth.value if bandwidth else None
        _draw_line(axes, peak, slope, peak or end, DASHED)
        parts = [words.si(figure.value, "FLOP/s")] if figure else []
        parts += [words.si(bandwidth.value, "B/s")] if bandwidth else []
        said.append(f"-- {', '.join(parts)}: data sheet {sheet.name}")
    for i, text in enumerate(said):
        axes.annotate(
            text, (0, 1), (4, -4 - i * style.LABEL_GAP_POINTS), xycoords="axes fraction",
            textcoords="offset points", ha="left", va="top",
        )  # fmt: skip


def _draw_line(
    axes: Axes, peak: float | None, bandwidth: float | None, end: float, linestyle: object
) -> None:
    """The slope up to `end` FLOP/s, and the ceiling from there on; what is not known is not drawn."""
    low, high = axes.get_xlim()
    look: dict[str, Any] = {"color": style.INK, "linewidth": 1.2, "linestyle": linestyle, "zorder": 2}
    ridge = min(high, end / bandwidth) if bandwidth else low
    if bandwidth:
        axes.plot([low, ridge], [low * bandwidth, ridge * bandwidth], **look)
    if peak:
        axes.plot([ridge, high], [peak, peak], **look)


def _caption(points: Sequence[Summary], ceilings: Roof, sheets: Sequence[DataSheet]) -> str:
    where = f"at {shapes.lanes_text(ceilings.threads)}" if ceilings.threads else shapes.lanes_text(0)
    probed = "the peak probe (median over bursts) of the dtype, and " if ceilings.peaks else ""
    text = (
        f"All {where}, {series.launches_text(points)}. Solid ceilings are measured here: {probed}the fastest "
        f"stream kernel ({ceilings.kernel}). A kernel that computes nothing (copy) has no place on it."
    )
    if any(skinny(s.case) for s in points):
        text += f" Hollow: GEMMs of at most {SKINNY_ROWS} rows (decode)."
    if sheets:
        titles = words.sentence([f"{sheet.title} ({sheet.confidence} confidence)" for sheet in sheets])
        text += f" Dashed: dense peak and bandwidth as published of {titles}."
    return text


def _alt(points: Sequence[Summary], ceilings: Roof) -> str:
    peaks = [f"{dtype} {words.si(peak, 'FLOP/s')}" for dtype, peak in ceilings.peaks.items()]
    closest = []
    groups = (
        [s for s in points if s.case.workload == "gemm" and not skinny(s.case)],
        [s for s in points if skinny(s.case)],
        [s for s in points if s.case.workload not in ("gemm", *STREAMS)],
        [s for s in points if s.case.workload in STREAMS],
    )
    for members in filter(None, groups):
        best = max(members, key=lambda s: achieved(s) / ceilings.over(s))
        share = 100 * achieved(best) / ceilings.over(best)
        closest.append(f"{best.key} of {best.subject} ({share:.0f} % of its roof)")
    measured = words.sentence([*peaks, f"{words.si(ceilings.bandwidth, 'B/s')} of memory bandwidth"])
    return f"Measured ceilings: {measured}. Closest to them: {words.sentence(closest)}."


def _table(points: Sequence[Summary], ceilings: Roof, name: series.Namer) -> Table:
    rows = []
    for s in points:
        slope = intensity(s) * ceilings.bandwidth
        rows.append(
            (
                s.key,
                name(s),
                words.figure(intensity(s)),
                words.figure(achieved(s) / 1e9),
                words.figure(ceilings.over(s) / 1e9),
                "arithmetic" if ceilings.over(s) < slope else "memory",
            )
        )
    header = ("case", "subject", "FLOP per byte", "rate (GFLOP/s)", "roof (GFLOP/s)", "bound by")
    return Table(header, tuple(rows))
