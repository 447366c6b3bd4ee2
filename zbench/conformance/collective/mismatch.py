"""CO-25: one rank calls something else than the others. It must be told, and so must they; at once, with both
calls named, and nobody may take what arrived for an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from zbench.case import Case
from zbench.conformance.collective.calls import Call, Wanted, agreed, all_bound
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks

WITHIN_S = 5.0
"""What the catalogue allows, counted on each rank from its call on."""
BEFORE = 3
"""Calls in which all agree, first."""
ELEMENTS = 1024
ROUNDS = 3
"""More than one: who executes once has then done less than who runs rounds, whatever a round is made of."""


@dataclass(frozen=True)
class Doing:
    """What a rank calls, one after the other."""

    wanted: tuple[Wanted, ...]
    rounds: int = 0
    """Of each, timed; 0: it is executed, once."""


Differing = tuple[Doing, Doing]
"""(What all ranks but the last one do, what that one does.)"""


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
        return _calls(), _calls()
    return Doing((Wanted(case, named[0]),)), Doing((Wanted(case, named[1]),))


def _group(ask: Ranks) -> Differing:
    """The same ranks in two orders: each rank brings as much as the others expect, and is taken for another.
    None at all where a fabric has no groups."""
    case, members = ask.case("allgather", "byte", 8 * ask.size), range(ask.size)
    if not ask.fabric.groups:
        ask.lacking("groups of ranks")
        return _calls(), _calls()
    return Doing((Wanted(case, members=members),)), Doing((Wanted(case, members=members[::-1]),))


def _timing(ask: Ranks) -> Differing:
    """One call, of which one rank runs rounds; the others wait for it before or behind them."""
    wanted = (Wanted(ask.case("allreduce", "fp32", ELEMENTS)),)
    return Doing(wanted), Doing(wanted, ROUNDS)


def _timed_root(ask: Ranks) -> Differing:
    """Rounds of two calls in which, of two ranks, none waits for the other: both only send."""
    case, other = (ask.case("bcast", "byte", 8, root=root) for root in (0, ask.size - 1))
    return Doing((Wanted(case),), ROUNDS), Doing((Wanted(other),), ROUNDS)


def _timed_count(ask: Ranks) -> Differing:
    case, other = (ask.case("allreduce", "fp32", count) for count in (ELEMENTS, ELEMENTS + 1))
    return Doing((Wanted(case),), ROUNDS), Doing((Wanted(other),), ROUNDS)


def _calls(*cases: Case) -> Doing:
    return Doing(tuple(Wanted(case) for case in cases))


DIFFERENCES: dict[str, Callable[[Ranks], Differing]] = {
    "another operation": _op,
    "another count": _count,
    "another dtype": _dtype,
    "another reduction": _redop,
    "another root": _root,
    "another order": _order,
    "another algorithm": _algorithm,
    "another group": _group,
    "timed by one": _timing,
    "timed, another root": _timed_root,
    "timed, another count": _timed_count,
}


def mismatch(ask: Ranks) -> None:
    """Every difference in a world of its own, which cannot be used any more. A rank that has only sent may go
    on before anybody can know: the barrier behind the calls is where it must be told at the latest."""
    for name, differing in DIFFERENCES.items():
        theirs, odd = differing(ask)
        cases = [each.case for each in theirs.wanted + odd.wanted]
        if not cases or not all(ask.offers(case.workload, case.dtype) for case in cases):
            continue
        if not ask.attempt(name):
            continue
        barrier = Wanted(ask.case("barrier", "byte", 0))
        doing = odd if ask.rank == ask.size - 1 else theirs
        calls = all_bound(ask, [barrier, *doing.wanted])
        if calls is None:
            ask.tried -= 1
            continue
        ask.used_up = True
        told, seconds = performed(ask, calls, doing.rounds)
        texts = [each.decode() for each in ask.everyone(told.encode())]
        unaware = [rank for rank, text in enumerate(texts) if not text]
        one, other = theirs.wanted[0].case, odd.wanted[0].case
        if not told:
            ask.fail(f"is told nothing, and takes what it has for an answer; not told: ranks {unaware}")
        elif seconds > WITHIN_S:
            ask.fail(f"is told after {seconds:.1f} s: {told}")
        elif not any(names_both(text, one, other) for text in texts):
            ask.fail(f"is told, but not of {one.key} and {other.key}: {told}")


def performed(ask: Ranks, calls: list[Call], rounds: int) -> tuple[str, float]:
    """What this rank is told, and how long after its call."""
    barrier = calls[0]
    for _ in range(BEFORE):
        ask.fabric.execute(barrier.plan, 0)
    agreed(ask, "")  # all have come this far: from here on time counts
    began = time.perf_counter()
    try:
        for call in calls[1:]:
            if rounds:
                ask.fabric.run_rounds(call.plan, rounds)
            else:
                ask.fabric.execute(call.plan, 0)
        ask.fabric.execute(barrier.plan, 0)
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
