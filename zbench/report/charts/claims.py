"""The claims, as measured over claimed: how far, which way, and how sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zbench.judge.claims import Claim
from zbench.judge.verdicts import Verdict
from zbench.report import style, words
from zbench.report.chart import Chart, Missing, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "claims"
TITLE = "How far from what was claimed is what was measured?"
ROW, ROOM, GAP, BOTTOM, TOP = 0.46, 0.16, 0.8, 0.5, 0.62
"""Inches: a claim's row, the room around rows, between the panels, below and above."""
SETTLED = ("MET", "NOT MET")
LEAST_REACH = 1.6
"""The axis shows at least this factor either side of 1, so that a near miss does not look like a gulf."""


@dataclass(frozen=True)
class Row:
    """One claim with a figure, on the axis of its panel: from `base` to `at`, to be held against `line`."""

    claim: Claim
    verdict: Verdict
    base: float
    line: float
    at: float | None
    interval: tuple[float, float] | None


def claims(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> Chart | Missing:
    """Two panels: figures as a multiple of what was claimed, ratios as a multiple of their baseline."""
    by_id = {verdict.claim: verdict for verdict in verdicts}
    judged = [(claim, by_id[claim.id]) for claim in claims if claim.id in by_id]
    if not judged:
        return Missing(NAME, TITLE, "no claims were judged")
    with_figure = [(claim, verdict) for claim, verdict in judged if claim.limit > 0]
    without = [claim.id for claim, _ in judged if claim.limit <= 0]
    figures = [_figure(claim, verdict) for claim, verdict in with_figure if not claim.is_ratio]
    ratios = [_ratio(claim, verdict) for claim, verdict in with_figure if claim.is_ratio]
    groups = [
        (rows, title, label)
        for rows, title, label in (
            (
                figures,
                "Figures",
                "times what was claimed, turned so that right of 1 holds",
            ),
            (ratios, "Ratios", "measured ratio to the baseline  (1: no difference)"),
        )
        if rows
    ]
    if not groups:
        return Missing(NAME, TITLE, "no claim in this file has a figure to be held against")

    with style.house_style():
        rows = figures + ratios
        left = 0.35 + 0.077 * max(len(row.claim.id) for row in rows)
        right = style.margin_for([text for row in rows for text in _texts(row)])
        heights = [ROW * len(group) + ROOM for group, _, _ in groups]
        width, height = left + 3.9 + right, sum(heights) + GAP * (len(groups) - 1) + BOTTOM + TOP
        figure = style.new_figure(width, height)
        bottom = height - TOP
        for (group, title, label), panel_height in zip(groups, heights, strict=True):
            bottom -= panel_height
            box = (left / width, bottom / height, 3.9 / width, panel_height / height)
            axes = figure.add_axes(box)
            axes.set_title(title)
            axes.set_xlabel(label)
            _draw(axes, group)
            bottom -= GAP
        caption = _caption(without)
        return style.to_chart(figure, NAME, TITLE, _alt(rows), caption, _table(judged))


def _figure(claim: Claim, verdict: Verdict) -> Row:
    """On an axis where 1 is the claim and right of it holds, whichever way better is."""
    flip = claim.operator in ("<=", "<")

    def place(measured: float) -> float:
        return claim.limit / measured if flip else measured / claim.limit

    at = place(verdict.measured) if verdict.measured else None
    interval = None
    if verdict.measured_interval and all(bound > 0 for bound in verdict.measured_interval):
        low, high = sorted(map(place, verdict.measured_interval))
        interval = (low, high)
    return Row(claim, verdict, 1.0, 1.0, at, interval)


def _ratio(claim: Claim, verdict: Verdict) -> Row:
    interval = verdict.measured_interval
    usable = interval if interval and all(bound > 0 for bound in interval) else None
    return Row(claim, verdict, 1.0, claim.limit, verdict.measured or None, usable)


def _draw(axes: Axes, rows: Sequence[Row]) -> None:
    reach = [LEAST_REACH, *(abs_ratio(row.line) for row in rows)]
    reach += [abs_ratio(x) for row in rows for x in (row.at, *(row.interval or ())) if x]
    farthest = max(reach) * 1.25
    lowest = min([1.0, *(x for row in rows for x in (row.at, *(row.interval or ())) if x)])
    axes.set_xscale("log")
    axes.set_xlim(lowest / 1.35 if lowest < 1 else 1 / LEAST_REACH, farthest)
    low, high = axes.get_xlim()
    ticks = [m * 10.0**e for e in range(-9, 10) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    if len(ticks) > 9:
        ticks = [tick for tick in ticks if math.log10(tick).is_integer()]
    axes.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylim(len(rows) - 0.5 + ROOM / ROW / 2, -0.5 - ROOM / ROW / 2)
    axes.set_yticks(range(len(rows)), [row.claim.id for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.axvline(1.0, color=style.INK, linewidth=1.2)
    for i, row in enumerate(rows):
        _bar(axes, i, row)
        first, second = _texts(row)
        place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "left"}
        axes.text(1.03, i - 0.04, first, va="bottom", fontweight="bold", **place)
        axes.text(1.03, i + 0.05, second, va="top", color=style.MUTED, **place)


def _bar(axes: Axes, i: int, row: Row) -> None:
    """A bar from the base to the measured figure, the claim as a stroke across its row.

    Filled where the verdict is settled, outlined where the figure settles nothing.
    """
    color = style.SERIES[0]
    axes.plot([row.line, row.line], [i - 0.4, i + 0.4], color=style.SERIES[1], linewidth=2.4, zorder=3)
    if row.line != 1.0:
        low, high = axes.get_xlim()
        crowded = row.line > math.sqrt(low * high)
        axes.annotate(
            f"claimed {row.line:g}x",
            (row.line, i - 0.31),
            (-5 if crowded else 5, 0),
            textcoords="offset points",
            ha="right" if crowded else "left",
            va="center",
            color=style.MUTED,
        )
    if row.at is None:
        return
    left, right = sorted((row.base, row.at))
    filled = row.verdict.verdict in SETTLED
    axes.barh(
        i,
        right - left,
        left=left,
        height=0.34,
        color=color if filled else style.PAPER,
        edgecolor=color,
        linewidth=1.3,
        zorder=2,
    )
    if row.interval:
        axes.plot(row.interval, [i, i], color=style.INK, linewidth=1.6, zorder=4)
        for bound in row.interval:
            axes.plot([bound, bound], [i - 0.11, i + 0.11], color=style.INK, linewidth=1.6, zorder=4)


def abs_ratio(x: float) -> float:
    """How far from 1, as a factor of at least 1."""
    return max(x, 1 / x)


def _texts(row: Row) -> tuple[str, str]:
    figure = f"{words.found(row.verdict, row.claim)}, claimed {words.claimed(row.claim)}"
    return words.marked(row.verdict.verdict), figure


def _alt(rows: Sequence[Row]) -> str:
    texts = [f"{row.claim.id} {row.verdict.verdict} ({_texts(row)[1]})" for row in rows]
    return f"Measured against claimed: {'; '.join(texts)}."


def _caption(without: Sequence[str]) -> str:
    text = (
        "Figures are measured over claimed, and claimed over measured where the claim says at most. "
        "Orange stroke: the claim. Blue bar: from no difference (1) to the measured figure, filled where it "
        "settles the claim, outlined where it does not; black: its interval. No bar: not measured."
    )
    if without:
        text += f" Without a figure to hold against, so not drawn: {words.sentence(list(without))}."
    return text


def _table(judged: Sequence[tuple[Claim, Verdict]]) -> Table:
    rows = []
    for claim, verdict in judged:
        interval = verdict.measured_interval
        rows.append(
            (
                claim.id,
                claim.text,
                words.claimed(claim) if claim.limit > 0 else "no figure",
                words.found(verdict, claim),
                "-" if interval is None else " to ".join(words.in_terms_of(claim, x) for x in interval),
                verdict.verdict,
                verdict.evidence or "-",
            )
        )
    return Table(("claim", "text", "claimed", "measured", "interval", "verdict", "evidence"), tuple(rows))
