"""Schedules as charts."""

from __future__ import annotations

import re

import pytest

from zbench.report.charts.schedule import schedule
from zbench.schedules.table import ALGORITHMS


def test_every_message_is_an_arrow_and_a_row() -> None:
    """A ring of four: three rounds of adding and three of passing on, four messages in each."""
    chart = schedule("allreduce", "ring", 4)
    assert chart.title == "allreduce by ring, 4 ranks"
    assert chart.alt == "24 messages in 6 rounds."
    assert len(chart.table.rows) == 24
    assert chart.table.rows[0] == ("1", "0", "1", "3", "RECV_REDUCE out[3:4] = in[3:4] from 0")
    assert "The busiest rank moves 3/2 and adds 3/4 vectors." in chart.caption
    assert all(f"block {block}" in chart.svg for block in range(4))


@pytest.mark.parametrize(("op", "name"), [(op, name) for op, named in ALGORITHMS.items() for name in named])
def test_every_algorithm_can_be_drawn(op: str, name: str) -> None:
    """Also in a world that is no power of two; the root is in the title of what has one."""
    rooted = op in ("bcast", "reduce", "gather", "scatter")
    chart = schedule(op, name, 5, root=4 if rooted else 0)
    assert "<svg" in chart.svg
    assert ("root 4" in chart.title) == rooted
    assert re.fullmatch(r"\d+ messages? in \d+ rounds?\.", chart.alt)


def test_what_cannot_be_read_is_not_drawn() -> None:
    """More ranks or rounds than arrows can be told apart."""
    with pytest.raises(ValueError, match="17 ranks are too many to draw; 16 at most"):
        schedule("allreduce", "direct", 17)
    with pytest.raises(ValueError, match="60 rounds are too many to draw; 40 at most"):
        schedule("allreduce", "ring", 16, chunks=2)
