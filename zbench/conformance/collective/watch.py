"""CO-26: one rank never calls. The others must not wait for ever, and must say for whom they waited."""

from __future__ import annotations

import re
import time

from zbench.conformance.collective.calls import Wanted, agreed, bind
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks

BEFORE = 6
"""Calls that all ranks make: the one that is waited for is number 7, or 6 where they are counted from 0 on;
no rank of these worlds has such a number."""
LATER_S = 1.0
"""What the catalogue allows behind the fabric's own limit."""
MOST_LIMIT_S = 60.0
"""A fabric with a longer one is not asked."""


def watch(ask: Ranks) -> None:
    """The rank that is missing has made all earlier calls, is alive, and has nothing more to do with the
    fabric until the others have given up; then it is told, too."""
    limit_s = float(ask.fabric.timeout_s)
    if not 0 < limit_s <= MOST_LIMIT_S:
        ask.lacking(f"a limit on waiting of {MOST_LIMIT_S:g} s at most" if limit_s else "a limit on waiting")
        return
    for op, dtype, missing in (("barrier", "byte", ask.size - 1), ("allreduce", "fp32", 0)):
        name = f"{op} without {'the first' if missing == 0 else 'the last'} rank"
        if not ask.offers(op, dtype) or not ask.attempt(name):
            continue
        ask.used_up = True
        call = bind(ask, Wanted(ask.case(op, dtype, 0 if op == "barrier" else 64)))
        for _ in range(BEFORE):
            ask.fabric.execute(call.plan, 0)
        agreed(ask, "")
        told, seconds = "", 0.0
        if ask.rank != missing:
            told, seconds = waited(ask, call.plan)
        agreed(ask, "")
        if ask.rank == missing:  # what the others sent before they gave up may serve its first call
            if not (waited(ask, call.plan)[0] or waited(ask, call.plan)[0]):
                ask.fail("calls twice after all others have given up, and is told nothing")
        elif not told:
            ask.fail("waits for a rank that never called, and is told nothing")
        elif seconds > limit_s + LATER_S:
            ask.fail(f"is told after {seconds:.1f} s, at a limit of {limit_s:g} s: {told}")
        elif lacks := unnamed(told, op, missing):
            ask.fail(f"is told, but not {lacks}: {told}")


def waited(ask: Ranks, plan: object) -> tuple[str, float]:
    """What this rank is told, and after how long."""
    began = time.perf_counter()
    try:
        ask.fabric.execute(plan, 0)
    except Exception as error:  # whatever it raises is what the user is told
        return str(error) or type(error).__name__, time.perf_counter() - began
    return "", time.perf_counter() - began


def unnamed(text: str, op: str, missing: int) -> str:
    """What an error should say and does not: the operation, which call it was, and who is missing."""
    wanted = {
        "which operation": op,
        "which call": rf"\b({BEFORE}|{BEFORE + 1})\b",
        "who is missing": rf"\brank {missing}\b",
    }
    return ", ".join(what for what, pattern in wanted.items() if not re.search(pattern, text))


ITEMS = (
    Item(
        "CO-26",
        "a rank that never calls is named within the limit",
        "NVIDIA/nccl#1111: a hang, and a watchdog after 480 s that names nobody",
        "L4",
        watch,
        families=("sequence", "stale"),
        least_ranks=2,
        most_ranks=3,
        limit_s=2 * MOST_LIMIT_S,
        apart=("barrier without the last rank", "allreduce without the first rank"),
    ),
)
