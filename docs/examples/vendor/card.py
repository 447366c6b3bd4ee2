"""A card with memory and a queue of its own, as an accelerator has; it computes with numpy's einsum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.cards.base import Card, Slot
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported, UsageError

AXES = {("a", "n"): "ik", ("a", "t"): "ki", ("b", "n"): "kj", ("b", "t"): "jk"}
"""How einsum names the axes of an operand, plain and transposed."""


@dataclass
class Memory:
    """A buffer on the device: the harness never looks inside, it calls `write` and `read`."""

    array: NDArray[Any]


@dataclass
class Plan:
    """What `prepare` returns; `slots` is what the default `run_rounds` asks of it."""

    pattern: str
    slots: Sequence[Slot]


class Einsum(Card):
    memory = "einsum"

    def __init__(self, option: str | None = None) -> None:
        if option is not None:
            raise UsageError(f"card einsum:{option}: there are no options")
        super().__init__(option)
        self.queue: list[tuple[Plan, int]] = []

    def operations(self) -> dict[str, tuple[str, ...]]:
        return {"gemm": ("fp32", "fp64")}

    def alloc(self, shape: tuple[int, ...], dtype: str) -> Memory:
        return Memory(np.empty(shape, NUMPY_DTYPES[dtype]))

    def write(self, buffer: Memory, data: NDArray[Any]) -> None:
        np.copyto(buffer.array, data)

    def read(self, buffer: Memory) -> NDArray[Any]:
        self.synchronize()
        return buffer.array.copy()

    def modes(self, case: Case) -> dict[str, Sequence[str]]:
        return {"transa": ("n", "t"), "transb": ("n", "t")}

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        if case.threads > 1:
            raise Unsupported("einsum computes on one thread")
        a, b = AXES["a", str(case.get("transa"))], AXES["b", str(case.get("transb"))]
        return Plan(f"{a},{b}->ij", slots)

    def enqueue(self, plan: Plan, slot: int) -> None:
        self.queue.append((plan, slot))

    def synchronize(self) -> None:
        for plan, slot in self.queue:
            a, b, c = (plan.slots[slot][name].array for name in "abc")
            np.einsum(plan.pattern, a, b, out=c, optimize=False)
        self.queue.clear()

    def variant(self, plan: Plan) -> dict[str, str]:
        return {"pattern": plan.pattern}

    def describe(self) -> dict[str, str]:
        return {"numpy": np.__version__}
