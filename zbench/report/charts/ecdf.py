"""The distribution of the smallest message's latency: every sample, nothing dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zbench.judge.summary import Summary
from zbench.records.schema import Record
from zbench.report import series, style, words
from zbench.report.chart import Chart, Missing, Table

NAME = "latency-distribution"
TITLE = "How often is the smallest message on time?"
STEPS = 400
"""Points a curve is drawn with; more are not seen and make the page heavy. The extremes are kept."""
QUANTILES = (0.5, 0.9, 0.99, 0.999)
LEAST_BEYOND = 10
"""Samples that must lie beyond a quantile before it is printed as a description of the sample."""

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """A latency that somebody claimed."""

    claim: str
    value_s: float


@dataclass(frozen=True)
class Curve:
    """One fabric's samples in seconds per operation, sorted, by launch and together."""

    summary: Summary
    launches: list[Times]
    times: Times

    def quantile(self, q: float) -> float | None:
        """The order statistic, or None where too few samples lie beyond it."""
        if len(self.times) * (1 - q) < LEAST_BEYOND:
            return None
        return float(self.times[int(np.ceil(q * len(self.times))) - 1])

    def share(self, limit_s: float) -> float:
        """The part of the samples at or below the limit."""
        return float(np.searchsorted(self.times, limit_s, side="right") / len(self.times))


def latency_ecdf(
    summaries: Sequence[Summary], records: Sequence[Record], limits: Sequence[Limit]
) -> Chart | Missing:
    """Distribution of the smallest ping-pong of each fabric, with the claimed latencies as lines."""
    points = series.of_workload(summaries, "pingpong")
    smallest = min((s.case.size[0] for s in points), default=0)
    bursts = series.bursts(records)
    curves = []
    for s in (s for s in points if s.case.size[0] == smallest and s.sheet is None):
        launches = [np.sort(series.ns_per_operation(r)) / 1e9 for r in series.bursts_of(bursts, s)]
        if launches:
            curves.append(Curve(s, launches, np.sort(np.concatenate(launches))))
    if not curves:
        return Missing(NAME, TITLE, "no samples of a ping-pong with a right answer")
    name = series.namer([c.summary for c in curves])
    subjects = series.subjects(summaries, "fabric")
    worlds = sorted({c.summary.ranks for c in curves})
    labels = [name(c.summary) + (f", {c.summary.ranks} ranks" if len(worlds) > 1 else "") for c in curves]
    notes = [_note(c) for c in curves]

    with style.house_style():
        figure, (axes,) = style.panels(1, style.margin_for(labels + notes), width=4.9, height=3.0)
        ends = [*(c.times[i] for c in curves for i in (0, -1)), *(limit.value_s for limit in limits)]
        style.log_unit_axis(axes, "s", "x", min(ends) / 1.3, max(ends) * 1.3)
        axes.set_ylim(0, 1.04)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])
        axes.set_ylabel("% of samples at or below")
        axes.set_xlabel(f"half round trip of {words.size(smallest)}  (lower is better)")
        looks = []
        for curve in curves:
            look = style.look(subjects.index(curve.summary.subject), worlds.index(curve.summary.ranks))
            looks.append(look)
            for times in curve.launches:
                axes.step(*_steps(times), where="post", color=look.color, linewidth=0.6, alpha=0.45)
            axes.step(
                *_steps(curve.times), where="post", color=look.color, linestyle=look.linestyle, linewidth=2.0
            )
            axes.plot([float(np.median(curve.times))], [0.5], linestyle="none", zorder=4, **look.mark())
        for limit in {limit.value_s: limit for limit in limits}.values():
            axes.axvline(limit.value_s, color=style.INK, linewidth=1.2, linestyle=style.LINESTYLES[1])
            axes.annotate(
                f"claimed {words.si(limit.value_s, 's')}",
                (limit.value_s, 0.02),
                (-4, 0),
                textcoords="offset points",
                rotation=90,
                ha="right",
                va="bottom",
            )
        style.label_ends(
            axes,
            [
                style.EndLabel(float(curve.times[-1]), 0.97, f"{label}\n{note}", look)
                for curve, label, note, look in zip(curves, labels, notes, looks, strict=True)
            ],
            gap_points=2.6 * style.LABEL_GAP_POINTS,
            leaders=False,
        )
        caption = _caption(curves) + series.left_out(summaries, "pingpong")
        alt = _alt(curves, labels, smallest, limits)
        return style.to_chart(figure, NAME, TITLE, alt, caption, _table(curves, labels, limits))


def _steps(times: Times) -> tuple[Times, Times]:
    """x and y of the empirical distribution, thinned to STEPS points."""
    ranks = np.unique(np.linspace(0, len(times) - 1, min(STEPS, len(times))).round().astype(int))
    return (
        np.concatenate([times[:1], times[ranks]]),
        np.concatenate([[0.0], (ranks + 1) / len(times)]),
    )


def _note(curve: Curve) -> str:
    """The median, and the highest quantile that the sample supports."""
    texts = [f"p50 {words.si(float(np.median(curve.times)), 's')}"]
    p99 = curve.quantile(0.99)
    if p99 is not None:
        texts.append(f"p99 {words.si(p99, 's')}")
    return ", ".join(texts)


def _caption(curves: Sequence[Curve]) -> str:
    texts = []
    for curve in curves:
        s = curve.summary
        text = f"{s.subject}: {len(curve.times)} samples in {words.counted(len(curve.launches), 'launch')}"
        if s.batch > 1:
            text += (
                f", each the mean of {s.batch} round trips, so that single slow messages are averaged away"
            )
        texts.append(text)
    return f"Thick: all launches together; thin: each launch. {'; '.join(texts)}."


def _alt(curves: Sequence[Curve], labels: Sequence[str], size: int, limits: Sequence[Limit]) -> str:
    texts = []
    for curve, label in zip(curves, labels, strict=True):
        text = f"{label} {_note(curve)}"
        for limit in limits:
            share, claimed = 100 * curve.share(limit.value_s), words.si(limit.value_s, "s")
            text += f", {share:.4g} % of samples within the claimed {claimed}"
        texts.append(text)
    return f"Half round trip of {words.size(size)}: {'; '.join(texts)}."


def _table(curves: Sequence[Curve], labels: Sequence[str], limits: Sequence[Limit]) -> Table:
    rows = []
    for curve, label in zip(curves, labels, strict=True):
        quantiles = [curve.quantile(q) for q in QUANTILES]
        rows.append(
            (
                label,
                str(len(curve.times)),
                str(curve.summary.batch),
                *("-" if q is None else words.figure(q * 1e6) for q in quantiles),
                words.figure(float(curve.times[-1]) * 1e6),
                *(f"{100 * curve.share(limit.value_s):.4g}" for limit in limits),
            )
        )
    return Table(
        (
            "subject",
            "samples",
            "operations a sample",
            *(f"p{100 * q:g} (µs)" for q in QUANTILES),
            "largest (µs)",
            *(f"% within {words.si(limit.value_s, 's')} ({limit.claim})" for limit in limits),
        ),
        tuple(rows),
    )
