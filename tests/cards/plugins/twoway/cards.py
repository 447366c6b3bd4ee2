"""A vendor's cards with a memory of their own, that copy between it, the host and each other.

Their memory is a bytearray that only copies and `read` reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.cards.base import Card, Slot
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES


@dataclass
class Memory:
    """A buffer somewhere."""

    place: str | int
    data: bytearray
    dtype: str


@dataclass
class Plan:
    slots: Sequence[Slot]


class Twoway(Card):
    """Card 0 of three, which reaches the third."""

    memory = "twoway"
    peers = (2,)

    @classmethod
    def threaded(cls, option: str | None) -> bool:
        return False

    def operations(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(("copy_h2d", "copy_d2h", "copy_d2d"), ("byte",))

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        if case.workload == "copy_d2d":
            return {"peer": ("none", *self.peers), "blocking": ("no", "yes")}
        return {"memory": ("pageable", "pinned"), "blocking": ("no", "yes")}

    def alloc(self, shape: tuple[int, ...], dtype: str) -> Memory:
        return self.alloc_at("card", shape, dtype)

    def alloc_at(self, place: str | int, shape: tuple[int, ...], dtype: str) -> Memory:
        return Memory(place, bytearray(int(np.prod(shape)) * NUMPY_DTYPES[dtype].itemsize), dtype)

    def write(self, buffer: Memory, data: NDArray[Any]) -> None:
        buffer.data[:] = data.tobytes()

    def read(self, buffer: Memory) -> NDArray[Any]:
        return np.frombuffer(bytes(buffer.data), NUMPY_DTYPES[buffer.dtype])

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        return Plan(slots)

    def enqueue(self, plan: Plan, slot: int) -> None:
        origin, target = plan.slots[slot]["from"], plan.slots[slot]["to"]
        target.data[:] = origin.data

    def variant(self, plan: Plan) -> dict[str, str]:
        """Where the two ends lay."""
        return {name: str(plan.slots[0][name].place) for name in ("from", "to")}


class Forgetful(Twoway):
    """Leaves out the last byte."""

    def enqueue(self, plan: Plan, slot: int) -> None:
        origin, target = plan.slots[slot]["from"], plan.slots[slot]["to"]
        target.data[:-1] = origin.data[:-1]
