"""A third party's card that is right, and others, each wrong in one place."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from zbench.cards.base import Slot
from zbench.cards.host import HostCard, scalars
from zbench.cards.libraries import require_operands
from zbench.case import Case
from zbench.dtypes import RESULTS

Array = NDArray[Any]


class Good(HostCard):
    """Wide products, rounded once. `sum` and `store` are where the others go wrong."""

    def operations(self) -> dict[str, tuple[str, ...]]:
        return {"gemm": ("fp32", "fp16", "int8")}

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        scaled = None if case.dtype != "int8" else ("0", "1")
        return {
            "transa": ("n", "t"),
            "transb": ("n", "t"),
            "out": RESULTS[case.dtype],
            "alpha": None if case.dtype != "int8" else ("1",),
            "beta": scaled,
        }

    def prepare(self, case: Case, slots: Sequence[Slot]) -> SimpleNamespace:
        self.require(case)
        self.check(case, slots)
        return SimpleNamespace(case=case, slots=slots, scalars=scalars(case))

    def check(self, case: Case, slots: Sequence[Slot]) -> None:
        if min(case.size) < 0:
            raise ValueError(f"size {case.size}")
        require_operands(case, slots)

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        a, b, c = (plan.slots[slot][name] for name in "abc")
        a = a.T if plan.case.get("transa") == "t" else a
        b = b.T if plan.case.get("transb") == "t" else b
        with np.errstate(all="ignore"):
            self.store(c, self.scaled(a, b, c, *plan.scalars).astype(c.dtype))

    def scaled(self, a: Array, b: Array, c: Array, alpha: float, beta: float) -> Array:
        whole = c.dtype.kind == "i"
        wide: type = np.int64 if whole else np.float64
        total = np.zeros(c.shape, wide) if alpha == 0 else self.sum(a.astype(wide), b.astype(wide))
        if alpha not in (0, 1):
            total = alpha * total
        if beta != 0:
            total = total + (c.astype(wide) if beta == 1 else beta * c.astype(wide))
        return total

    def sum(self, a: Array, b: Array) -> Array:
        """Without numpy's BLAS, whose threads do not survive a fork while they compute."""
        total: Array = np.einsum("ik,kj->ij", a, b)
        return total

    def store(self, c: Array, result: Array) -> None:
        c[...] = result


class LastColumn(Good):
    """Does not store it where 16 columns leave one."""

    def store(self, c: Array, result: Array) -> None:
        end = c.shape[1] - (c.shape[1] % 16 == 1)
        c[:, :end] = result[:, :end]


class AddsOnce(Good):
    """Every execution of a plan after its first forgets what stood in C."""

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        super().enqueue(plan, slot)
        plan.scalars = (plan.scalars[0], 0.0)


class EmptySum(Good):
    """Returns early where there is nothing to add, and leaves C as it was."""

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        if plan.case.size[2]:
            super().enqueue(plan, slot)


class Dense(Good):
    """Takes B's rows for close together."""

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        slots = list(plan.slots)
        b = slots[slot]["b"]
        dense = as_strided(b, b.shape, (b.shape[1] * b.itemsize, b.itemsize))
        slots[slot] = {**slots[slot], "b": dense}
        super().enqueue(SimpleNamespace(**{**vars(plan), "slots": slots}), slot)


class Narrow(Good):
    """Counts elements of A modulo 2^31."""

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        slots = list(plan.slots)
        a = slots[slot]["a"]
        rows, step = len(a), a.strides[0] // a.itemsize
        if rows * step >> 31:
            flat = as_strided(a, ((rows - 1) * step + a.shape[1],), (a.itemsize,))
            wrapped = np.stack([flat[i * step % 2**31 :][: a.shape[1]] for i in range(rows)])
            slots[slot] = {**slots[slot], "a": wrapped}
        super().enqueue(SimpleNamespace(**{**vars(plan), "slots": slots}), slot)


class Padding(Good):
    """Stores an element more than a row of C has, where rows leave the room."""

    def store(self, c: Array, result: Array) -> None:
        super().store(c, result)
        if c.strides[0] > c.shape[1] * c.itemsize:
            as_strided(c, (c.shape[0], c.shape[1] + 1), c.strides)[:, -1] = 0


class Beyond(Good):
    """Reads 64 bytes beyond A."""

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        a = plan.slots[slot]["a"]
        ctypes.string_at(a.ctypes.data + a.nbytes, 64)
        super().enqueue(plan, slot)


class Aligned(Good):
    """Takes A to begin at a multiple of 16 bytes."""

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        slots = list(plan.slots)
        a = slots[slot]["a"]
        slots[slot] = {**slots[slot], "a": np.roll(a, a.ctypes.data % 16 // a.itemsize)}
        super().enqueue(SimpleNamespace(**{**vars(plan), "slots": slots}), slot)


class ReadsC(Good):
    """Multiplies C by beta = 0."""

    def scaled(self, a: Array, b: Array, c: Array, alpha: float, beta: float) -> Array:
        total: Array = super().scaled(a, b, c, alpha, beta)
        return total + 0.0 * c.astype(np.float64) if c.dtype.kind != "i" and beta == 0 else total


class Split(Good):
    """Cuts long sums in parts, and forgets the last element of C."""

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        c = plan.slots[slot]["c"]
        before = c[-1:, -1:].copy()
        super().enqueue(plan, slot)
        if plan.case.size[2] > 4000:
            c[-1:, -1:] = before


class ReadsAB(Good):
    """Multiplies A and B by alpha = 0."""

    def scaled(self, a: Array, b: Array, c: Array, alpha: float, beta: float) -> Array:
        total: Array = super().scaled(a, b, c, alpha, beta)
        return total + 0.0 * self.sum(a.astype(np.float64), b.astype(np.float64)) if alpha == 0 else total


class NoAlpha(Good):
    """Forgets alpha where beta = 0."""

    def scaled(self, a: Array, b: Array, c: Array, alpha: float, beta: float) -> Array:
        return super().scaled(a, b, c, alpha if beta else 1.0, beta)


class NoNan(Good):
    """Takes NaN for zero."""

    def sum(self, a: Array, b: Array) -> Array:
        return super().sum(np.where(np.isnan(a), 0, a), b)


class Skips(Good):
    """Does not multiply where B is zero."""

    def sum(self, a: Array, b: Array) -> Array:
        total = np.zeros((a.shape[0], b.shape[1]), a.dtype)
        for column, row in zip(a.T, b, strict=True):
            total += np.where(row == 0, 0, column[:, None] * row)
        return total


class NoZero(Good):
    """The least number in the place of zeros."""

    def store(self, c: Array, result: Array) -> None:
        c[...] = np.where(result == 0, np.finfo(c.dtype).smallest_subnormal, result)


class RoundsUp(Good):
    """Leaves the caller with another rounding mode."""

    def enqueue(self, plan: SimpleNamespace, slot: int) -> None:
        super().enqueue(plan, slot)
        ctypes.CDLL("libm.so.6").fesetround(0x800)  # FE_UPWARD of x86-64


class Clamps(Good):
    """At the largest number of fp16."""

    def sum(self, a: Array, b: Array) -> Array:
        return np.clip(super().sum(a, b), -65504, 65504)


class Shared(Good):
    """One buffer for whatever calls there are."""

    def sum(self, a: Array, b: Array) -> Array:
        self.kept = a
        time.sleep(1e-3)
        return super().sum(self.kept, b)


class OnAThread(Good):
    """Computes on a thread of its own, which a forked process does not have."""

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1)

    def sum(self, a: Array, b: Array) -> Array:
        wait: Callable[[], Array] = self.pool.submit(super().sum, a, b).result
        return wait()


class Unchecked(Good):
    """Lets numpy convert and broadcast."""

    def check(self, case: Case, slots: Sequence[Slot]) -> None:
        pass


class Saturates(Good):
    """The largest product of all, -128 squared, is one less."""

    def sum(self, a: Array, b: Array) -> Array:
        return a @ b if a.shape[1] > 1 else np.minimum(a * b, 128 * 128 - 1)
