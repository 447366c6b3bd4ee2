"""CO-25: one rank calls something else than the others. It must be told, and so must they; at once, with both
calls named, and nobody may take what arrived for an answer."""

from __future__ import annotations

import time
from collections.abc import Callable

from zbench.case import Case
from zbench.conformance.collective.calls import Call, Wanted, agreed, all_bound
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks

WITHIN_S = 5.0
"""What the catalogue allows, counted on each rank from its call on."""
BEFORE = 3
"""Calls in which all agree, first."""
ELEMENTS = 1024


Differing = tuple[list[Wanted], list[Wanted]]
"""(What all ranks but the last one call, what that one calls.)"""


def _op(ask: Ranks) -> Differing:
    return _calls(ask.case("allreduce", "fp32", ELEMENTS)), _calls(ask.case("bcast", "byte", 4 * ELEMENTS))


def _count(ask: Ranks) -> Differing:
    return _calls(ask.case("allreduce", "fp32", ELEMENTS)), _calls(
        ask.case("allreduce", "fp32", ELEMENTS + 1)
    )


def _dtype(ask: Ranks) -> Differing:
    return _calls(ask.case("allreduce", "fp32", ELEMENTS)), _calls(ask.case("allreduce", "int32", ELEMENTS))


def _redop(ask: Ranks) -> Differing:
    case = ask.case("allreduce", "fp32", ELEMENTS)
    return _calls(case), _calls(ask.case("allreduce", "fp32", ELEMENTS, redop="max"))


def _root(ask: Ranks) -> Differing:
    case = ask.case("bcast", "byte", 4 * ELEMENTS)
    return _calls(case), _calls(ask.case("bcast", "byte", 4 * ELEMENTS, root=ask.size - 1))


def _order(ask: Ranks) -> Differing:
    """Each rank calls both, one of them the other way round: only the order is wrong."""
    one, other = ask.case("allreduce", "fp32", ELEMENTS), ask.case("alltoall", "byte", ELEMENTS * ask.size)
    return _calls(one, other), _calls(other, one)


def _algorithm(ask: Ranks) -> Differing:
    """One call for people: its messages may even be of the same sizes. None at all where a fabric has no
    two to choose from."""
    case = ask.case("bcast", "byte", 4 * ELEMENTS)
    named = ask.fabric.algorithms(case)[:2]
    if len(named) < 2:
        ask.lacking("algorithms by name")
        return [], []
    return [Wanted(case, named[0])], [Wanted(case, named[1])]


def _calls(*cases: Case) -> list[Wanted]:
    return [Wanted(case) for case in cases]


DIFFERENCES: dict[str, Callable[[Ranks], Differing]] = {
    "another operation": _op,
    "another count": _count,
    "another dtype": _dtype,
    "another reduction": _redop,
    "another root": _root,
    "another order": _order,
    "another algorithm": _algorithm,
}


def mismatch(ask: Ranks) -> None:
    """Every difference in a world of its own, which cannot be used any more. A rank that has only sent may go
    on before anybody can know: the barrier behind the calls is where it must be told at the latest."""
    for name, differing in DIFFERENCES.items():
        theirs, odd = differing(ask)
        cases = [each.case for each in theirs + odd]
        if not cases or not all(ask.offers(case.workload, case.dtype) for case in cases):
            continue
        if not ask.attempt(name):
            continue
        barrier = Wanted(ask.case("barrier", "byte", 0))
        calls = all_bound(ask, [barrier, *(odd if ask.rank == ask.size - 1 else theirs)])
        if calls is None:
            ask.tried -= 1
            continue
        ask.used_up = True
        told, seconds = performed(ask, calls)
        texts = [each.decode() for each in ask.everyone(told.encode())]
        unaware = [rank for rank, text in enumerate(texts) if not text]
        if not told:
            ask.fail(f"is told nothing, and takes what it has for an answer; not told: ranks {unaware}")
        elif seconds > WITHIN_S:
            ask.fail(f"is told after {seconds:.1f} s: {told}")
        elif not any(names_both(text, theirs[0].case, odd[0].case) for text in texts):
            ask.fail(f"is told, but not of {theirs[0].case.key} and {odd[0].case.key}: {told}")


def performed(ask: Ranks, calls: list[Call]) -> tuple[str, float]:
    """What this rank is told, and how long after its call."""
    barrier = calls[0]
    for _ in range(BEFORE):
        ask.fabric.execute(barrier.plan, 0)
    agreed(ask, "")  # all have come this far: from here on time counts
    began = time.perf_counter()
    try:
        for call in [*calls[1:], barrier]:
            ask.fabric.execute(call.plan, 0)
    except Exception as error:  # whatever it raises is what the user is told
        return str(error) or type(error).__name__, time.perf_counter() - began
    return "", time.perf_counter() - began


def names_both(text: str, one: Case, other: Case) -> bool:
    """Whether an error tells both calls apart: by their keys, or by what differs in them."""
    longer, shorter = sorted((one.key, other.key), key=len, reverse=True)
    if longer in text and shorter in text.replace(longer, ""):
        return True
    differing = [
        (str(mine), str(others))
        for mine, others in zip(features(one), features(other), strict=True)
        if mine != others
    ]
    return all(mine in text and others in text for mine, others in differing)


def features(case: Case) -> tuple[str, str, str, str, str]:
    size = str(case.size[0])
    return case.workload, case.dtype, size, f"root={case.root}", case.redop


ITEMS = (
    Item(
        "CO-25",
        "calls that do not match are named, and end no rank's wait in vain",
        "torch ProcessGroupWrapper (pytorch#22071), pytorch#150433",
        "L4",
        mismatch,
        families=("agreement", "root", "sequence"),
        least_ranks=2,
        limit_s=45.0,
        apart=tuple(DIFFERENCES),
    ),
)
