"""Scaling efficiency against ranks, the ideal at 1: a log-log speed-up would hide a loss of 30 %."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zbench.judge.ratios import Pairs
from zbench.judge.scaling import Efficiency, Scaling
from zbench.judge.summary import Summary
from zbench.report import series, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import NO_FLOORS, Floors, Point, draw_line, height_for, noise_caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "scaling-efficiency"
TITLE = "How much of each rank is left when ranks are added?"
KINDS = {"weak": "weak: same work on every rank", "strong": "strong: one piece of work shared out"}

Lines = dict[tuple[str, str, str], list[Efficiency]]
"""(kind, subject, key on one rank) -> by ranks."""


def efficiency(scaling: Scaling, summaries: Sequence[Summary], floors: Floors = NO_FLOORS) -> Chart | Missing:
    """One panel for weak and one for strong scaling on the same axes; dots are single blocks."""
    points = sorted(scaling.efficiencies, key=lambda e: (e.kind != "weak", e.subject, e.key_one, e.ranks))
    if not any(e.ranks > 1 for e in points):
        return Missing(NAME, TITLE, "no training step was measured on one rank and on more")
    lines: Lines = series.group(points, lambda e: (e.kind, e.subject, e.key_one))
    kinds = [kind for kind in KINDS if any(e.kind == kind for e in points)]
    names = list(dict.fromkeys((e.subject, e.key_one) for e in points))
    several = len({key for _, key in names}) > 1
    labels = {line: words.short(line[1]) + (f" {_shape(line[2])}" if several else "") for line in lines}
    each = {id(e): launch_efficiencies(e, summaries) for e in points}
    top = max([1.0, *(value for e in points for value in (e.value, *each[id(e)]))])

    with style.house_style():
        most = max(sum(line[0] == kind for line in lines) for kind in kinds)
        margin, height = style.margin_for(list(labels.values())), height_for(most, 2.85)
        figure, axes = style.panels(len(kinds), margin, height=height, top=0.62)
        for kind, panel in zip(kinds, axes, strict=True):
            panel.set_title(KINDS[kind])
            _axis(panel, sorted({e.ranks for e in points}), top, panel is axes[0])
            ends = []
            for line, members in lines.items():
                if line[0] != kind:
                    continue
                look = style.look(names.index(line[1:]))
                drawn = [Point(e.ranks, e.value, e.interval, each[id(e)]) for e in members]
                draw_line(panel, drawn, look, floors.get("scaling"))
                ends.append(style.EndLabel(members[-1].ranks, members[-1].value, labels[line], look))
            style.label_ends(panel, ends)
        caption = _caption(points) + noise_caption(floors, "scaling") + series.left_out(summaries, "step")
        return style.to_chart(figure, NAME, TITLE, _alt(lines, labels), caption, _table(points))


def launch_efficiencies(point: Efficiency, summaries: Sequence[Summary]) -> list[float]:
    """The efficiency in each block: T(1) over T(p) of launches of the same block, over p where strong."""
    found = {(s.subject, s.key): s for s in summaries if s.variant == point.variant or s.key == point.key_one}
    one, many = found.get((point.subject, point.key_one)), found.get((point.subject, point.key))
    if one is None or many is None:
        return []
    pairs = Pairs(many, one)
    work = 1 if point.kind == "weak" else point.ranks
    return [t_one / t_many / work for t_many, t_one in zip(pairs.of, pairs.to, strict=True)]


def _shape(key: str) -> str:
    return key.split("/")[2]


def _axis(panel: Axes, ranks: Sequence[int], top: float, first: bool) -> None:
    panel.set_xscale("log", base=2)
    panel.set_xticks(ranks, [str(p) for p in ranks])
    panel.set_xticks([], minor=True)
    panel.set_xlim(ranks[0] / 1.25, ranks[-1] * 1.25)
    panel.set_xlabel("ranks")
    panel.set_ylim(0, top * 1.1)
    ticks = [0, 0.25, 0.5, 0.75, 1.0]
    panel.set_yticks(ticks, [f"{tick:g}" if first else "" for tick in ticks])
    if first:
        panel.set_ylabel("parallel efficiency  (higher is better)")
    panel.axhline(1.0, color=style.INK, linewidth=1.2)
    panel.annotate(
        "ideal",
        (ranks[-1] * 1.2, 1.0),
        (0, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=style.MUTED,
    )


def _alt(lines: Lines, labels: dict[tuple[str, str, str], str]) -> str:
    texts = []
    for line, members in lines.items():
        last = members[-1]
        text = f"{labels[line]} keeps {100 * last.value:.0f} % on {last.ranks} ranks ({line[0]} scaling)"
        causes = [(cause, part) for cause, part in last.loss.items() if part > 0]
        if causes:
            cause, part = max(causes, key=lambda pair: pair[1])
            text += f", most of the loss being {cause} ({100 * part:.0f} % of the ideal time)"
        texts.append(text)
    return f"Parallel efficiency: {'; '.join(texts)}."


def _caption(points: Sequence[Efficiency]) -> str:
    launches = max(e.launches for e in points)
    return (
        f"Markers: median over {words.counted(launches, 'block')} with its interval; dots: single blocks. "
        "Efficiency is T(1)/T(p), and T(1)/(p T(p)) where one piece of work is shared out, paired in blocks."
    )


def _table(points: Sequence[Efficiency]) -> Table:
    causes = list(dict.fromkeys(cause for e in points for cause in e.loss))
    rows = [
        (
            e.kind,
            e.subject,
            e.key,
            str(e.ranks),
            words.figure(e.value),
            "-" if e.interval is None else f"{words.figure(e.interval[0])} to {words.figure(e.interval[1])}",
            words.figure(e.speedup),
            words.figure(e.serial_fraction),
            *(f"{100 * e.loss[cause]:.1f}" if cause in e.loss else "-" for cause in causes),
            str(e.launches),
        )
        for e in points
    ]
    header = (
        "scaling",
        "subject",
        "case",
        "ranks",
        "efficiency",
        "interval",
        "speed-up",
        "Karp-Flatt serial part",
    )
    losses = tuple(f"{cause} (% of ideal time)" for cause in causes)
    return Table((*header, *losses, "blocks"), tuple(rows))
