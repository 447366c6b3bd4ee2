"""How every algorithm of every operation compares with the fastest: measured, and by the cost model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zbench.judge.choices import Choice, World
from zbench.report import choices, style, words
from zbench.report.chart import Chart, Missing, Table
from zbench.report.lines import height_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "algorithms"
TITLE = "Which algorithm is the fastest, at which size?"
COLUMNS = 2
"""Panels side by side, as many as a page is wide."""
DOTS = style.LINESTYLES[2]
RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 9,
    "markerfacecolor": "none",
    "markeredgecolor": style.INK,
    "markeredgewidth": 0.9,
}
ROOM = 1.25
"""Above and below what is drawn: half a ring."""
PLACES = (
    ("direct", "ring", "recursive-doubling", "rabenseifner", "double-tree", "hierarchical"),
    ("", "binomial", "chain", "bruck", "pairwise", "two-dimensional"),
    ("", "", "dissemination", "scatter-allgather"),
)
"""Algorithms by colour, the same in all panels. Those under each other share a colour and have other
markers; but for the two of an allreduce over groups they do not meet in one panel."""


def algorithms(worlds: Sequence[World]) -> Chart | Missing:
    """A panel for each operation of which several algorithms were tried, on the same axes.

    Over the fastest trial of that size, since between 8 B and 64 MiB times span six decades, on which
    no one sees which of two is faster.
    """
    panels = {
        (operation, world.subject, world.ranks): (world, members)
        for world in worlds
        for operation, members in choices.operations(world).items()
        if members[0].case.size[0] > 0 and any(map(fastest_ns, members))
    }
    if not panels:
        return Missing(NAME, TITLE, "no two algorithms were tried for any case with data")
    panels = dict(sorted(panels.items(), key=lambda item: item[0][0]))  # worlds side by side
    drawn = [choice for _, members in panels.values() for choice in members if fastest_ns(choice)]
    sizes = sorted({choice.case.size[0] for choice in drawn})
    names = sorted({c.algorithm for choice in drawn for c in choice.candidates})
    ratios = [
        ns / fastest_ns(choice)
        for choice in drawn
        for c in choice.candidates
        for ns in (c.trial_ns, c.model_ns)
        if ns
    ]
    alone = len({(subject, ranks) for _, subject, ranks in panels}) == 1

    with style.house_style():
        most = max(
            len({c.algorithm for m in members for c in m.candidates}) for _, members in panels.values()
        )
        figure, axes = style.panels(
            len(panels),
            style.margin_for(names),
            columns=COLUMNS,
            width=3.3,
            height=height_for(most, 1.7),
            top=0.62,
        )
        for number, (panel, (world, members)) in enumerate(zip(axes, panels.values(), strict=True)):
            operation = choices.asked(members[0].case)
            panel.set_title(operation if alone else f"{operation}, {words.short(choices.named(world))}")
            style.size_axis(panel, sizes, most_labels=6)
            low, high = min(ratios) / ROOM, max(ratios) * ROOM
            style.log_unit_axis(panel, "", low=low, high=high)
            panel.yaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}x")
            panel.axhline(1.0, color=style.INK, linewidth=0.8, zorder=1)
            if number % COLUMNS == 0:
                panel.set_ylabel("time over the fastest")
            else:
                panel.tick_params(labelleft=False)
            _lines(panel, [choice for choice in members if fastest_ns(choice)])
        subjects = "; ".join(dict.fromkeys(choices.named(world) for world, _ in panels.values()))
        alt = f"On {subjects}: " + "; ".join(_by_size(*one) for one in panels.values()) + "."
        return style.to_chart(figure, NAME, TITLE, alt, _caption(worlds), _table(worlds))


def fastest_ns(choice: Choice) -> float:
    """Of the trials; 0 where there was none."""
    return min((c.trial_ns for c in choice.candidates if c.trial_ns), default=0.0)


def look_of(algorithm: str) -> style.Look:
    """Fixed, whatever else is drawn; one that is not known here comes behind all others."""
    for turn, row in enumerate(PLACES):
        if algorithm in row:
            return style.look(turn * len(style.SERIES) + row.index(algorithm))
    return style.look(len(PLACES) * len(style.SERIES))


def _lines(panel: Axes, members: Sequence[Choice]) -> None:
    """Trials as markers, what was chosen in a ring, the model as a dotted line."""
    ends = []
    for name in dict.fromkeys(c.algorithm for choice in members for c in choice.candidates):
        look = look_of(name)
        found = [(choice, c) for choice in members for c in choice.candidates if c.algorithm == name]
        tried = [(m.case.size[0], c.trial_ns / fastest_ns(m), c.chosen) for m, c in found if c.trial_ns]
        modelled = [(m.case.size[0], c.model_ns / fastest_ns(m)) for m, c in found if c.model_ns]
        if not tried:
            continue
        xs, ys = [x for x, _, _ in tried], [y for _, y, _ in tried]
        panel.plot(xs, ys, zorder=3, **look.line() | {"linestyle": "-", "linewidth": 1.1, "markersize": 4.5})
        if modelled:
            panel.plot(*zip(*modelled, strict=True), color=look.color, linestyle=DOTS, linewidth=1.1)
        for x, y, chosen in tried:
            if chosen:
                panel.plot([x], [y], zorder=4, **RING)
        ends.append(style.EndLabel(xs[-1], ys[-1], name, look))
    style.label_ends(panel, ends)


def _by_size(world: World, members: Sequence[Choice]) -> str:
    """`allreduce fp32 by direct at 8 B, ring from 64 KiB`."""
    parts: list[str] = []
    last = ""
    for choice in members:
        chosen = next(c.algorithm for c in choice.candidates if c.chosen)
        if chosen != last:
            parts.append(f"{chosen} {'from' if parts else 'at'} {words.size(choice.case.size[0])}")
        last = chosen
    return f"{choices.asked(members[0].case)} by {', '.join(parts)}"


def _caption(worlds: Sequence[World]) -> str:
    text = (
        "Markers: medians of the trials before the first launch, one execution at a time, over the fastest; "
        "in a ring what was chosen and ran. Where lines cross, another algorithm becomes the faster one. "
    )
    told = choices.brief(worlds)
    if not told:
        return text + "No dotted lines: there is no cost model, and the section on algorithms says why."
    return text + f"Dotted: the cost model over the same trial, fitted to what ran ({'. '.join(told)})."


def _table(worlds: Sequence[World]) -> Table:
    rows = [
        (
            choices.named(world),
            choices.asked(choice.case),
            words.size(choice.case.size[0]),
            c.algorithm,
            "-" if c.trial_ns is None else words.figure(c.trial_ns / 1e3),
            "-" if c.burst_ns is None else words.figure(c.burst_ns / 1e3),
            "-" if c.model_ns is None else words.figure(c.model_ns / 1e3),
            "-" if c.ratio is None else f"{c.ratio:.2f}",
            choice.why if c.chosen else "-",
        )
        for world in worlds
        for choice in world.choices
        for c in choice.candidates
    ]
    header = (
        "fabric",
        "operation",
        "size",
        "algorithm",
        "trial (µs)",
        "bursts (µs)",
        "model (µs)",
        "measured / model",
        "chosen, and why",
    )
    return Table(header, tuple(rows))
