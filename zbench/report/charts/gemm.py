"""GEMM rate against size, as share of what the card's own peak probe reached beside each burst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zbench.judge.summary import Summary
from zbench.records.schema import Record
from zbench.report import series, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import NO_FLOORS, Floors, Point, draw_line, height_for, look_of, noise_caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "gemm"
TITLE = "How close does GEMM come to this card's measured peak?"

Lines = dict[tuple[str, str, int], list[Summary]]
"""(dtype, subject's name, threads) -> summaries by size."""


def gemm_share(
    summaries: Sequence[Summary], records: Sequence[Record], floors: Floors = NO_FLOORS
) -> Chart | Missing:
    """Square, untransposed GEMMs; one panel per dtype on the same axes, threads told by line and fill."""
    points = [
        s for s in series.of_workload(summaries, "gemm") if _square(s) and s.fraction_of_peak is not None
    ]
    if not points:
        return Missing(NAME, TITLE, "no square GEMM with a peak probe beside it gave a right answer")
    name = series.namer(points)
    bursts = series.bursts(records)
    subjects = series.subjects(summaries, "card")
    threads = sorted({s.case.threads for s in points})
    points.sort(key=lambda s: (s.case.dtype, subjects.index(s.subject), s.case.threads, s.case.size))
    lines: Lines = series.group(points, lambda s: (s.case.dtype, name(s), s.case.threads))
    dtypes = sorted({dtype for dtype, _, _ in lines})
    labels = {key: _label(key[1], key[2], len(threads) > 1) for key in lines}

    with style.house_style():
        most = max(sum(key[0] == dtype for key in lines) for dtype in dtypes)
        margin, height = style.margin_for(list(labels.values())), height_for(most, 2.85)
        figure, axes = style.panels(len(dtypes), margin, height=height, top=0.62)
        top = max(
            [
                1.0,
                *(v for s in points for v in [s.fraction_of_peak or 0, *series.launch_fractions(bursts, s)]),
            ]
        )
        for dtype, panel in zip(dtypes, axes, strict=True):
            panel.set_title(dtype)
            _axis(panel, sorted({s.case.size[0] for s in points}), top, panel is axes[0])
            ends = []
            for key, members in lines.items():
                if key[0] == dtype:
                    look = look_of(members[0], subjects, threads.index(key[2]))
                    draw_line(panel, [_point(s, bursts) for s in members], look, floors.get("card"))
                    last = members[-1]
                    ends.append(
                        style.EndLabel(last.case.size[0], last.fraction_of_peak or 0, labels[key], look)
                    )
            style.label_ends(panel, ends)
        caption = _caption(points) + noise_caption(floors, "card") + series.left_out(summaries, "gemm")
        return style.to_chart(figure, NAME, TITLE, _alt(lines), caption, _table(points, name))


def _square(summary: Summary) -> bool:
    m, n, k = summary.case.size
    return m == n == k and summary.case.get("transa") == "n" and summary.case.get("transb") == "n"


def _label(name: str, threads: int, several: bool) -> str:
    return f"{name}, {words.counted(threads, 'thread')}" if several else name


def _point(s: Summary, bursts: series.Bursts) -> Point:
    share, interval = s.fraction_of_peak or 0.0, None
    if s.value and s.value_interval:
        low, high = (bound / s.value * share for bound in s.value_interval)
        interval = low, high
    return Point(s.case.size[0], share, interval, series.launch_fractions(bursts, s))


def _axis(panel: Axes, sizes: Sequence[int], top: float, first: bool) -> None:
    panel.set_xscale("log", base=2)
    panel.set_xticks(sizes, [str(n) for n in sizes])
    panel.set_xticks([], minor=True)
    panel.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.25)
    panel.set_xlabel("n  (n x n x n)")
    panel.set_ylim(0, top * 1.1)
    panel.set_yticks(
        [0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20", "40", "60", "80", "100"] if first else [""] * 6
    )
    if first:
        panel.set_ylabel("% of measured peak  (higher is better)")
    panel.axhline(1.0, color=style.INK, linewidth=1.2)
    panel.text(
        sizes[0] / 1.2, 1.01, "peak probe beside each burst", va="bottom", ha="left", color=style.MUTED
    )


def _alt(lines: Lines) -> str:
    """What each subject reaches at the largest size, per dtype and threads."""
    findings = []
    for (dtype, threads), keys in series.group(lines, lambda key: (key[0], key[2])).items():
        n = max(s.case.size[0] for key in keys for s in lines[key])
        at_n = [(key[1], s) for key in keys for s in lines[key] if s.case.size[0] == n]
        reached = [f"{name} {100 * (s.fraction_of_peak or 0):.0f} %" for name, s in at_n]
        findings.append(f"{dtype}, {words.counted(threads, 'thread')}, n = {n}: {words.sentence(reached)}")
    return f"Share of measured peak reached by GEMM: {'; '.join(findings)}."


def _caption(points: Sequence[Summary]) -> str:
    return (
        f"{series.caption(points)} A rate counts 2 n³ operations; "
        "100 % is the mean of the peak probes right before and after each burst."
    )


def _table(points: Sequence[Summary], name: series.Namer) -> Table:
    rows = [
        (
            s.case.dtype,
            name(s),
            str(s.case.threads),
            str(s.case.size[0]),
            *series.with_interval(s, 1e9),
            f"{100 * (s.fraction_of_peak or 0):.1f}",
            str(s.launches),
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
        ),
        tuple(rows),
    )
