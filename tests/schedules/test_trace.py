"""SY-8: what was executed is what was proved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from zbench.schedules.action import Span, copy, recv, send
from zbench.schedules.compile import compile_plan
from zbench.schedules.layout import even
from zbench.schedules.operation import Who
from zbench.schedules.trace import difference

LAYOUT = even("allreduce", Who(2, 0, 0), 1, 4, 4)
STEPS = [
    (send(Span("in", 0), 1), recv(Span("tmp", 0), 1)),
    (copy(Span("out", 0), Span("tmp", 0)),),
]
PLAN = compile_plan(STEPS, LAYOUT)
RIGHT = [(0, 0, 0), (1, 0, 0), (1, 1, 16), (0, 1, 16), (2, 0, 0), (2, 1, 16)]


def events(*told: tuple[int, int, int]) -> NDArray[np.int64]:
    return np.array(told, np.int64).reshape(-1, 3)


def test_a_right_execution_differs_nowhere() -> None:
    """Transfers of one step may end in any order."""
    assert difference(PLAN, events(*RIGHT)) == ""


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (RIGHT[:-1], "row 2 was not done"),
        (RIGHT[:4], "row 2 was not done"),
        ([*RIGHT, (2, 1, 16)], "event 6: row 2 ends twice"),
        ([*RIGHT[:1], *RIGHT], "event 1: row 0 begins twice"),
        ([*RIGHT[:3], (2, 0, 0), *RIGHT[3:4], RIGHT[5]], "event 3: row 2 begins before row 0"),
        ([*RIGHT[:3], (0, 1, 12), *RIGHT[4:]], "event 3: row 0 moved 12 of 16 bytes"),
        ([(1, 1, 16)], "event 0: row 1 ends and has not begun"),
        ([(3, 0, 0)], "event 0: no row 3 in a plan of 3"),
    ],
)
def test_what_is_left_out_repeated_or_out_of_turn_is_told(told: list[tuple[int, int, int]], why: str) -> None:
    assert difference(PLAN, events(*told)).startswith(why)


def test_a_step_without_rows_lets_nobody_ahead() -> None:
    """Its parts had no bytes: the step behind it waits for the one before it all the same."""
    plan = compile_plan([STEPS[0], (), STEPS[1]], LAYOUT)
    assert difference(plan, events(*RIGHT)) == ""
    early = events(*RIGHT[:3], (2, 0, 0), *RIGHT[3:4], RIGHT[5])
    assert difference(plan, early).startswith("event 3: row 2 begins before row 0")
