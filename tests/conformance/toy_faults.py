"""Toys with one fault each, in one place, and the test that is there to catch it."""

from __future__ import annotations

import numpy as np

from tests.conformance.toy import ADDED, Array, Plan, Toy
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES


class Transposed(Toy):
    """Takes block (i, j) of an alltoall for (j, i)."""

    def exchanged(self, given: list[Array]) -> Array:
        return given[self.world.rank]


class CountedTwice(Toy):
    """Adds rank 1 twice and rank 0 never."""

    def heard(self, case: Case, given: list[Array]) -> list[Array]:
        return [given[1], *given[1:]] if case.workload == "allreduce" else given


class Narrow(Toy):
    """Adds fp32 in bf16."""

    def pair(self, case: Case, a: Array, b: Array) -> Array:
        short = NUMPY_DTYPES["bf16" if case.dtype == "fp32" else case.dtype]
        return super().pair(case, a.astype(short), b.astype(short)).astype(a.dtype)


class Loose(Toy):
    """Rounds a sum of fp32 to one bit less than it has."""

    def total(self, case: Case, given: list[Array]) -> Array:
        total = super().total(case, given)
        if case.dtype != "fp32" or case.workload != "reduce":
            return total
        return (total.view(np.uint32) & 0xFFFFFFF8).view(np.float32)


class StaleTail(Toy):
    """Leaves what stands behind the last whole vector register."""

    def land(self, plan: Plan, result: Array) -> None:
        whole = result.size - result.size % 4
        super().land(plan, result if self.calls % 2 else result[:whole])


class KeptSum(Toy):
    """Leaves the sum that it has put there when a plan is executed once more."""

    last: Plan | None = None

    def land(self, plan: Plan, result: Array) -> None:
        if plan is not self.last or plan.case.workload not in ADDED:
            super().land(plan, result)
        self.last = plan


class LastOfOne(Toy):
    """Of one rank's average the last elements are not touched."""

    def land(self, plan: Plan, result: Array) -> None:
        super().land(plan, result[:-8] if plan.case.redop == "avg" else result)


class WritesNothing(Toy):
    """Of nothing it makes one element."""

    def land(self, plan: Plan, result: Array) -> None:
        super().land(plan, result if result.size else np.zeros(1, result.dtype))


class Scribbles(Toy):
    """Writes into the `out` of ranks that have no result."""

    def result(self, plan: Plan, given: list[Array]) -> Array | None:
        found = super().result(plan, given)
        if found is None:
            plan.slot["out"][:1] = 0
        return found


class OtherRoot(Toy):
    """Takes the next rank for the root."""

    def root(self, case: Case) -> int:
        return (case.root + 1) % case.ranks


class ChangesInput(Toy):
    """Adds in what was sent."""

    def land(self, plan: Plan, result: Array) -> None:
        super().land(plan, result)
        if plan.case.workload == "allreduce" and not plan.case.in_place:
            plan.slot["in"][:] = result


class Aligned(Toy):
    """Loads whole words of 16 bytes, from wherever the nearest begins."""

    def land(self, plan: Plan, result: Array) -> None:
        super().land(plan, np.roll(result, 1) if plan.slot["out"].ctypes.data % 16 else result)


class OneMore(Toy):
    """Stores one element behind the result."""

    def land(self, plan: Plan, result: Array) -> None:
        super().land(plan, np.append(result, result[:1])[: plan.slot["out"].size])


class FromOwn(Toy):
    """Begins to add with its own operand."""

    def heard(self, case: Case, given: list[Array]) -> list[Array]:
        turn = self.world.rank if case.workload == "allreduce" else 0
        return given[turn:] + given[:turn]


class AnyOrder(Toy):
    """Adds in another order in every call."""

    def heard(self, case: Case, given: list[Array]) -> list[Array]:
        turn = self.calls % case.ranks if case.workload == "allreduce" else 0
        return given[turn:] + given[:turn]


class NanByPlace(Toy):
    """Keeps a NaN that comes first."""

    def pair(self, case: Case, a: Array, b: Array) -> Array:
        return np.where(a < b, b, a) if case.redop == "max" else super().pair(case, a, b)


class Clamped(Toy):
    """Has no infinities."""

    def total(self, case: Case, given: list[Array]) -> Array:
        total = super().total(case, given)
        return np.nan_to_num(total, nan=np.nan) if case.dtype == "fp32" else total


class Saturated(Toy):
    """Integers that do not wrap."""

    def pair(self, case: Case, a: Array, b: Array) -> Array:
        if case.dtype != "int32" or case.redop != "sum":
            return super().pair(case, a, b)
        ends = np.iinfo(np.int32)
        return np.clip(a.astype(np.int64) + b, ends.min, ends.max).astype(np.int32)


class Flushed(Toy):
    """Takes subnormals for zero."""

    def heard(self, case: Case, given: list[Array]) -> list[Array]:
        if case.dtype != "fp32":
            return given
        return [
            np.where(np.abs(each) < np.finfo(np.float32).tiny, 0, each).astype(each.dtype) for each in given
        ]


class OneOfTwo(Toy):
    """Has two algorithms; the second drops the last rank where there is more than one element for each."""

    def algorithms(self, case: Case) -> tuple[str, ...]:
        return ("first", "second")

    def result(self, plan: Plan, given: list[Array]) -> Array | None:
        found = super().result(plan, given)
        if found is not None and plan.algorithm == "second" and plan.case.in_place:
            found = np.zeros_like(found)
        return found


CAUGHT: tuple[tuple[str, type[Toy]], ...] = (
    ("CO-01", Transposed),
    ("CO-02", CountedTwice),
    ("CO-03", Narrow),
    ("CO-04", Loose),
    ("CO-05", StaleTail),
    ("CO-05", KeptSum),
    ("CO-05", Scribbles),
    ("CO-06", LastOfOne),
    ("CO-07", WritesNothing),
    ("CO-08", OtherRoot),
    ("CO-09", ChangesInput),
    ("CO-10", Aligned),
    ("CO-11", OneMore),
    ("CO-12", FromOwn),
    ("CO-13", AnyOrder),
    ("CO-14", FromOwn),
    ("CO-15", NanByPlace),
    ("CO-16", Clamped),
    ("CO-17", Saturated),
    ("CO-18", Flushed),
    ("CO-24", OneOfTwo),
)
"""(test, toy that it must fail), in a world of three ranks; of one where the test has no other."""
