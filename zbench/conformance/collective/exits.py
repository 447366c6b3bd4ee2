"""CO-28: one wrong element on one rank makes the whole FAIL, and the exit code 1."""

from __future__ import annotations

import numpy as np

from zbench.conformance.compare import identical
from zbench.conformance.declaration import Declaration
from zbench.conformance.item import Item
from zbench.conformance.status import FAIL, FAILS, NOT_SUPPORTED, PASS, exit_code
from zbench.conformance.world import Ranks

ELEMENTS = 1009


def exits(ask: Ranks) -> None:
    """The suite's own count, on the ranks of this world: no rank, no place and no number of right answers
    hides the wrong one."""
    for guilty in range(ask.size):
        if not ask.attempt(f"wrong on rank {guilty}"):
            continue
        right = ask.rng().integers(0, 256, ELEMENTS, np.uint8)
        broken = right.copy()
        broken[int(ask.rng(1).integers(ELEMENTS))] ^= 1
        count = beside(ask)
        for number in range(ELEMENTS):
            if count.attempt(f"answer {number}"):
                here = ask.rank == guilty and number == ELEMENTS // 2
                count.differs(identical(right, broken if here else right))
        count.merge()
        found = count.outcome("", "fabric", "", "L0", 0.0)
        if (found.status, found.failed, f"rank {guilty}: " in found.why) != (FAIL, 1, True):
            ask.fail(f"one wrong element of rank {guilty} ends as {found.status}: {found.why}")
        if exit_code([PASS] * ELEMENTS + [found.status, NOT_SUPPORTED]) != FAILS:
            ask.fail("one FAIL among others does not make the exit code 1")
    if ask.attempt("nothing tried"):
        count = beside(ask)
        count.merge()
        if count.outcome("", "fabric", "", "L0", 0.0).status != NOT_SUPPORTED or exit_code([]) == 0:
            ask.fail("what was not tried passes")


def beside(ask: Ranks) -> Ranks:
    """An empty count of the same world."""
    return Ranks(ask.fabric, Declaration(1, ""), ask.item, ask.seed, ask.thorough)


ITEMS = (
    Item(
        "CO-28",
        "a wrong element on any rank fails the whole",
        "OSU and PARAM, which print and exit with 0",
        "L1",
        exits,
        smoke=True,
        families=("tester",),
    ),
)
