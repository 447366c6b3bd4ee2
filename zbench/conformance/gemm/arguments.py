"""GE-35: what no product can be made of is refused, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.compare import equal
from zbench.conformance.gemm.exact import product
from zbench.conformance.gemm.shapes import Size, given
from zbench.conformance.item import Item
from zbench.conformance.products import POISON_BYTE, Products
from zbench.dtypes import NUMPY_DTYPES

Array = NDArray[Any]
SIZE: Size = (24, 40, 32)
ROOM_BYTES = 1 << 16
"""Around each operand: what is written beyond it is found there, and harms nobody."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a product of SIZE."""

    name: str
    size: Size = SIZE
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of operands that are not of the case's size."""
    dtypes: Mapping[str, str] = field(default_factory=dict)
    overlap: str = ""
    """The operand in whose memory C begins."""
    at: int = 0
    """At which of that operand's rows; -1: one before it."""
    row_step: int = 0
    """Elements from row to row of C, where not its own."""
    writable: bool = True
    """Whether C may be written."""
    parameters: Mapping[str, str] = field(default_factory=dict)


def faults() -> Iterator[Fault]:
    m, n, k = SIZE
    yield Fault("C is A", overlap="a")
    yield Fault("C begins in A's last row", overlap="a", at=m - 1)
    yield Fault("C begins before A", overlap="a", at=-1)
    yield Fault("C is B", overlap="b")
    yield Fault("C begins in B's last row", overlap="b", at=k - 1)
    yield Fault("C begins before B", overlap="b", at=-1)
    yield Fault("rows of C overlap", row_step=n - 1)
    yield Fault("rows of C run backwards", row_step=-n)
    yield Fault("C may not be written", writable=False)
    yield Fault("A is a column short", shapes={"a": (m, k - 1)})
    yield Fault("A is a row short", shapes={"a": (m - 1, k)})
    yield Fault("B is a column short", shapes={"b": (k, n - 1)})
    yield Fault("B is a row short", shapes={"b": (k - 1, n)})
    yield Fault("C is a column short", shapes={"c": (m, n - 1)})
    yield Fault("C is a row short", shapes={"c": (m - 1, n)})
    yield Fault("C is a vector", shapes={"c": (m * n,)})
    yield Fault("A is of another dtype", dtypes={"a": "int64"})
    yield Fault("C is of another dtype", dtypes={"c": "int64"})
    for i, name in enumerate("mnk"):
        yield Fault(f"{name} is negative", size=(*SIZE[:i], -SIZE[i], *SIZE[i + 1 :]))  # type: ignore[arg-type]
    yield Fault("transa=x", parameters={"transa": "x"})
    yield Fault("alpha is no number", parameters={"alpha": "one"})
    yield Fault("a parameter that there is not", parameters={"gamma": "1"})


def refusals(ask: Products) -> None:
    """GE-35: by an error of whatever kind, from `adopt` on; never a wrong answer, or the end of the process.

    Operands that overlap may also be computed as though they did not, as numpy does with a copy. A card that
    refuses everything is not careful: the same product without a fault is computed.
    """
    adopts = ask.adopts()
    if ask.attempt("nothing is wrong"):
        a, b = given(ask, SIZE)
        ask.expect(product(a, b, ask.out), a, b)
    for fault in faults():
        elsewhere = bool(fault.overlap or fault.row_step)
        if ((elsewhere or not fault.writable) and not adopts) or not ask.attempt(fault.name):
            continue
        a, b = given(ask, SIZE)
        expected = product(a, b, ask.out)
        whole = np.full((3, ROOM_BYTES), POISON_BYTE, np.uint8)
        slot = _laid_out(ask, fault, {"a": a, "b": b}, whole)
        before = whole.copy()
        asked = _computed(ask, fault, slot, adopts)
        if asked is None:
            if not np.array_equal(before, whole):
                ask.fail("it is refused, and yet something was written")
        elif not (elsewhere and equal(expected, asked.reshape(expected.shape)) is None):
            ask.fail("it is not refused")


def _laid_out(ask: Products, fault: Fault, inputs: dict[str, Array], whole: Array) -> dict[str, Array]:
    """A, B and C in the middle of a row of `whole` each, C where the fault has it."""
    m, n, _ = SIZE
    dtypes = {"a": ask.type_a, "b": ask.type_b, "c": ask.out}
    slot: dict[str, Array] = {}
    middle = ROOM_BYTES // 2
    for row, name in enumerate("abc"):
        kind = NUMPY_DTYPES[fault.dtypes.get(name, dtypes[name])]
        shape = fault.shapes.get(name, inputs[name].shape if name in inputs else (m, n))
        room, begin = whole[row], middle
        if name == "c" and fault.overlap:
            room = whole["ab".index(fault.overlap)]
            begin += -(-fault.at * slot[fault.overlap].strides[0] // kind.itemsize) * kind.itemsize
        steps = None
        if name == "c" and fault.row_step:
            steps = (fault.row_step * kind.itemsize, kind.itemsize)
        slot[name] = np.ndarray(shape, kind, room, begin, steps)
        if name in inputs and not fault.shapes.get(name) and not fault.dtypes.get(name):
            slot[name][...] = inputs[name]
    slot["c"].flags.writeable = fault.writable
    return slot


def _computed(ask: Products, fault: Fault, slot: dict[str, Array], adopts: bool) -> Array | None:
    """C after the product, if it was not refused."""
    said: dict[str, int | str] = {"threads": 1, "out": ask.out, **fault.parameters}
    card, plan = ask.card, None
    try:
        if adopts:
            buffers = {name: card.adopt(array) for name, array in slot.items()}
        else:
            buffers = {name: _copied(ask, name, array, fault) for name, array in slot.items()}
        plan = card.prepare(Case("gemm", ask.dtype, fault.size, said), [buffers])
        card.refresh(plan)
        card.enqueue(plan, 0)
        card.synchronize()
        return card.read(buffers["c"])
    except Exception:  # of whatever kind: what counts is that there is one
        return None
    finally:
        if plan is not None:
            with suppress(Exception):
                card.release(plan)


def _copied(ask: Products, name: str, array: Array, fault: Fault) -> Any:
    """In the card's own memory."""
    kinds = {"a": ask.type_a, "b": ask.type_b, "c": ask.out}
    buffer = ask.card.alloc(array.shape, fault.dtypes.get(name, kinds[name]))
    ask.card.write(buffer, array)
    return buffer


ITEMS = (
    Item(
        "GE-35",
        "operands that overlap, and arguments that are wrong",
        "LAPACK xBLAT3, error exits",
        "L1",
        refusals,
        families=("alias", "guard"),
    ),
)
