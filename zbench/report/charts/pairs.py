"""Which pair of ranks is slow? A map of all pairs, a panel for each case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zbench.judge.pairs import PairMap
from zbench.report import pairs, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.workloads import workload

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Colormap

NAME = "pairs"
TITLE = "Which pair of ranks is slow?"
LEAST_WIDTH, MOST_WIDTH, CELL = 2.3, 4.4, 0.3
"""Inches of a map, and of a cell as long as it fits."""
RIGHT = 1.1
"""Inches beside a map: the scale of its colours."""
WRITTEN_UP_TO = 12
"""Ranks whose cells have room for a figure."""
LABELS = 16
"""Ranks that are numbered on an axis; of more only some."""
FAST, SLOW = "#f2f5f8", "#00305c"
"""The ramp: one hue from light to dark, so that it reads in grey and for any sight. A slow cell is framed,
too."""
DARK_FROM = 0.5
"""Of the ramp, from which on ink is hard to read."""
DARK_TEXT, LIGHT_TEXT = "#1b1f25", "#fffffe"
"""On cells, whose colours are the same on a dark page: neither is a token of the page."""
DRAWN_UP_TO = 24
"""Ranks; the cells of more are a picture inside the picture, which is a tenth as large."""
LEAST_SPAN = 1.05
"""Slowest over fastest that the ramp spans at least, so that noise does not look like a finding."""
Times = NDArray[np.float64]


def pair_map(maps: Sequence[PairMap]) -> Chart | Missing:
    """Who sends (or begins) down, who receives across; the darker, the slower."""
    maps = [found for found in maps if found.links]
    if not maps:
        return Missing(NAME, TITLE, "all pairs of three ranks or more were not measured")
    width = min(MOST_WIDTH, max(LEAST_WIDTH, CELL * max(found.ranks for found in maps)))
    with style.house_style():
        figure, axes = style.panels(
            len(maps),
            RIGHT,
            columns=2 if width < MOST_WIDTH else 1,
            left=0.62,
            width=width,
            height=width,
            bottom=0.62,
            top=0.72,
        )
        for panel, found in zip(axes, maps, strict=True):
            _draw(panel, found)
        return style.to_chart(figure, NAME, TITLE, _alt(maps), _caption(maps), _table(maps))


def grid(found: PairMap) -> Times:
    """Times in ns, shape (ranks, ranks); NaN where no such pair was measured. Without a direction there and
    back are the same."""
    times = np.full((found.ranks, found.ranks), np.nan)
    for link in found.links:
        times[link.pair] = link.ns
        if not found.directed:
            times[link.pair[::-1]] = link.ns
    return times


def _ramp() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("pairs", [FAST, SLOW])


def _draw(axes: Axes, found: PairMap) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle

    times = grid(found)
    low, high = float(np.nanmin(times)), float(np.nanmax(times))
    norm = LogNorm(low, max(high, low * LEAST_SPAN))
    edges = np.arange(found.ranks + 1) - 0.5
    mesh = axes.pcolormesh(
        edges,
        edges,
        times,
        cmap=_ramp(),
        norm=norm,
        edgecolors=style.PAPER if found.ranks <= DRAWN_UP_TO else "none",
        linewidth=0.4,
        rasterized=found.ranks > DRAWN_UP_TO,
    )
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.grid(visible=False)
    ticks = list(range(0, found.ranks, -(-found.ranks // LABELS)))
    axes.set_xticks(ticks, [str(rank) for rank in ticks])
    axes.set_yticks(ticks, [str(rank) for rank in ticks])
    axes.tick_params(length=0)
    axes.set_xlabel("to rank" if found.directed else "rank")
    axes.set_ylabel("from rank" if found.directed else "rank")
    axes.set_title(f"{found.case.workload}, {words.size(found.case.size[0])}\n{words.short(found.subject)}")
    if found.ranks <= WRITTEN_UP_TO:
        for row, column in np.argwhere(np.isfinite(times)):
            dark = norm(times[row, column]) > DARK_FROM
            text = f"{_value(found, times[row, column]) / _factor(found):.3g}"
            color = LIGHT_TEXT if dark else DARK_TEXT
            axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=color)
    for row, column, height, width in _frames(found):
        corner = (column - 0.5, row - 0.5)
        frame = Rectangle(corner, width, height, fill=False, edgecolor=style.SERIES[1], linewidth=1.6)
        frame.set(zorder=3, clip_on=False)
        axes.add_patch(frame)
    _scale(axes, mesh, found, times)


def _frames(found: PairMap) -> list[tuple[int, int, int, int]]:
    """Around what is slow: (row, column, height, width), whole rows and columns of a rank."""
    frames = []
    for each in found.suspects:
        first, last = each.ranks[0], each.ranks[-1]
        if each.kind == "pair":
            frames.append((first, last, 1, 1))
            frames += [] if found.directed else [(last, first, 1, 1)]
        if each.kind in ("rank", "sender"):
            frames.append((first, 0, 1, found.ranks))
        if each.kind in ("rank", "receiver"):
            frames.append((0, first, found.ranks, 1))
    return frames


def _value(found: PairMap, ns: float) -> float:
    return workload(found.case.workload).value(found.case, ns)


def _factor(found: PairMap) -> float:
    """Of the prefix that the middle pair's figure has."""
    middle = _value(found, float(np.median([link.ns for link in found.links])))
    return float(10.0 ** (3 * np.floor(np.log10(middle) / 3)))


def _scale(axes: Axes, mesh: QuadMesh, found: PairMap, times: Times) -> None:
    """The ramp with figures of the case's own unit, fastest at its light end."""
    inset = axes.inset_axes((1.05, 0.0, 0.05, 1.0))
    axes.figure.colorbar(mesh, cax=inset)
    low, middle, high = (float(f(times)) for f in (np.nanmin, np.nanmedian, np.nanmax))
    apart = [ns for i, ns in enumerate((low, middle, high)) if i == 0 or ns > low * 1.02]
    inset.set_yticks(apart, [pairs.figure(found, ns) for ns in apart])
    inset.set_yticks([], minor=True)
    inset.tick_params(length=2, labelsize=7.5)
    inset.grid(visible=False)
    for spine in inset.spines.values():
        spine.set_visible(False)


def _alt(maps: Sequence[PairMap]) -> str:
    told = []
    for found in maps:
        fastest, slowest = pairs.ends(found)
        text = (
            f"{found.key} of {found.subject}: from {pairs.figure(found, fastest.ns)} "
            f"({pairs.pair(fastest, found)}) to {pairs.figure(found, slowest.ns)} "
            f"({pairs.pair(slowest, found)})"
        )
        named = [pairs.suspect(each, found) for each in found.suspects]
        told.append(f"{text}; slow: {', '.join(named)}." if named else f"{text}; none is named slow.")
    return " ".join(told)


def _caption(maps: Sequence[PairMap]) -> str:
    text = (
        "Median over launches of each pair's median; the darker, the slower, on a logarithmic ramp of each "
        "map's own. A dark row or column is a slow rank, a single dark cell a slow link; what is named slow "
        "is framed. The pairs of a matching ran at the same time."
    )
    if any(found.shared_cores for found in maps):
        text += f" Here {pairs.SHARED}."
    unknown = dict.fromkeys(why for found in maps for why in found.unknown)
    if unknown:
        text += f" Not judged: {'; '.join(unknown)}."
    if cut := [found for found in maps if len(found.links) > pairs.TABLE_PAIRS]:
        text += (
            f" The table has the {pairs.TABLE_PAIRS} slowest pairs of {words.sentence([f.key for f in cut])}."
        )
    return text


def _table(maps: Sequence[PairMap]) -> Table:
    rows = []
    for found in maps:
        slowest = sorted(found.links, key=lambda link: -link.ns)[: pairs.TABLE_PAIRS]
        for link in sorted(slowest, key=lambda link: link.pair):
            p99 = "-" if link.p99_ns is None else words.value(link.p99_ns / 1e9, "s")
            rows.append(
                (
                    found.key,
                    found.subject,
                    pairs.pair(link, found),
                    link.where,
                    words.value(link.ns / 1e9, "s"),
                    p99,
                    pairs.figure(found, link.ns),
                    f"{link.factor:.3g}",
                    str(link.launches),
                )
            )
    header = ("case", "fabric", "ranks", "on", "median time", "p99", "figure", "over the middle", "launches")
    return Table(header, tuple(rows))
