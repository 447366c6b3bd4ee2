"""Roofline (Williams, Waterman, Patterson, CACM 2009) under ceilings that were measured, not printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from zbench.judge.summary import Summary
from zbench.report import series, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.workloads import workload

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "roofline"
TITLE = "What bounds each kernel: arithmetic or memory?"
STREAMS = ("read", "copy", "triad")


@dataclass(frozen=True)
class Roof:
    """The ceilings of a card at one thread count."""

    threads: int
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
    """The roof at the largest thread count that has both a peak probe and a bandwidth.

    Mixing counts would put points under a roof that is not theirs.
    """
    both = {s.case.threads for s in gemms} & {s.case.threads for s in streams}
    if not both:
        return None
    threads = max(both)
    fastest = max((s for s in streams if s.case.threads == threads), key=lambda s: s.value or 0.0)
    by_dtype = series.group((s for s in gemms if s.case.threads == threads), lambda s: s.case.dtype)
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


def roofline(summaries: Sequence[Summary]) -> Chart | Missing:
    """GEMM and stream kernels under the measured peak of each dtype and the measured bandwidth."""
    gemms = [s for s in series.of_workload(summaries, "gemm") if s.probe and s.probe_unit == "FLOP/s"]
    streams = [s for s in series.of_workload(summaries, *STREAMS) if s.sheet is None]  # ceilings are measured
    ceilings = roof(gemms, streams)
    if ceilings is None:
        why = "needs a GEMM with a peak probe and a stream kernel at the same number of threads"
        return Missing(NAME, TITLE, why)
    subjects = series.subjects(summaries, "card")
    points = [s for s in gemms + streams if s.case.threads == ceilings.threads and intensity(s) > 0]
    points.sort(
        key=lambda s: (
            s.case.workload != "gemm",
            subjects.index(s.subject),
            s.case.dtype,
            s.case.workload,
            s.case.size,
        )
    )
    name = series.namer(points)
    caption = (
        f"All at {words.counted(ceilings.threads, 'thread')}, {series.launches_text(points)}. Ceilings are "
        "measured here: the peak probe (median over bursts) of each dtype, and the fastest stream kernel "
        f"({ceilings.kernel}). A kernel that computes nothing (copy) has no place on it."
        + series.left_out(summaries, "gemm", *STREAMS)
    )
    lines = series.group(points, lambda s: (s.case.workload, name(s), s.case.dtype))
    labels = {key: f"{key[0]} {key[2]}, {key[1]}" for key in lines if key[0] == "gemm"}

    with style.house_style():
        right = style.margin_for(list(labels.values()))
        figure, (axes,) = style.panels(1, right, width=5.0, height=3.3, left=1.15)
        _draw_roof(axes, points, ceilings)
        ends = []
        for key, members in lines.items():
            dtypes = [*ceilings.peaks, key[2]]
            look = style.look(subjects.index(members[0].subject), dtypes.index(key[2]))
            xs, ys = [intensity(s) for s in members], [achieved(s) for s in members]
            axes.plot(xs, ys, linestyle="none", zorder=3, **look.mark())
            if key in labels:
                ends.append(style.EndLabel(xs[-1], ys[-1], labels[key], look))
        kernels = series.group(
            (s for s in points if s.case.workload != "gemm"), lambda s: f"{s.case.workload} {s.case.dtype}"
        )
        _name_kernels(axes, {name: (intensity(s[0]), min(map(achieved, s))) for name, s in kernels.items()})
        style.label_ends(axes, ends)
        alt, table = _alt(points, ceilings), _table(points, ceilings, name)
        return style.to_chart(figure, NAME, TITLE, alt, caption, table)


def _name_kernels(axes: Axes, places: Mapping[str, tuple[float, float]]) -> None:
    """Each kernel's name beside its lowest point, moved up or down where names would touch."""
    axes.figure.canvas.draw()
    scale = axes.figure.dpi / 72
    box = axes.get_window_extent()
    heights = {name: float(axes.transData.transform(place)[1]) - 8 * scale for name, place in places.items()}
    names = sorted(heights, key=lambda name: heights[name])
    room = style.LABEL_GAP_POINTS * scale
    placed = style.spread([heights[name] for name in names], room, box.y0 + room / 2, box.y1)
    for name, height in zip(names, placed, strict=True):
        offset = (height - float(axes.transData.transform(places[name])[1])) / scale
        axes.annotate(name, places[name], (9, offset), textcoords="offset points", ha="left", va="center")


def _draw_roof(axes: Axes, points: Sequence[Summary], ceilings: Roof) -> None:
    """Axes, a horizontal ceiling a dtype, and the slope of the bandwidth up to the highest."""
    ridges = {dtype: peak / ceilings.bandwidth for dtype, peak in ceilings.peaks.items()}
    low = min(map(intensity, points)) / 2.2
    high = max([*map(intensity, points), *ridges.values()]) * 2.2
    rates = [*map(achieved, points), *ceilings.peaks.values()]
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    style.log_unit_axis(axes, "FLOP/s", low=min(rates) / 2, high=max(rates) * 1.8)
    ticks = [2.0**p for p in range(int(np.ceil(np.log2(low))), int(np.floor(np.log2(high))) + 1, 2)]
    axes.set_xticks(ticks, [f"{t:g}" if t >= 1 else f"1/{1 / t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("arithmetic intensity  (FLOP per byte that must move)")
    axes.set_ylabel("achieved rate  (higher is better)")
    for i, (dtype, peak) in enumerate(ceilings.peaks.items()):
        linestyle = style.LINESTYLES[i % len(style.LINESTYLES)]
        axes.plot([ridges[dtype], high], [peak, peak], color=style.INK, linewidth=1.3, linestyle=linestyle)
        axes.annotate(
            f"{dtype} peak {words.si(peak, 'FLOP/s')}",
            (ridges[dtype], peak),
            (-7, 0),
            textcoords="offset points",
            ha="right",
            va="center",
        )
    foot, ridge = (low, low * ceilings.bandwidth), max(ridges.values())
    head = (ridge, ridge * ceilings.bandwidth)
    axes.plot([foot[0], head[0]], [foot[1], head[1]], color=style.INK, linewidth=1.3)
    (x0, y0), (x1, y1) = axes.transData.transform([foot, head])
    middle = (foot[0] * head[0]) ** 0.5
    axes.annotate(
        f"{ceilings.kernel} {words.si(ceilings.bandwidth, 'B/s')}",
        (middle, middle * ceilings.bandwidth),
        (-4, 4),
        textcoords="offset points",
        rotation=float(np.degrees(np.arctan2(y1 - y0, x1 - x0))),
        rotation_mode="anchor",
        ha="center",
        va="bottom",
    )


def _alt(points: Sequence[Summary], ceilings: Roof) -> str:
    peaks = [f"{dtype} {words.si(peak, 'FLOP/s')}" for dtype, peak in ceilings.peaks.items()]
    closest = []
    for kind in (["gemm"], STREAMS):
        members = [s for s in points if s.case.workload in kind]
        if members:
            best = max(members, key=lambda s: achieved(s) / ceilings.over(s))
            share = 100 * achieved(best) / ceilings.over(best)
            closest.append(f"{best.key} of {best.subject} ({share:.0f} % of its roof)")
    return (
        f"Measured ceilings: {words.sentence(peaks)}, and {words.si(ceilings.bandwidth, 'B/s')} of memory "
        f"bandwidth. Closest to them: {words.sentence(closest)}."
    )


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
