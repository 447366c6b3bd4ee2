"""The same bits again: at once, with other threads, and wherever a row stands."""

from __future__ import annotations

import os
from itertools import product as pairs
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import identical
from zbench.conformance.gemm.accuracy import FLOATING, drawn
from zbench.conformance.gemm.exact import operands
from zbench.conformance.gemm.shapes import stored
from zbench.conformance.gemm.strides import orders
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.errors import Unsupported

Array = NDArray[Any]
REPEATS = (5, 25, 100)
"""Of the same call, by how thorough; oneDNN's benchdnn takes 100 for bitwise mode, too."""
SHAPES = ((1, 300, 700), (37, 65, 300), (130, 96, 515), (9, 40, 5000))
"""One row, which many libraries compute in a way of its own; odd ones; more than one block."""
CONCURRENT = (96, 4130, 1030)
"""Some milliseconds, and columns for several stretches: a second thread has begun on another one before the
first has done all of it."""
STRIDED = (16, 70, 20000)
"""Few rows, whose elements stand apart where A is transposed: a thread that brings them together has not done
so when a second one begins."""
ORDERS = {("n", "n"), ("t", "t")}


def data(ask: Products, m: int, n: int, k: int) -> tuple[Array, Array]:
    """Floats of full mantissas, whose sum tells its order; integers of all sizes."""
    if ask.dtype in FLOATING:
        return drawn(ask, "normal", m, n, k)
    return operands(ask, m, n, k)


def repeated(ask: Products) -> None:
    """GE-30 (D0): the same call gives the same bytes, whether that is declared or not. A card that cannot
    promise it says so among what it lacks."""
    for m, n, k in SHAPES:
        if not ask.attempt(f"{m}x{n}x{k}"):
            continue
        a, b = data(ask, m, n, k)
        first = ask.multiply(a, b)
        for number in range(REPEATS[ask.thorough] - 1):
            if (found := identical(first, ask.multiply(a, b))) is not None:
                ask.fail(f"call {number + 2} of the same: {found}")
                break


def thread_counts() -> list[int]:
    """1 and what this machine has of 2, 3, 7 and all."""
    usable = len(os.sched_getaffinity(0))
    return sorted({t for t in (2, 3, 7, usable) if 1 < t <= usable})


def threaded(ask: Products) -> None:
    """GE-31 (D1): the same bytes with any number of threads, where that is declared; of operands as they are
    and transposed, which few rows are often multiplied with in a way of its own."""
    if "D1" not in ask.declared.determinism:
        ask.lacking("D1: the same bits with any number of threads are not declared")
        return
    for (m, n, k), (transa, transb) in pairs((*SHAPES, CONCURRENT, STRIDED), sorted({*orders(ask)} & ORDERS)):
        for threads in thread_counts():
            if not ask.attempt(f"{m}x{n}x{k} {transa}{transb} threads={threads}"):
                continue
            a, b = data(ask, m, n, k)
            a, b = stored(a, transa), stored(b, transb)
            said: dict[str, Any] = {"transa": transa, "transb": transb}
            try:
                got = ask.multiply(a, b, threads=threads, **said)
            except Unsupported:
                ask.lacking(f"threads={threads}")
                continue
            ask.differs(identical(ask.multiply(a, b, **said), got))


def placed(ask: Products) -> None:
    """GE-32 (D2): a row's bytes depend neither on the rows beside it nor on where it stands, among them and
    in memory, where that is declared; batch-invariant kernels promise it."""
    if "D2" not in ask.declared.determinism:
        ask.lacking("D2: the same bits wherever a row stands are not declared")
        return
    for m, n, k in SHAPES:
        if not ask.attempt(f"{m}x{n}x{k}"):
            continue
        a, b = data(ask, m, n, k)
        whole = ask.multiply(a, b)
        for first, last in ((0, 1), (m // 2, m // 2 + 1), (m - 1, m), (0, m // 2 + 1), (m // 3, m)):
            alone = ask.multiply(np.ascontiguousarray(a[first:last]), b)
            if (found := identical(whole[first:last], alone)) is not None:
                ask.fail(f"rows {first} to {last} by themselves: {found}")
                break
        if ask.adopts():
            c = moved(np.zeros_like(whole))
            ask.differs(identical(whole, ask.multiply(moved(a), moved(b), c, adopt=True)))


def moved(array: Array) -> Array:
    """The same numbers, one element behind where memory of their own begins."""
    behind = np.empty(array.size + 1, array.dtype)[1:].reshape(array.shape)
    np.copyto(behind, array)
    return behind


ITEMS = (
    Item(
        "GE-30",
        "the same call gives the same bytes (D0)",
        "oneDNN benchdnn --mode=B",
        "L3",
        repeated,
        families=("race", "sporadic"),
    ),
    Item(
        "GE-31",
        "any number of threads gives the same bytes (D1)",
        "OpenBLAS#1401",
        "L3",
        threaded,
        families=("race", "index", "sporadic"),
    ),
    Item(
        "GE-32",
        "a row's bytes depend on no other row (D2)",
        "ROCm/rocm-systems#11661",
        "L3",
        placed,
        families=("precision", "index"),
    ),
)
