"""A schedule as it is played: ranks down, rounds across, an arrow for each message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zbench.report import style, words
from zbench.report.chart import Chart, Table
from zbench.schedules.action import Kind
from zbench.schedules.check import Message, check
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS, world

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "schedule"
RANKS_MOST = 16
"""Beyond, arrows cannot be told apart."""
ROUNDS_MOST = 40
"""Likewise."""
LEFT, RIGHT, TOP, BOTTOM = 0.62, 0.95, 0.5, 0.5
"""Inches around the axes: ranks, blocks, the title, rounds."""


def schedule(op: str, algorithm: str, ranks: int, root: int = 0, chunks: int = 1) -> Chart:
    """The messages of a world, each in the round in which it arrives.

    Raises KeyError for an unknown name, ValueError for what is no schedule or too much to draw.
    """
    found = ALGORITHMS[op][algorithm]
    if ranks > RANKS_MOST:
        raise ValueError(f"{ranks} ranks are too many to draw; {RANKS_MOST} at most")
    messages: list[Message] = []
    played = world(op, algorithm, ranks, root=root, chunks=chunks)
    cost = check(op, played, found.blocks(ranks, chunks), root, told=messages)
    if cost.rounds > ROUNDS_MOST:
        raise ValueError(f"{cost.rounds} rounds are too many to draw; {ROUNDS_MOST} at most")
    title = f"{op} by {algorithm}, {words.counted(ranks, 'rank')}"
    if OPERATIONS[op].rooted:
        title += f", root {root}"
    with style.house_style():
        rounds = max(cost.rounds, 1)
        across, down = max(0.85 * rounds, 3.6), max(0.36 * ranks, 1.0)
        width, height = LEFT + across + RIGHT, TOP + down + BOTTOM
        figure = style.new_figure(width, height)
        axes = figure.add_axes((LEFT / width, BOTTOM / height, across / width, down / height))
        axes.set_xlim(0, rounds)
        axes.set_ylim(ranks - 0.5, -0.5)
        axes.set_yticks(range(ranks))
        axes.set_xticks([n + 0.5 for n in range(rounds)], [str(n + 1) for n in range(rounds)])
        axes.tick_params(length=0)
        axes.set(xlabel="round", ylabel="rank")
        axes.grid(False, axis="x")
        for number in range(1, rounds):
            axes.axvline(number, color=style.RULE, linewidth=0.6, zorder=0)
        for message in messages:
            _arrow(axes, message)
        _blocks(axes, messages)
        caption = (
            "An arrow is a message, in the first round in which it can arrive; a filled head adds to what "
            "its receiver has, a colour is a block of the vector. The busiest rank moves "
            f"{cost.volume} and adds {cost.reduced} vectors. "
            f"Cost {found.formula}: p ranks, n bytes, a seconds a message, b a byte moved, g a byte added. "
            f"{found.source}."
        )
        alt = f"{words.counted(len(messages), 'message')} in {words.counted(cost.rounds, 'round')}."
        return style.to_chart(figure, NAME, title, alt, caption, _table(messages))


def _color(message: Message) -> str:
    return style.MUTED if message.block < 0 else style.SERIES[message.block % len(style.SERIES)]


def _arrow(axes: Axes, message: Message) -> None:
    adds = message.action.kind is Kind.RECV_REDUCE
    axes.annotate(
        "",
        (message.round - 0.04, message.receiver),
        (message.round - 0.96, message.sender),
        arrowprops={
            "arrowstyle": "-|>" if adds else "->",
            "color": _color(message),
            "linewidth": 1.1,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def _blocks(axes: Axes, messages: Sequence[Message]) -> None:
    """Which colour is which block, as far as colours reach."""
    first = {message.block: message for message in messages if message.block >= 0}
    shown = sorted(first)[: len(style.SERIES)]
    for place, block in enumerate(shown):
        more = ", ..." if len(first) > len(shown) and block == shown[-1] else ""
        for text, left, color in [
            ("\N{BLACK SQUARE}", 8, _color(first[block])),
            (f"block {block}{more}", 20, style.INK),
        ]:
            axes.annotate(
                text,
                (1, 1),
                (left, -6 - 12 * place),
                xycoords="axes fraction",
                textcoords="offset points",
                va="center",
                color=color,
            )


def _table(messages: Sequence[Message]) -> Table:
    rows = sorted((m.round, m.sender, m.receiver, m.block, str(m.action)) for m in messages)
    return Table(
        ("round", "from rank", "to rank", "first block", "the receiver's action"),
        tuple((str(r), str(a), str(b), "-" if k < 0 else str(k), said) for r, a, b, k, said in rows),
    )
