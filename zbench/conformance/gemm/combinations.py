"""GE-43: products in which any three of a card's ways to store, scale and execute them meet.

Faults hide where ways meet: a batch of few rows by a transposed B, prepacked weights that are added to C, the
second execution of a plan with several blocks of k. Who tries each way by itself sees none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from zbench.conformance.compare import equal, shaped, within
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.gemm.exact import integers, limit
from zbench.conformance.gemm.scalars import scaled
from zbench.conformance.gemm.shapes import BEYOND_CACHE, Size, stored
from zbench.conformance.gemm.sizes import covering
from zbench.conformance.gemm.strides import padded
from zbench.conformance.item import Item
from zbench.conformance.pages import guarded
from zbench.conformance.products import Products, number
from zbench.conformance.tolerance import deterministic
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.errors import Unsupported
from zbench.native.cpu import usable_cpus

Array = NDArray[Any]
SIZES: tuple[Size, ...] = (
    (1, 5, 3),
    (1, 300, 1024),
    (4, 7, 16),
    (5, 7, 0),
    (13, 66, 1030),
    (16, 300, 512),
    (17, 33, 70),
    (64, 64, 64),
    (96, 97, 95),
    (131, 130, 257),
    BEYOND_CACHE,
)
"""One row, few and many; of k nothing, whole blocks and parts of one; in a core's own cache and beyond it."""
BATCH = 5
"""Odd, and more than two threads: shares of the work begin and end within products."""
BATCHES = ("batch", "batch of one A", "batch of one B")
"""Each product with operands of its own, or all with the same A, or B, at a stride of 0 between products."""
SCALARS = ((1.0, 0.0), (1.0, 1.0), (2.0, -1.0), (-1.0, 0.5), (0.0, 1.0), (0.5, 2.0))
"""alpha and beta: powers of two, which round nothing by themselves."""
PLACES = ("own memory", "rows apart", "at the end of a page", "A beside C")
RUNS = ("once", "again", "in turn")
"""Again: the same plan on other operands. In turn: timed, one execution more than there are slots, so
that the first is computed on twice."""
SLOTS = 2
STRENGTH = {0: 2, 1: 3, 2: 3}
"""How thorough -> ways that meet. Faults that need more than three at once are few (Kuhn, Wallace & Gallo
2004, "Software fault interactions and implications for software testing": 90 % and more need no more)."""
SPARE_BITS = 2
"""Of C's significand, for alpha and what is added."""
MOST_C = 32
"""Half of the largest whole number in C before: all of them are even, so that half of each is whole."""


@dataclass(frozen=True)
class Way:
    """One product, as it is asked for."""

    size: Size
    kind: str
    order: tuple[str, str]
    scalars: tuple[float, float]
    out: str
    threads: int
    place: str
    run: str

    @property
    def name(self) -> str:
        m, n, k = self.size
        alpha, beta = map(number, self.scalars)
        return (
            f"{m}x{n}x{k} {self.kind} {''.join(self.order)} alpha={alpha} beta={beta} out={self.out} "
            f"threads={self.threads} {self.place} {self.run}"
        )

    @property
    def stack(self) -> tuple[int, ...]:
        return (BATCH,) if self.kind in BATCHES else ()


def ways(ask: Products) -> Iterator[Way]:
    """Those of a covering array over what the card says that it offers."""
    threads = [1]
    if usable_cpus() > 1 and type(ask.card).threaded(ask.card.option):
        threads.append(usable_cpus())
    adopts = ask.adopts()
    kinds = ["plain", *["prepacked"] * ask.offers("weights", "prepacked")]
    if ask.offers("batch", BATCH):
        kinds += BATCHES if adopts else BATCHES[:1]
    scalars = [
        each
        for each in (SCALARS if ask.dtype in FLOATS else SCALARS[:2])
        if ask.offers("alpha", number(each[0])) and ask.offers("beta", number(each[1]))
    ]
    factors: tuple[Any, ...] = (
        SIZES,
        kinds,
        ask.orders("transa"),
        ask.orders("transb"),
        scalars,
        ask.outs,
        threads,
        PLACES if adopts else PLACES[:1],
        RUNS,
    )
    for row in covering(tuple(map(len, factors)), STRENGTH[ask.thorough]):
        size, kind, transa, transb, scale, out, count, place, run = (
            values[i] for values, i in zip(factors, row, strict=True)
        )
        yield Way(size, kind, (transa, transb), scale, out, count, place, run)


class Operands:
    """A, B and C of one slot, where the way has them."""

    def __init__(self, ask: Products, way: Way) -> None:
        self.ask, self.way = ask, way
        m, n, k = way.size
        shapes = {"a": (k, m) if way.order[0] == "t" else (m, k), "c": (m, n)}
        shapes["b"] = (n, k) if way.order[1] == "t" else (k, n)
        self.shapes = {name: (*way.stack, *shapes[name]) for name in "abc"}
        self.dtypes = {"a": ask.type_a, "b": ask.type_b, "c": way.out}
        self.arrays: dict[str, Array] = {}
        if way.place == PLACES[0]:
            self.slot = {name: ask.card.alloc(self.shapes[name], self.dtypes[name]) for name in "abc"}
            return
        self.arrays = beside(self) if way.place == "A beside C" else {}
        for name in "abc":
            array = self.arrays.get(name)
            if array is None:
                array = _placed(way.place, self.shapes[name], NUMPY_DTYPES[self.dtypes[name]])
            if way.kind == f"batch of one {name.upper()}":
                array = _one_for_all(array)
            self.arrays[name] = array
        self.slot = {name: ask.card.adopt(array) for name, array in self.arrays.items()}

    def write(self, a: Array, b: Array, c: Array) -> None:
        for name, data in {"a": a, "b": b, "c": c}.items():
            if self.arrays:
                self.arrays[name][...] = data
            else:
                self.ask.card.write(self.slot[name], data)

    def read(self) -> Array:
        return shaped(self.ask.card.read(self.slot["c"]), self.shapes["c"], self.way.out)


def _placed(place: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if place == "at the end of a page":
        return guarded(shape, dtype, "end")
    *stack, rows, columns = shape
    _, whole = padded((int(np.prod(stack, dtype=np.int64)) * (rows + 2), columns), dtype, 7)
    return whole[2:-2].reshape(*stack, rows + 2, columns + 7)[..., :rows, :columns]


def _one_for_all(array: Array) -> Array:
    """(batch, m, n) -> all of them in the first's memory. By way of whole numbers, which numpy knows by
    name."""
    raw = array.view(f"u{array.itemsize}")
    return as_strided(raw, strides=(0, *raw.strides[1:])).view(array.dtype)


def beside(operands: Operands) -> dict[str, Array]:
    """A and C as the left and the right part of the same rows: one begins where the other has not ended, and
    no element is in both."""
    kinds = {name: NUMPY_DTYPES[operands.dtypes[name]] for name in "ac"}
    shapes = operands.shapes
    wide = max(kind.itemsize for kind in kinds.values())
    left_bytes = -(-shapes["a"][-1] * kinds["a"].itemsize // wide) * wide
    row_bytes = left_bytes + -(-shapes["c"][-1] * kinds["c"].itemsize // wide) * wide
    rows = max(shapes["a"][-2], shapes["c"][-2])
    whole = np.zeros((*shapes["a"][:-2], rows, max(row_bytes, wide)), np.uint8)
    return {
        name: np.ndarray(
            shapes[name],
            kinds[name],
            whole,
            left_bytes if name == "c" else 0,
            (*whole.strides[:-1], kinds[name].itemsize),
        )
        for name in "ac"
    }


def drawn(ask: Products, way: Way, purpose: int) -> tuple[Array, Array, Array]:
    """A (m, k), B (k, n) and C (m, n), or as many of each as there are products: whole numbers; where C is
    added to, a NaN and infinities, or all that an int32 has, and poison where it is not read."""
    m, n, k = way.size
    most = 0
    if ask.dtype in FLOATS:
        bits = min(ask.declared.accumulator_bits, PRECISIONS[way.out]) - SPARE_BITS
        most = min(limit(ask.dtype, k, bits), int(2 ** PRECISIONS[ask.dtype]))
    rng = ask.rng(purpose)
    a = integers(rng, ask.type_a, (*way.stack, m, k), most)
    b = integers(rng, ask.type_b, (*way.stack, k, n), most)
    for name, matrix in (("A", a), ("B", b)):
        if way.kind == f"batch of one {name}":
            matrix[1:] = matrix[0]
    shape, kind = (*way.stack, m, n), NUMPY_DTYPES[way.out]
    if way.scalars[1] == 0:
        return a, b, ask.poison(shape, way.out)
    if ask.dtype not in FLOATS:
        return a, b, integers(rng, way.out, shape, 0)
    c = (2 * rng.integers(-MOST_C, MOST_C + 1, shape)).astype(kind)
    for special in (np.nan, np.inf):
        c.reshape(-1)[rng.integers(c.size)] = special
    c[..., rng.integers(m), -1] = -np.inf
    return a, b, c


def right(ask: Products, way: Way, a: Array, b: Array, c: Array) -> tuple[Array, Array]:
    """(alpha A B + beta C, by how much it may be missed)."""
    alpha, beta = way.scalars
    if ask.dtype not in FLOATS:
        total = a.astype(np.int64) @ b.astype(np.int64) + (c if beta else 0)
        return total.astype(np.int32), np.zeros(total.shape)
    kept = np.float64 if ask.dtype == "fp64" else np.float32
    r = scaled(a, b, c, alpha, beta, kept)
    with np.errstate(invalid="ignore"):
        return r.high, deterministic(ask.declared, ask.dtype, way.out, way.size[2], r)


def combinations(ask: Products) -> None:
    """GE-43: each of `ways` whose name is asked for."""
    for way in ways(ask):
        if ask.attempt(way.name):
            _one(ask, way)


def _one(ask: Products, way: Way) -> None:
    card = ask.card
    alpha, beta = way.scalars
    said: dict[str, Any] = {"transa": way.order[0], "transb": way.order[1], "threads": way.threads}
    said |= {"batch": BATCH} if way.stack else {}
    said |= {"weights": "prepacked"} if way.kind == "prepacked" else {}
    case = ask.case(way.size, out=way.out, alpha=alpha, beta=beta, **said)
    try:
        slots = [Operands(ask, way) for _ in range(SLOTS if way.run == "in turn" else 1)]
        plan = card.prepare(case, [each.slot for each in slots])
    except Unsupported:
        ask.refused("some of what it offers, together")
        return
    try:
        for again in range(2 if way.run == "again" else 1):
            given = [drawn(ask, way, SLOTS * again + i) for i in range(len(slots))]
            for slot, (a, b, c) in zip(slots, given, strict=True):
                slot.write(stored(a, way.order[0]), stored(b, way.order[1]), c)
            card.refresh(plan)
            with np.errstate(all="ignore"):  # a card of numpy's would warn of what is asked for here
                if way.run == "in turn":
                    card.run_rounds(plan, 1, SLOTS + 1)
                else:
                    card.enqueue(plan, 0)
                    card.synchronize()
            for i, (slot, (a, b, c)) in enumerate(zip(slots, given, strict=True)):
                expected, near = right(ask, way, a, b, c)
                if way.run == "in turn" and i == 0 and beta:
                    with np.errstate(over="ignore"):
                        once = expected.astype(c.dtype)
                    expected, nearer = right(ask, way, a, b, once)
                    near = nearer + abs(beta) * near
                got = slot.read()
                wrong = within(expected, got, near) if ask.dtype in FLOATS else equal(expected, got)
                if ask.differs(wrong):
                    return
    finally:
        card.release(plan)


ITEMS = (
    Item(
        "GE-43",
        "any three of what a card offers, at once",
        "Cohen, Dalal, Fredman & Patton 1997, AETG; Kuhn, Wallace & Gallo 2004",
        "L1",
        combinations,
        families=("tail", "guard", "special values", "race", "index", "sporadic", "wrap", "alias", "cheat"),
    ),
)
