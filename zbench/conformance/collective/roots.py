"""CO-08, CO-09: every root, and what must not be touched."""

from __future__ import annotations

from functools import partial

from zbench.conformance.collective.oracle import REDUCTIONS, ROOTED
from zbench.conformance.collective.sweep import SMOKE_DTYPES, Choice, changed, operands, strayed, sweep, wrong
from zbench.conformance.collective.tails import EVERYTHING, bytes_of, whole_numbers
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks


def every_root(ask: Ranks) -> None:
    """CO-08: the root has the result, and whoever has none keeps what stood in its `out`."""
    p = ask.size
    choices: list[Choice] = [{"count": p * 3, "root": root} for root in range(p)]
    choices += [{"count": p * 3 + 1, "root": root} for root in range(p)] if ask.thorough else []
    for each in sweep(ask, ROOTED, choices, SMOKE_DTYPES, each=True):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        make = whole_numbers if case.workload in REDUCTIONS else bytes_of
        given = operands(case, partial(make, ask, case.dtype, 0))
        for left in ask.executions(case, [given[ask.rank]], each.algorithm):
            ask.differs(wrong(case, given, ask.rank, left))
            if found := strayed(case, given, ask.rank, left):
                ask.fail(f"where no result belongs: {found}")


def in_place(ask: Ranks) -> None:
    """CO-09: from and to one buffer; from one to another without a trace in the first."""
    p = ask.size
    choices: list[Choice] = [
        {"count": count, "root": root, "inplace": inplace}
        for count, root in ((4 * p, p - 1), (64 * p + 1, 0), (64 * p, p // 2))
        for inplace in ("yes", "no")
    ]
    for each in sweep(ask, EVERYTHING, choices):
        if not ask.attempt(str(each)):
            continue
        case = each.case
        make = whole_numbers if case.workload in REDUCTIONS else bytes_of
        given = operands(case, partial(make, ask, case.dtype, 0))
        for left in ask.executions(case, [given[ask.rank]], each.algorithm):
            ask.differs(wrong(case, given, ask.rank, left))
            if not case.in_place and (found := changed(given[ask.rank], left)):
                ask.fail(f"of what was sent: {found}")


ITEMS = (
    Item(
        "CO-08",
        "every root, and nothing where no result belongs",
        "mpi4py test_cco_buf.py, testReduce",
        "L1",
        every_root,
        families=("root",),
        least_ranks=2,
    ),
    Item(
        "CO-09",
        "in place, and operands that stay as they are",
        "MPICH errors/coll/noalias*.c; E3SM#3106: a reduction that changed its input",
        "L1",
        in_place,
        smoke=True,
        families=("alias",),
    ),
)
