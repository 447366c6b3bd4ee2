"""Latency against message size: half a ping-pong round trip, with the alpha-beta fit."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from zbench.judge.summary import Summary
from zbench.report import series, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.fit import AlphaBeta, alpha_beta
from zbench.report.lines import NO_FLOORS, Floors, draw_line, height_for, look_of, noise_caption, point

NAME = "latency"
TITLE = "How long does one message take?"

Line = tuple[str, int]
"""(subject's name, ranks)"""


def latency(summaries: Sequence[Summary], floors: Floors = NO_FLOORS) -> Chart | Missing:
    """Time against size on logarithmic axes, and the fit t = alpha + n / beta for each fabric."""
    points = [s for s in series.of_workload(summaries, "pingpong") if s.case.size[0] > 0]
    if not points:
        return Missing(NAME, TITLE, "no ping-pong gave a right answer")
    name = series.namer(points)
    subjects = series.subjects(summaries, "fabric")
    points.sort(key=lambda s: (subjects.index(s.subject), s.ranks, s.case.size))
    lines = series.group(points, lambda s: (name(s), s.ranks))
    worlds = sorted({s.ranks for s in points})
    labels = {line: line[0] if len(worlds) == 1 else f"{line[0]}, {line[1]} ranks" for line in lines}
    fits = {
        line: alpha_beta([s.case.size[0] for s in members], [(s.value or 0) * 1e9 for s in members])
        for line, members in lines.items()
    }
    floor = _floor_s(points)
    sizes = sorted({s.case.size[0] for s in points})

    with style.house_style():
        wanted = [text for line, fit in fits.items() for text in (labels[line], _fit_text(fit))]
        height = height_for(round(2.3 * len(lines)), 3.2)
        figure, (axes,) = style.panels(1, style.margin_for(wanted), width=4.9, height=height, left=1.0)
        values = [s.value or 0.0 for s in points]
        each = [value for s in points for value in series.launch_values(s)]
        style.size_axis(axes, sizes)
        lowest = min([*values, *each, *([floor] if floor else [])])
        style.log_unit_axis(axes, "s", low=lowest / 1.8, high=max([*values, *each]) * 1.8)
        axes.set_ylabel("half round trip  (lower is better)")
        ends = []
        for line, members in lines.items():
            look = look_of(members[0], subjects, worlds.index(line[1]))
            draw_line(axes, list(map(point, members)), look, floors.get("fabric"), joined=False)
            fit = fits[line]
            if fit is not None:
                xs = np.geomspace(members[0].case.size[0], members[-1].case.size[0], 80)
                axes.plot(
                    xs,
                    [fit.time_ns(x) / 1e9 for x in xs],
                    color=look.color,
                    linestyle=look.linestyle,
                    linewidth=1.2,
                )
            end = members[-1]
            text = f"{labels[line]}\n{_fit_text(fit)}" if fit else labels[line]
            ends.append(style.EndLabel(end.case.size[0], end.value or 0.0, text, look))
        if floor:
            axes.axhline(floor, color=style.MUTED, linewidth=1.1, linestyle=style.LINESTYLES[2])
            axes.text(
                sizes[-1],
                floor,
                f"floor probe {words.si(floor, 's')}",
                ha="right",
                va="bottom",
                color=style.MUTED,
            )
        style.label_ends(axes, ends, gap_points=2.3 * style.LABEL_GAP_POINTS)
        caption = _caption(points, [fit for fit in fits.values() if fit]) + noise_caption(floors, "fabric")
        caption += series.left_out(summaries, "pingpong")
        return style.to_chart(
            figure, NAME, TITLE, _alt(lines, labels, fits, floor), caption, _table(points, name, fits)
        )


def _floor_s(points: Sequence[Summary]) -> float | None:
    """What the probe says no message can beat, in the same counting: the floor's share of each latency."""
    floors = [
        s.fraction_of_peak * s.value
        for s in points
        if s.fraction_of_peak and s.value and s.probe_unit == "ns"
    ]
    return median(floors) if floors else None


def _fit_text(fit: AlphaBeta | None) -> str:
    if fit is None:
        return ""
    return f"{words.si(fit.alpha_ns / 1e9, 's')} + n / {words.si(fit.beta_bytes_per_s, 'B/s')}"


def _caption(points: Sequence[Summary], fits: Sequence[AlphaBeta]) -> str:
    text = f"{series.caption(points)} "
    if fits:
        worst = max(fit.worst for fit in fits)
        text += (
            f"Lines: t = α + n/β, least relative error; the fit is up to {100 * worst:.0f} % off a point"
            + (": one α and one β do not describe all of these sizes. " if worst > 0.25 else ". ")
        )
    else:
        text += "No fit: it needs three sizes. "
    batched = [s for s in points if s.batch > 1]
    if batched:
        most = max(s.batch for s in batched)
        text += f"Up to {most} round trips make one sample where one is too short for the clock."
    return text.strip()


def _alt(
    lines: dict[Line, list[Summary]],
    labels: dict[Line, str],
    fits: dict[Line, AlphaBeta | None],
    floor: float | None,
) -> str:
    texts = []
    for line, members in lines.items():
        first, last = members[0], members[-1]
        text = f"{labels[line]} takes {_point(first)}"
        if last is not first:
            text += f" and {_point(last)}"
        fit = fits[line]
        if fit is not None:
            text += f" (fit: {_fit_text(fit)})"
        texts.append(text)
    tail = f"; the floor probe says {words.si(floor, 's')}" if floor else ""
    return f"Half round trip: {'; '.join(texts)}{tail}."


def _point(summary: Summary) -> str:
    return f"{words.si(summary.value or 0, 's')} for {words.size(summary.case.size[0])}"


def _table(points: Sequence[Summary], name: series.Namer, fits: dict[Line, AlphaBeta | None]) -> Table:
    rows = []
    for s in points:
        fit = fits[(name(s), s.ranks)]
        rows.append(
            (
                name(s),
                str(s.ranks),
                words.size(s.case.size[0]),
                *series.with_interval(s, 1e-6),
                "-" if fit is None else words.figure(fit.time_ns(s.case.size[0]) / 1e3),
                str(s.batch),
                str(s.launches),
            )
        )
    return Table(
        (
            "subject",
            "ranks",
            "size",
            "half round trip (µs)",
            "interval (µs)",
            "fit (µs)",
            "batch",
            "launches",
        ),
        tuple(rows),
    )
