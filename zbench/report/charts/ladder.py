"""The precision ladder: what each dtype gives over fp32 on the same card, and what a data sheet promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, floor, log2
from typing import TYPE_CHECKING

from zbench.judge.datasheets import DataSheet
from zbench.judge.summary import Summary
from zbench.report import series, shapes, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import height_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "precision-ladder"
TITLE = "What does a narrower dtype give over fp32?"
BASE = "fp32"
PLACE_INCHES = 0.62
RING = 8.5
"""Size of a data sheet's mark: a ring around a measured one that agrees with it."""

Best = dict[str, dict[str, Summary]]
"""subject -> dtype -> its fastest GEMM."""


def best_gemms(summaries: Sequence[Summary]) -> Best:
    """The fastest GEMM of each dtype, of every card that has one in fp32."""
    found: Best = {}
    for s in shapes.real(series.of_workload(summaries, "gemm")):
        by_dtype = found.setdefault(s.subject, {})
        if (s.value or 0.0) > (by_dtype[s.case.dtype].value or 0.0 if s.case.dtype in by_dtype else 0.0):
            by_dtype[s.case.dtype] = s
    return {subject: by_dtype for subject, by_dtype in found.items() if BASE in by_dtype}


def multiple(by_dtype: Mapping[str, Summary], dtype: str) -> float:
    return (by_dtype[dtype].value or 0.0) / (by_dtype[BASE].value or 1.0)


def promised(sheet: DataSheet | None, dtype: str) -> float | None:
    """The same of the data sheet's dense peaks, where both are known."""
    figure, base = (sheet.rate(dtype), sheet.rate(BASE)) if sheet else (None, None)
    return figure.value / base.value if figure and base else None


def ladder(summaries: Sequence[Summary], sheets: Mapping[str, DataSheet]) -> Chart | Missing:
    """Best rate per dtype over the same card's fp32; hollow: the data sheet of a matched card."""
    best = best_gemms(summaries)
    dtypes = sorted({dtype for by_dtype in best.values() for dtype in by_dtype}, key=shapes.precision)
    if len(dtypes) < 2:
        return Missing(NAME, TITLE, "needs GEMMs of one card in fp32 and in another dtype")
    subjects = series.subjects(summaries, "card")
    drawn = sorted(best, key=subjects.index)
    name = series.namer([by_dtype[BASE] for by_dtype in best.values()])
    labels = {subject: name(best[subject][BASE]) for subject in drawn}

    with style.house_style():
        figure, (axes,) = style.panels(
            1,
            style.margin_for(list(labels.values())),
            width=max(3.0, PLACE_INCHES * len(dtypes)),
            height=height_for(len(labels), 2.85),
        )
        _axis(axes, dtypes, _all(best, sheets, dtypes))
        ends = []
        for i, subject in enumerate(drawn):
            look = style.look(subjects.index(subject))
            offset = (i + 0.5) / len(drawn) * 0.7 - 0.35
            have = [dtype for dtype in dtypes if dtype in best[subject]]
            xs = [dtypes.index(dtype) + offset for dtype in have]
            ys = [multiple(best[subject], dtype) for dtype in have]
            told = [(x, y) for x, d in zip(xs, have, strict=True) if (y := promised(sheets.get(subject), d))]
            ring = style.hollow(look).mark() | {"markersize": RING, "linestyle": "none"}
            axes.plot([x for x, _ in told], [y for _, y in told], zorder=2.5, **ring)
            axes.plot(xs, ys, zorder=3, **replace(look, fillstyle="full").mark() | {"linestyle": "none"})
            ends.append(style.EndLabel(xs[-1], ys[-1], labels[subject], replace(look, fillstyle="full")))
        style.label_ends(axes, ends)
        caption = _caption(best, sheets, summaries)
        return style.to_chart(
            figure,
            NAME,
            TITLE,
            _alt(best, drawn, dtypes, labels),
            caption,
            _table(best, sheets, dtypes, labels),
        )


def _all(best: Best, sheets: Mapping[str, DataSheet], dtypes: Sequence[str]) -> list[float]:
    measured = [multiple(by_dtype, dtype) for by_dtype in best.values() for dtype in by_dtype]
    told = [
        promised(sheets.get(subject), dtype) for subject in best for dtype in dtypes if dtype in best[subject]
    ]
    return measured + [value for value in told if value]


def _axis(axes: Axes, dtypes: Sequence[str], values: Sequence[float]) -> None:
    low, high = floor(log2(min(values)) - 0.2), ceil(log2(max(values)) + 0.2)
    axes.set_yscale("log", base=2)
    axes.set_ylim(2.0**low, 2.0**high)
    ticks = [2.0**power for power in range(low, high + 1)]
    axes.set_yticks(ticks, [f"{tick:g}x" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_xlim(-0.5, len(dtypes) - 0.5)
    axes.set_xticks(range(len(dtypes)), dtypes)
    axes.grid(visible=False, axis="x")
    for i in range(1, len(dtypes)):
        axes.axvline(i - 0.5, color=style.RULE, linewidth=0.6)
    axes.axhline(1.0, color=style.INK, linewidth=1.2)
    axes.set_ylabel("rate over the same card's fp32")


def _alt(best: Best, drawn: Sequence[str], dtypes: Sequence[str], labels: Mapping[str, str]) -> str:
    told = []
    for subject in drawn:
        gains = [
            f"{dtype} {multiple(best[subject], dtype):.3g}x"
            for dtype in dtypes
            if dtype in best[subject] and dtype != BASE
        ]
        told.append(
            f"{labels[subject]}: {words.sentence(gains)}" if gains else f"{labels[subject]}: fp32 only"
        )
    return f"Best GEMM rate over that in fp32. {'; '.join(told)}."


def _caption(best: Best, sheets: Mapping[str, DataSheet], summaries: Sequence[Summary]) -> str:
    members = [s for by_dtype in best.values() for s in by_dtype.values()]
    text = f"The fastest GEMM of each dtype, whatever its size and threads ({series.launches_text(members)})."
    titles = sorted({sheet.title for subject, sheet in sheets.items() if subject in best})
    if titles:
        text += f" Hollow: dense peaks of the data sheet of {words.sentence(titles)}, over its own fp32."
    without = sorted({s.subject for s in series.of_workload(summaries, "gemm")} - set(best))
    if without:
        text += f" Without fp32, so not drawn: {words.sentence(without)}."
    return text + series.left_out(summaries, "gemm")


def _table(
    best: Best, sheets: Mapping[str, DataSheet], dtypes: Sequence[str], labels: Mapping[str, str]
) -> Table:
    rows = [
        (
            labels[subject],
            dtype,
            words.figure((best[subject][dtype].value or 0.0) / 1e9),
            words.figure(multiple(best[subject], dtype)),
            words.figure(promised(sheets.get(subject), dtype)),
            best[subject][dtype].key,
        )
        for subject in labels
        for dtype in dtypes
        if dtype in best[subject]
    ]
    return Table(
        ("subject", "dtype", "best rate (GFLOP/s)", "x fp32", "x fp32, data sheet", "case"), tuple(rows)
    )
