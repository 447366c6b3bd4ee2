"""CO-24: every algorithm that can be forced, crossed with sizes, roots and buffers."""

from __future__ import annotations

from functools import partial

from zbench.conformance.collective.census import census
from zbench.conformance.collective.oracle import REDUCTIONS
from zbench.conformance.collective.sweep import Choice, changed, operands, strayed, sweep, wrong
from zbench.conformance.collective.tails import EVERYTHING, bytes_of
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks

LONG_BYTES = 3 << 19
"""For each rank: one and a half of the longest chunks that algorithms here cut a vector in."""


def every_algorithm(ask: Ranks) -> None:
    p = ask.size
    roots = {0, p // 2, p - 1} if ask.thorough > 1 else {0, p - 1}  # CO-08 has all of them
    choices: list[Choice] = [
        {"count": count, "root": root, "inplace": inplace}
        for count in (1, p, 3 * p + 1, 24 * p)
        for root in sorted(roots)
        for inplace in ("no", "yes")
    ]
    longer: list[Choice] = [{"count": 7 * p + 1, "skew": "zipf"}, {"count": LONG_BYTES // 4 * p + 1}]
    choices += longer[: ask.thorough]
    for each in sweep(ask, EVERYTHING, choices, ("int32", "byte"), each=True):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        brings = (
            partial(census, ranks=p, dtype=case.dtype)
            if case.workload in REDUCTIONS
            else partial(bytes_of, ask, case.dtype, 0)
        )
        given = operands(case, brings)
        for left in ask.executions(case, [given[ask.rank]], each.algorithm):
            ask.differs(wrong(case, given, ask.rank, left))
            if not case.in_place:
                ask.differs(strayed(case, given, ask.rank, left))
                ask.differs(changed(given[ask.rank], left))


ITEMS = (
    Item(
        "CO-24",
        "every algorithm, with every root, in place and not",
        "MPICH maint/coll_cvars.txt; open-mpi/ompi#9385: iallreduce algorithms 1 and 3 wrong",
        "L1",
        every_algorithm,
        families=("root", "index", "alias", "partial"),
    ),
)
