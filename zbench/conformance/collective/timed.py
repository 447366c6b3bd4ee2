"""CO-27: what is timed is what is verified: random rounds of the timed loop are checked in full."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.collective.calls import Call, Wanted, agreed, bound, give, operands, wrong
from zbench.conformance.compare import identical
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks, poison
from zbench.workloads.messages import buffers

SLOTS = 3
BURSTS = (4, 8, 24)
"""At L0, L1, and from L2 on. Each ends at a random round, whose answer and those of the rounds before it, a
slot each, are checked in full."""
ROUNDS_MOST = 40
ELEMENTS = 4099
TIMED: tuple[tuple[str, str, int, dict[str, int | str]], ...] = (
    ("allreduce", "fp32", 1, {}),
    ("alltoall", "byte", 1, {}),
    ("bcast", "byte", 1, {}),
    ("allreduce", "int32", 2, {"inplace": "yes"}),
)
"""Operation, dtype, executions in a round, parameters. In place each of them must find its own operand."""
LONG_S = 0.02
"""What one round of many executions takes at least: beside it, its common start is nothing."""
BATCHES = (16, 1 << 20)
"""Executions of it, at least and at most: where ranks take turns, the start may take as long as some of them;
and who claims less than 20 ns for one need not be asked further."""
TOLD = 0.5
"""Of what such a call took, its stamps must hold this share. On an idle host they hold nearly all; a busy one
stretches both alike, but for the moments before the first rank begins and behind the last one's end, beside
which each further try has four times as many executions."""
TRIES = 5


def timed(ask: Ranks) -> None:
    """A round's executions use the next slots and no other, each with data of its own; every output is
    poisoned before the burst, so that an answer that was kept, or not calculated, is seen; stamps are ordered
    and disjoint.

    Fact: what verifying adds to the timed rounds themselves, that is, nothing but the caches' state.
    """
    for op, dtype, batch, said in TIMED:
        if not ask.offers(op, dtype) or not ask.attempt(f"{op} {dtype}"):
            continue
        unit = 8 if dtype == "byte" else 1
        case = ask.case(op, dtype, ELEMENTS * ask.size * unit, **said)
        call = bound(ask, Wanted(case, slots=SLOTS))
        if call is None:
            ask.tried -= 1
            continue
        untouched = poison(buffers(case)["out"].shape, dtype)
        rng, verified, began, medians = ask.rng(0), 0, time.perf_counter(), []
        for burst in range(BURSTS[ask.thorough]):
            rounds = int(rng.integers(1, ROUNDS_MOST))
            given = [operands(ask, case, burst * SLOTS + slot) for slot in range(SLOTS)]
            for slot in range(SLOTS):
                give(ask, call, slot, given[slot][ask.rank])
            stamps = ask.fabric.run_rounds(call.plan, rounds, batch)
            medians.append(float(np.median(np.diff(stamps))))
            if why := misplaced(stamps, rounds):
                ask.fail(f"burst {burst}: {why}")
            for slot in range(SLOTS):
                if slot < rounds * batch:
                    why = wrong(ask, call, slot, given[slot])
                    verified += 1
                else:
                    found = identical(untouched, ask.fabric.read(call.slots[slot]["out"]))
                    why = f"written without a round of its own: {found}" if found else ""
                if why:
                    ask.fail(f"burst {burst} of {rounds} rounds, slot {slot}: {why}")
        whole = time.perf_counter() - began
        bare = float(np.median(np.diff(ask.fabric.run_rounds(call.plan, ROUNDS_MOST, batch))))
        ask.facts[f"{op} {dtype}, timed"] = (
            f"{verified} answers verified in {whole:.3f} s; a round takes {np.median(medians) / bare:.2f} of "
            "what it takes in a burst that nobody verifies"
        )
        if not case.in_place and (why := unaccounted(ask, call)):
            ask.fail(why)
        ask.fabric.release(call.plan)


def unaccounted(ask: Ranks, call: Call) -> str:
    """Why a round's time is not that of all its executions; "": it is. All ranks ask for as many executions,
    and have as many tries. Not in place, where a slot has an operand for one execution of a round."""
    (batch, most), share, why = BATCHES, 0.0, ""
    for _ in range(TRIES):
        stamps, seconds = lasting(ask, call, batch)
        while min(float(each) for each in ask.everyone(str(seconds).encode())) < LONG_S and batch < most:
            batch *= 4
            stamps, seconds = lasting(ask, call, batch)
        share = max(share, float(np.diff(stamps).sum()) / 1e9 / seconds)
        told = f"the stamps of a round of {batch} executions hold {share:.1%} of what the call took"
        why = told if share < TOLD else ""
        if not agreed(ask, why):
            break
        batch = min(4 * batch, most)
    return why


def lasting(ask: Ranks, call: Call, batch: int) -> tuple[NDArray[np.int64], float]:
    """One round of so many executions: its stamps, and how long the call took."""
    agreed(ask, "")  # nobody has to wait for the others' beginning
    began = time.perf_counter()
    stamps = ask.fabric.run_rounds(call.plan, 1, batch)
    return stamps, time.perf_counter() - began


def misplaced(stamps: NDArray[np.int64], rounds: int) -> str:
    """What is wrong with the stamps of a burst; "": nothing."""
    if stamps.shape != (rounds, 2):
        return f"stamps of shape {stamps.shape} for {rounds} rounds"
    return "" if (np.diff(stamps.reshape(-1)) >= 0).all() else "rounds that overlap, or end before they begin"


ITEMS = (
    Item(
        "CO-27",
        "random rounds of the timed loop, verified in full",
        "nccl-tests src/common.cu; nccl-tests#172",
        "L1",
        timed,
        smoke=True,
        families=("cheat", "stale", "sporadic", "race", "alias"),
        least_ranks=2,
        limit_s=180.0,  # of a library that polls where ranks share cores, too: 51 s of MPICH with 3 on 2
    ),
)
