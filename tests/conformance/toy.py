"""A fabric of a page: every rank hears every rank's operand out of band and makes its result by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.fabrics.base import Fabric, Slot
from zbench.routing import count_matrix

Array = NDArray[Any]
ADDED = ("reduce", "allreduce", "reduce_scatter", "scan", "exscan")
MOVED = ("bcast", "allgather", "gather", "scatter", "alltoall", "alltoallv", "sendrecv")
FOLDS = {
    "sum": np.add,
    "avg": np.add,
    "prod": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "band": np.bitwise_and,
    "bor": np.bitwise_or,
    "bxor": np.bitwise_xor,
}


class Plan(NamedTuple):
    case: Case
    slot: Slot
    algorithm: str | None


def cut(vector: Array, ranks: int, rank: int) -> Array:
    return np.array_split(vector, ranks)[rank]


class Toy(Fabric):
    """The right one; `toy_faults.py` has wrong ones."""

    offers = dict.fromkeys(ADDED, ("fp32", "bf16", "int32")) | dict.fromkeys(MOVED, ("byte",))
    calls = 0

    def operations(self) -> dict[str, tuple[str, ...]]:
        return dict(self.offers)

    def alloc(self, shape: tuple[int, ...], dtype: str) -> Array:
        return np.zeros(shape, NUMPY_DTYPES[dtype])

    def adopt(self, array: Array) -> Array:
        return array

    def write(self, buffer: Array, data: Array) -> None:
        np.copyto(buffer, data, casting="no")

    def read(self, buffer: Array) -> Array:
        return buffer.copy()

    def prepare(
        self,
        case: Case,
        slots: Sequence[Slot],
        algorithm: str | None = None,
        members: tuple[int, ...] | None = None,
    ) -> Plan:
        return Plan(case, slots[0], algorithm)

    def run_rounds(self, plan: Plan, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        self.execute(plan, 0)
        return np.zeros((rounds, 2), np.int64)

    def probe(self, case: Case) -> None:
        return None

    def execute(self, plan: Plan, slot: int) -> None:
        self.calls += 1
        case, own = plan.case, plan.slot["in"]
        count = case.size[0] // own.itemsize
        if case.workload in ("allgather", "gather"):
            own = own[: cut(np.empty(count), case.ranks, self.world.rank).size]
        told = self.world.share(own[:count].tobytes()) if case.ranks > 1 else [own[:count].tobytes()]
        result = self.result(plan, self.heard(case, [np.frombuffer(each, own.dtype) for each in told]))
        if result is not None:
            self.land(plan, result)

    def heard(self, case: Case, given: list[Array]) -> list[Array]:
        return given

    def root(self, case: Case) -> int:
        return case.root

    def result(self, plan: Plan, given: list[Array]) -> Array | None:
        """This rank's; None: it has none."""
        case, rank, p = plan.case, self.world.rank, self.world.size
        op, root = case.workload, self.root(case)
        if op in ("reduce", "gather") and rank != root:
            return None
        if op in ADDED:
            who = {"scan": given[: rank + 1], "exscan": given[:rank]}.get(op, given)
            if not who:
                return None
            total = self.total(case, who)
            return cut(total, p, rank) if op == "reduce_scatter" else total
        if op == "alltoallv":
            rows = zip(given, count_matrix(case), strict=True)
            return np.concatenate([own[sum(row[:rank]) : sum(row[: rank + 1])] for own, row in rows])
        if op == "alltoall":
            return self.exchanged(given)
        if op in ("bcast", "scatter"):
            return given[root] if op == "bcast" else cut(given[root], p, rank)
        return given[(rank - 1) % p] if op == "sendrecv" else np.concatenate(given)

    def exchanged(self, given: list[Array]) -> Array:
        return np.concatenate([cut(each, len(given), self.world.rank) for each in given])

    def total(self, case: Case, given: list[Array]) -> Array:
        total = given[0]
        with np.errstate(over="ignore", invalid="ignore"):
            for each in given[1:]:
                total = self.pair(case, total, each)
            if case.redop != "avg":
                return total
            quotient = total / total.dtype.type(case.ranks)
        return np.asarray((np.trunc(quotient) if case.dtype == "int32" else quotient).astype(total.dtype))

    def pair(self, case: Case, a: Array, b: Array) -> Array:
        both = np.asarray(FOLDS[case.redop](a, b))
        if case.redop in ("min", "max") and case.dtype != "int32":  # of two zeros numpy takes either
            first = np.signbit(a) == (case.redop == "min")
            both = np.where(a == b, np.where(first, a, b), both)
        return both

    def land(self, plan: Plan, result: Array) -> None:
        case, begin = plan.case, 0
        if case.in_place and case.workload in ("reduce_scatter", "scatter"):
            begin = sum(cut(plan.slot["out"], case.ranks, rank).size for rank in range(self.world.rank))
        plan.slot["out"][begin : begin + result.size] = result
