"""SY-8: what was executed is the schedule that was proved, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.collective.calls import Wanted, bind
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.errors import Unsupported
from zbench.fabrics.planned import POINT_TO_POINT, rows
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS
from zbench.schedules.trace import difference

ELEMENTS = (1, 1009, 40_000)
"""Of each rank's part."""


def replay(ask: Ranks) -> None:
    """Every operation by every algorithm: the fabric's own account of one execution, held against the plan
    that the checker has seen, SY-1 to SY-7. An account of steps that overlap is rejected."""
    if not traces(ask):
        return
    for op, named in ALGORITHMS.items():
        dtype = "fp32" if OPERATIONS[op].sums else "byte"
        if op in POINT_TO_POINT or not ask.offers(op, dtype):
            continue
        root = {"root": ask.size // 2} if OPERATIONS[op].rooted else {}
        for count in (0,) if op == "barrier" else ELEMENTS[: 2 + ask.thorough]:
            case = ask.case(op, dtype, count * ask.size, **root)
            for algorithm in ask.algorithms(case):
                if algorithm not in named or not ask.attempt(f"{op} {algorithm} {count}"):
                    continue
                call = bind(ask, Wanted(case, algorithm))
                plan = rows(case, algorithm, ask.rank)
                if why := difference(plan, ask.fabric.trace(call.plan, 0)):
                    ask.fail(why)
                ask.fabric.release(call.plan)
                short = ends(plan)
                if len(set(short["step"])) > 1 and not difference(short, overlapping(short)):
                    ask.fail("an account in which the last step begins before the first is done passes")


def ends(plan: NDArray[Any]) -> NDArray[Any]:
    """The first and the last step of a plan: all of it where the parts of those between have no bytes."""
    return plan[np.isin(plan["step"], plan["step"][[0, -1]])] if plan.size else plan


def overlapping(plan: NDArray[Any]) -> NDArray[np.int64]:
    """An account in which every row but the first is done before that is."""
    others = [(row, done, plan["bytes"][row] * done) for row in range(1, len(plan)) for done in (0, 1)]
    return np.array([(0, 0, 0), *others, (0, 1, plan["bytes"][0])], np.int64)


def traces(ask: Ranks) -> bool:
    """Whether the fabric runs schedules that are named and keeps an account; where not, it is noted."""
    if not ask.fabric.schedules:
        ask.lacking("algorithms by name")
        return False
    call = bind(ask, Wanted(ask.case("barrier", "byte", 0)))
    try:
        ask.fabric.trace(call.plan, 0)
    except Unsupported as error:
        ask.lacking(str(error))
        return False
    ask.fabric.release(call.plan)
    return True


ITEMS = (
    Item(
        "SY-8",
        "what is executed is the schedule that was proved",
        "GPU schedules that are simulated and then rewritten by hand",
        "L1",
        replay,
        smoke=True,
        families=("sequence", "cheat", "tester"),
    ),
)
