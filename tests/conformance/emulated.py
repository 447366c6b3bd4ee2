"""A card whose arithmetic is a function, so that a test can break it in one place."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from zbench.cards.base import Card
from zbench.conformance.catalogue import BY_ID
from zbench.conformance.declaration import Declaration, GemmDeclaration
from zbench.conformance.products import Products
from zbench.dtypes import NUMPY_DTYPES

Multiply = Callable[[NDArray, NDArray], NDArray]
"""C, of any float dtype, from A and B as they are stored."""
Step = Callable[[NDArray], NDArray]


class Emulated(Card):
    """One dtype, with C in fp32 alone where that can be had."""

    def __init__(self, multiply: Multiply, dtype: str = "fp32") -> None:
        super().__init__()
        self.multiply, self.dtype, self.threads = multiply, dtype, 1

    def operations(self):
        return {"gemm": (self.dtype,)}

    def modes(self, case):
        return {"out": ("bf16", "fp32") if self.dtype.startswith("fp8") else ("fp32",), "beta": None}

    def alloc(self, shape, dtype):
        return np.empty(shape, NUMPY_DTYPES[dtype])

    def adopt(self, array):
        return array

    def write(self, buffer, data):
        buffer[...] = data

    def read(self, buffer):
        return buffer.copy()

    def prepare(self, case, slots):
        self.require(case)
        self.threads = case.threads
        return SimpleNamespace(slots=slots, beta=float(case.get("beta")))

    def enqueue(self, plan, slot):
        place = plan.slots[slot]
        with np.errstate(all="ignore"):
            c = self.multiply(place["a"], place["b"])
            place["c"][...] = c if plan.beta == 0.0 else c + plan.beta * place["c"]


def as_stored(total: NDArray) -> NDArray:
    return total


def one_by_one(
    kind: type = np.float32, term: Step = as_stored, total: Step = as_stored, operand: Step = as_stored
) -> Multiply:
    """Sums of one term after the other in `kind`, with something done to operands, terms or sums."""

    def multiply(a, b):
        left, right = operand(a).astype(kind), operand(b).astype(kind)
        c = np.zeros((a.shape[0], b.shape[1]), kind)
        for i in range(a.shape[1]):
            c = total(c + term(left[:, i, None] * right[None, i]))
        return c

    return multiply


def cut(bits: int) -> Step:
    """fp64 numbers, cut off behind so many bits of their significands."""
    mask = np.uint64(~((1 << (53 - bits)) - 1) & (2**64 - 1))

    def step(x):
        return (np.ascontiguousarray(x).view(np.uint64) & mask).view(np.float64)

    return step


def verdict(
    card: Card,
    id: str,
    declared: GemmDeclaration | None = None,
    seed: int = 0,
    only: str = "*",
    soak_s: float = 0.05,
) -> tuple[str, str, dict[str, str]]:
    """(status, why, facts) of one test of this card, as shallow as it gets; None: it declares nothing."""
    (dtype,) = card.operations()["gemm"]
    said = Declaration(1, "emulated", () if declared is None else (declared,))
    ask = Products(card, dtype, said, BY_ID[id], seed, 0, only, soak_s)
    BY_ID[id].run(ask)
    return *ask.verdict(), ask.facts
