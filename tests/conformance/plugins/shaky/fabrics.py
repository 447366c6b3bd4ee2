"""Shared memory with one fault each that shows in long runs, groups, or where ranks disagree."""

from __future__ import annotations

import os
import time

import numpy as np
from msgspec.structs import replace

from zbench.errors import InvalidRun, Unsupported
from zbench.fabrics.shm import Shm


class Raises(Shm):
    """The second rank's tenth call raises, when the first has gone on."""

    timeout_s = 2.0

    calls = 0

    def execute(self, plan, slot):
        self.calls += 1
        if self.calls == 10 and self.world.rank == 1:
            raise RuntimeError("tripped")
        super().execute(plan, slot)


class Hangs(Shm):
    """No call of the first rank ever ends."""

    def execute(self, plan, slot):
        while self.world.rank == 0:
            time.sleep(1)
        super().execute(plan, slot)


class Dies(Shm):
    """The last rank ends without a word in a timed round."""

    def run_rounds(self, plan, rounds, batch=1):
        if self.world.rank == self.world.size - 1:
            os._exit(9)
        return super().run_rounds(plan, rounds, batch)


class Lags(Shm):
    """In a group, timed rounds over several slots leave the last one as it was."""

    grouped = frozenset()

    def prepare(self, case, slots, algorithm=None, members=None):
        plan = super().prepare(case, slots, algorithm, members)
        self.grouped |= {id(plan)} if members is not None else set()
        return plan

    def run_rounds(self, plan, rounds, batch=1):
        last = plan.plan._slots[-1]["out"]
        before = last.copy()
        ns = super().run_rounds(plan, rounds, batch)
        if batch > 1 and id(plan) in self.grouped:
            last[...] = before
        return ns


class Swaps(Shm):
    """Every seventh call leaves the result of the call before it, where that has the same size."""

    calls, before = 0, None

    def execute(self, plan, slot):
        super().execute(plan, slot)
        self.calls += 1
        out = plan.plan._slots[slot]["out"]
        own = out.copy()
        if self.calls % 7 == 0 and self.before is not None and self.before.nbytes:
            out.view(np.uint8)[: self.before.nbytes] = self.before.view(np.uint8)[: out.nbytes]
        self.before = own


class OneSlot(Shm):
    """Times one slot over and over, which stays in the cache, instead of all in turn."""

    def prepare(self, case, slots, algorithm=None, members=None):
        return super().prepare(case, slots[:1], algorithm, members)


class Wraps(Shm):
    """Counts bytes in 32 bits."""

    def prepare(self, case, slots, algorithm=None, members=None):
        return super().prepare(replace(case, size=(case.size[0] & 0xFFFFFFFF,)), slots, algorithm, members)


class Sorts(Shm):
    """Knows the ranks of a group in another order than the one given."""

    def prepare(self, case, slots, algorithm=None, members=None):
        return super().prepare(case, slots, algorithm, members and tuple(sorted(members)))


class Keeps(Shm):
    """Gives nothing back."""

    kept: list = []

    def prepare(self, case, slots, algorithm=None, members=None):
        self.kept.append((super().prepare(case, slots, algorithm, members), os.dup(0)))
        return self.kept[-1][0]


class Trusts(Shm):
    """Takes every reduction for a sum, whatever the other ranks call."""

    def prepare(self, case, slots, algorithm=None, members=None):
        said = {name: value for name, value in case.parameters.items() if name != "redop"}
        return super().prepare(replace(case, parameters=said), slots, algorithm, members)


class Vague(Shm):
    """Ends a wait in time, and does not say for whom it waited."""

    timeout_s = 2.0

    def execute(self, plan, slot):
        try:
            super().execute(plan, slot)
        except InvalidRun as error:
            raise InvalidRun("internal error") from error


class Late(Shm):
    """Ends a wait, and names everything, but long after its limit."""

    timeout_s = 2.0

    def execute(self, plan, slot):
        try:
            super().execute(plan, slot)
        except InvalidRun:
            time.sleep(1.5)
            raise


class Prompt(Shm):
    """Nothing is wrong with it; it only waits less."""

    timeout_s = 2.0


class Absent(Shm):
    """Is not there: no world of it ever starts."""

    def __init__(self, world, option=None):
        raise InvalidRun("no such device")


class Refuses(Shm):
    """Offers all that shared memory does, and makes no plan for any of it."""

    def prepare(self, case, slots, algorithm=None, members=None):
        raise Unsupported(f"{case.key}: not today")
