"""Which card of this host is slow? A row of dots for each case, a column for each card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zbench.judge.hostcards import HostCards, Lineup, Member
from zbench.report import hostcards, style, words
from zbench.report.chart import Chart, Missing, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "hostcards"
TITLE = "Which card of this host is slow, and how much do they disturb each other?"
CARD_WIDTH, LEAST_WIDTH, MOST_WIDTH = 0.3, 2.6, 5.2
"""Inches of a card, and of a panel."""
HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 1.45, 0.72, 0.3, 0.62, 0.74
LABELS = 32
"""Cards that are numbered on the axis; of more only some."""
SPREAD = 0.5
"""Of a card's column: its launches side by side in the order of their blocks."""
LEAST_SPAN = 0.06
"""Of the axis, so that noise below a percent does not fill the picture."""
OUT_Y = 0.045
"""Room for a name below its dots, as a part of the axis."""


def host_strip(found: HostCards) -> Chart | Missing:
    """Launches of each card as shares of the middle card alone: one by one left, all at once right."""
    rows = [(alone, _at_once(found, alone)) for alone in found.lineups if alone.case.together == 1]
    rows = [row for row in rows if row[0].centre]
    if not rows:
        return Missing(NAME, TITLE, "no card of this host gave a figure")
    columns = 2 if any(at_once for _, at_once in rows) else 1
    names = list(dict.fromkeys(member.subject for line in found.lineups for member in line.members))
    width = min(MOST_WIDTH, max(LEAST_WIDTH, CARD_WIDTH * len(names)))
    with style.house_style():
        figure, axes = style.panels(
            columns * len(rows),
            RIGHT,
            columns=columns,
            left=LEFT,
            width=width,
            height=HEIGHT,
            bottom=BOTTOM,
            top=TOP,
        )
        for i, (alone, at_once) in enumerate(rows):
            pair = axes[columns * i : columns * (i + 1)]
            lineups = [alone, at_once][:columns]
            low, high = _reach([line for line in lineups if line], alone.centre or 1.0)
            for panel, line in zip(pair, lineups, strict=True):
                panel.set_ylim(low, high)
                _strip(panel, line, alone.centre or 1.0, names, first=panel is pair[0])
            pair[0].set_title(alone.key, fontsize=8.5)
        return style.to_chart(figure, NAME, TITLE, _alt(found), _caption(found, names), _table(found))


def _at_once(found: HostCards, alone: Lineup) -> Lineup | None:
    lines = (line for line in found.lineups if line.case.together > 1)
    return next((line for line in lines if line.case.alone.key == alone.key and line.centre), None)


def _reach(lineups: Sequence[Lineup], unit: float) -> tuple[float, float]:
    """The axis of a row: everything that is drawn, and room for names below."""
    shares = [value / unit for line in lineups for member in line.members for value in member.values]
    low, high = min(*shares, 1 - LEAST_SPAN / 2), max(*shares, 1 + LEAST_SPAN / 2)
    return low - 0.22 * (high - low), high + 0.06 * (high - low)


def _strip(panel: Axes, line: Lineup | None, unit: float, names: Sequence[str], first: bool) -> None:
    panel.set_xlim(-0.6, len(names) - 0.4)
    step = -(-len(names) // LABELS)
    panel.set_xticks(range(0, len(names), step), [_number(names, i) for i in range(0, len(names), step)])
    panel.grid(visible=False, axis="x")
    panel.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
    if first:
        panel.set_ylabel("% of middle, alone")
    else:
        panel.tick_params(labelleft=False)
    if line is None:
        panel.text(0.5, 0.5, "not measured", transform=panel.transAxes, ha="center", color=style.MUTED)
        return
    centre = (line.centre or unit) / unit
    panel.set_xlabel(f"card, {hostcards.way(line)}")
    panel.axhline(centre, color=style.INK, linewidth=1.0, zorder=1.5)
    if line.limit is not None:
        panel.axhspan(panel.get_ylim()[0], centre * line.limit, color=style.RULE, alpha=0.45, linewidth=0)
    for member in line.members:
        _dots(panel, member, unit, names.index(member.subject))


def _dots(panel: Axes, member: Member, unit: float, place: int) -> None:
    """Its launches in order; a slow card is another colour and shape, and has its name below."""
    slow = member.verdict == "SLOW"
    look = style.look(1 if slow else 0)
    count = len(member.values)
    at = [place + (SPREAD * (i / (count - 1) - 0.5) if count > 1 else 0.0) for i in range(count)]
    shares = [value / unit for value in member.values]
    marks = look.mark() | {"markersize": 4.2 if slow else 3.2, "markeredgewidth": 0.6}
    panel.plot(at, shares, linestyle="none", zorder=3, **marks)
    if not member.values:
        panel.text(place, panel.get_ylim()[0], "×", ha="center", va="bottom", color=style.INK)
    if slow:
        low, high = panel.get_ylim()
        share = 100 * (member.share or 0.0)
        edge = "left" if place < 2 else "right" if place > panel.get_xlim()[1] - 2 else "center"
        x = place + {"left": -0.4, "right": 0.4, "center": 0.0}[edge]
        text = f"{words.short(member.subject)} {share:.1f} %"
        panel.text(x, min(shares) - OUT_Y * (high - low), text, ha=edge, va="top", fontsize=7.5)


def _number(names: Sequence[str], i: int) -> str:
    """What is behind the last colon where that tells the cards apart, else their place."""
    ends = [name.partition(" · ")[0].rpartition(":")[2] for name in names]
    return ends[i] if len(set(ends)) == len(names) and max(map(len, ends)) <= 3 else str(i)


def _alt(found: HostCards) -> str:
    slow = hostcards.slow(found)
    named = f"Slow: {'; '.join(slow.values())}." if slow else "No card is named slow."
    losses: Mapping[str, list[float]] = {
        key: [d.ratio for d in found.disturbances if d.key == key]
        for key in dict.fromkeys(d.key for d in found.disturbances)
    }
    told = [
        f"{key} {hostcards.percent(min(ratios))} to {hostcards.percent(max(ratios))}"
        for key, ratios in losses.items()
    ]
    return named + (f" With all at work each keeps, of its rate alone: {'; '.join(told)}." if told else "")


def _caption(found: HostCards, names: Sequence[str]) -> str:
    text = "One dot a launch, from the first block to the last; line: the middle card"
    if any(line.limit is not None for line in found.lineups):
        text += "; shaded: where a card is slow, if its whole interval is"
    text += f". Cards: {names[0]}" + (f" to {names[-1]}." if len(names) > 1 else ".")
    whys = [member.why for line in found.lineups for member in line.members if member.verdict == "UNDECIDED"]
    return text + (f" Undecided: {'; '.join(dict.fromkeys(whys))}." if whys else "")


def _table(found: HostCards) -> Table:
    """The page has the judged table; here is every launch."""
    rows = [
        (line.key, member.subject, str(i), words.value(value, line.unit), member.verdict)
        for line in found.lineups
        for member in line.members
        for i, value in enumerate(member.values, 1)
    ]
    return Table(("case", "card", "launch", "rate", "card is"), tuple(rows))
