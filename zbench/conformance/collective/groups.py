"""CO-22: many groups of ranks that overlap, alive at the same time, and what is left when they are gone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from zbench.case import Case
from zbench.conformance.collective.calls import Call, Wanted, bound, give, operands, wrong
from zbench.conformance.collective.moves import TAG_BYTES
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks

PLANS = (8, 24, 64)
"""Partitions of the world that are prepared at the same time; at L0, L1, and from L2 on."""
CALLS = (20, 60, 500)
MADE = (40, 100, 1000)
"""Groups that are made and given back."""
ELEMENTS = (1, 37, 1009)
OPERATIONS = ("bcast", "allgather", "alltoall", "allreduce")
WARM = 20
"""Groups made before the first look: allocators and libraries keep what they take first."""
KEPT_BYTES = 4 << 20
"""What a process may grow by for reasons of its own; a leak of the buffers is 13 MB at L1."""
LEAK_ELEMENTS = 8192
SHARED = Path("/dev/shm")


def groups(ask: Ranks) -> None:
    """The world is cut in groups in many ways, and ranks of one cut may still be busy where others have begun
    the next. What one group says must reach none of the others. (Calls of several threads of one rank at a
    time are not part of the contract of a fabric.)"""
    if not ask.fabric.groups:
        ask.lacking("groups of ranks")
        return
    for order in ("ascending", "any order"):
        if not ask.attempt(f"overlapping, {order}"):
            continue
        cuts = [cut(ask, number, order, in_place=number % 2 == 1) for number in range(PLANS[ask.thorough])]
        calls = [bound(ask, Wanted(case, members=members)) for case, members in cuts]
        ready = [call for call in calls if call is not None]
        if not ready:
            ask.tried -= 1
            continue
        rng = ask.rng(0)
        for at in range(CALLS[ask.thorough]):
            one_call(ask, ready[int(rng.integers(len(ready)))], at)
        for call in ready:
            ask.fabric.release(call.plan)
    if ask.attempt(f"made and given back {MADE[ask.thorough]} times"):
        made_and_given_back(ask)


def one_call(ask: Ranks, call: Call, at: int) -> None:
    given = operands(ask, call.case, at)
    give(ask, call, 0, given[call.rank])
    if call.case.in_place:  # on all ranks, as rounds must be
        ask.fabric.run_rounds(call.plan, 1)
    else:
        ask.fabric.execute(call.plan, 0)
    if why := wrong(ask, call, 0, given):
        ask.fail(f"call {at}, {call.named}: {why}")


def cut(
    ask: Ranks, number: int, order: str, elements: int = 0, in_place: bool = False
) -> tuple[Case, tuple[int, ...]]:
    """This rank's group of a random cut of the world, and what it does there: where its operand belongs and
    how many an average is over is the group's affair, not the world's."""
    rng = ask.rng(1, number)
    ranks = rng.permutation(ask.size)
    edges = np.sort(rng.choice(np.arange(1, ask.size), int(rng.integers(ask.size)), replace=False))
    parts = np.split(ranks, edges)
    mine = next(i for i, part in enumerate(parts) if ask.rank in part)
    members = parts[mine].tolist()
    offered = ask.fabric.operations()
    names = [op for op in OPERATIONS if op in offered]
    op, count = str(rng.permutation(names)[mine % len(names)]), elements or int(rng.choice(ELEMENTS))
    dtype = "int64" if op == "allreduce" else "byte"
    size_bytes = count * len(members) * TAG_BYTES
    said: dict[str, int | str] = {"inplace": "yes"} if in_place else {}
    if op == "allreduce" and rng.random() < 0.5:
        said["redop"] = "avg"
    case = Case(op, dtype, (size_bytes,), {"ranks": len(members), **said})
    return case, tuple(sorted(members) if order == "ascending" else members)


def made_and_given_back(ask: Ranks) -> None:
    """Descriptors, files in /dev/shm and memory are the same before and after."""
    for number in range(WARM + MADE[ask.thorough]):
        if number == WARM:
            before = resources()
        case, members = cut(ask, number, "ascending", LEAK_ELEMENTS)
        call = bound(ask, Wanted(case, members=members))
        if call is None:
            ask.tried -= 1
            return
        ask.fabric.execute(call.plan, 0)
        ask.fabric.release(call.plan)
        del call
    after = resources()
    grown = {name: after[name] - before[name] for name in before}
    ask.facts["grown"] = ", ".join(f"{name} {grown[name]:+}" for name in grown)
    if grown["descriptors"] > 0:
        ask.fail(f"{grown['descriptors']} descriptors are left of {MADE[ask.thorough]} groups")
    # Others of this host make files there, too, but hardly one for each group.
    if grown["shared files"] >= MADE[ask.thorough]:
        ask.fail(f"{grown['shared files']} files in {SHARED} are left of {MADE[ask.thorough]} groups")
    if grown["bytes"] > KEPT_BYTES:
        ask.fail(f"{grown['bytes']} bytes of memory are left of {MADE[ask.thorough]} groups")


def resources() -> dict[str, int]:
    """What this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "shared files": len(os.listdir(SHARED)) if SHARED.is_dir() else 0,
        "bytes": pages * os.sysconf("SC_PAGE_SIZE"),
    }


ITEMS = (
    Item(
        "CO-22",
        "many groups of ranks, overlapping, made and given back",
        "open-mpi/ompi#3685 mt_stress",
        "L1",
        groups,
        smoke=True,
        families=("race", "stale", "wrap", "sequence", "stale segment", "index", "alias"),
        least_ranks=2,
    ),
)
