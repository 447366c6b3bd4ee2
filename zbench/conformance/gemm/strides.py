"""GE-03, GE-04, GE-05 and GE-07: rows that stand apart, what lies between them, where they start."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as pairs
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import identical
from zbench.conformance.gemm.exact import product
from zbench.conformance.gemm.shapes import SEVERAL, Size, given, stored, three
from zbench.conformance.item import Item
from zbench.conformance.pages import PAGE_BYTES, apart
from zbench.conformance.products import Products
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported

Array = NDArray[Any]
SHAPES: tuple[Size, ...] = ((5, 7, 3), (33, 65, 17), (1, 300, 70), (100, 130, 140))
"""m, n and k all different, or a wrong leading dimension would not show (xBLAT3 has square ones, too)."""
PADDING = 0x7FC0DEAD
"""Between the rows: a NaN with a mark, whichever half of it an element is."""
FAR = (1 << 30) + 8
"""Elements from row to row, so that the third row lies beyond 2^31 of them."""
FAR_SIZE: Size = (13, 37, 70)
"""More rows of A and of C than one register tile has, and more lines of a transposed B than one panel: the
step from one to the next is beyond 32 bits, too. Of k, more than 64 bytes in any dtype, which many pack at
once."""
LINE_BYTES = 64
BATCH = 3
APART = "rows that stand apart in {}"


def padded(shape: tuple[int, ...], dtype: np.dtype[Any], more: int) -> tuple[Array, Array]:
    """(matrix, all memory that it is in): rows `more` elements longer than the matrix, two more rows before
    and behind, full of padding."""
    rows, columns = shape
    elements = (rows + 4) * (columns + more)
    words = np.full(-(-elements * dtype.itemsize // 4), PADDING, np.uint32)
    whole = words.view(np.uint8)[: elements * dtype.itemsize].view(dtype).reshape(rows + 4, columns + more)
    return whole[2 : rows + 2, :columns], whole


def page_of(columns: int, dtype: np.dtype[Any]) -> int:
    """What a row lacks to a page and an element, so that each row crosses another part of a page."""
    per_page = PAGE_BYTES // dtype.itemsize
    return -(-columns // per_page) * per_page + 1 - columns


def orders(ask: Products) -> Iterator[tuple[str, str]]:
    """Ways in which A and B may be stored: by rows or by columns."""
    yield from pairs(ask.orders("transa"), ask.orders("transb"))


def leading_dimensions(ask: Products) -> None:
    """GE-03: rows as close as they may be, an element, seven, and a page apart, for each operand alone
    and for all, in every order of storage."""
    if not ask.adopts():
        return
    for size in SHAPES[: 2 + ask.thorough]:
        for order in orders(ask):
            for more in ("0", "1", "7", "page"):
                for which in ("abc",) if more == "0" else ("a", "b", "c", "abc"):
                    name = f"{'x'.join(map(str, size))} {''.join(order)} {which} +{more}"
                    if ask.attempt(name):
                        _with_rows_apart(ask, size, order, which, more)
    for order in orders(ask) if ask.thorough else ():
        if ask.attempt(f"{'x'.join(map(str, SEVERAL))} {''.join(order)} abc +7"):
            _with_rows_apart(ask, SEVERAL, order, "abc", "7")
    for size in SHAPES[: 2 + ask.thorough] if ask.offers("weights", "prepacked") else ():
        for order in orders(ask):
            if ask.attempt(f"{'x'.join(map(str, size))} {''.join(order)} abc +7 prepacked"):
                _with_rows_apart(ask, size, order, "abc", "7", weights="prepacked")
    for size in SHAPES[: 2 + ask.thorough] if ask.offers("batch", BATCH) else ():
        if ask.attempt(f"{'x'.join(map(str, size))} batch={BATCH}, products apart"):
            _with_products_apart(ask, size)


def _with_rows_apart(
    ask: Products, size: Size, order: tuple[str, str], which: str, more: str, **asked: str
) -> None:
    a, b = given(ask, size)
    expected = product(a, b, ask.out)
    inputs = {"a": stored(a, order[0]), "b": stored(b, order[1]), "c": ask.poison(expected.shape, ask.out)}
    slot = {}
    for name, data in inputs.items():
        extra = page_of(data.shape[1], data.dtype) if more == "page" else int(more)
        slot[name], _ = padded(data.shape, data.dtype, extra if name in which else 0)
        slot[name][...] = data
    apart = APART.format(which) if more != "0" else ""
    a, b = slot["a"], slot["b"]
    asked |= {"transa": order[0], "transb": order[1]}
    ask.expect(expected, a, b, apart, c=slot["c"], adopt=True, **asked)


def _with_products_apart(ask: Products, size: Size) -> None:
    """Two rows between one product of a batch and the next, and rows an element apart."""
    a, b = map(three, given(ask, size))
    expected = product(a, b, ask.out)
    slot = {}
    for name, data in {"a": a, "b": b, "c": ask.poison(expected.shape, ask.out)}.items():
        count, rows, columns = data.shape
        _, whole = padded((count * (rows + 2), columns), data.dtype, 1)
        products = whole[: count * (rows + 2)].reshape(count, rows + 2, columns + 1)
        slot[name] = products[:, :rows, :columns]
        slot[name][...] = data
    ask.expect(expected, slot["a"], slot["b"], "products apart", c=slot["c"], adopt=True, batch=BATCH)


def untouched(ask: Products) -> None:
    """GE-05: what lies between the rows of C, before them and behind; and A and B, with all around them."""
    if not ask.adopts():
        return
    for size in (*SHAPES[: 2 + ask.thorough], *[SEVERAL] * (ask.thorough > 0)):
        for order in orders(ask):
            for more in (1, 7, 33) if size != SEVERAL else (1,):
                if not ask.attempt(f"{'x'.join(map(str, size))} {''.join(order)} +{more}"):
                    continue
                a, b = given(ask, size)
                wholes, slot = {}, {}
                inputs = {"a": stored(a, order[0]), "b": stored(b, order[1]), "c": product(a, b, ask.out)}
                for name, data in inputs.items():
                    slot[name], wholes[name] = padded(data.shape, data.dtype, more)
                    slot[name][...] = data
                before = {name: whole.copy() for name, whole in wholes.items()}
                slot["c"][...] = ask.poison(slot["c"].shape, ask.out)
                try:
                    ask.multiply(
                        slot["a"], slot["b"], slot["c"], adopt=True, transa=order[0], transb=order[1]
                    )
                except Unsupported:
                    ask.refused(APART.format("abc"))
                    continue
                slot["c"][...] = inputs["c"]  # whether that is right is asked elsewhere
                found = {name: identical(before[name], whole) for name, whole in wholes.items()}
                for name, difference in found.items():
                    if difference:
                        ask.fail(f"{name}, with two rows and {more} columns around it: {difference}")


def far(ask: Products) -> None:
    """GE-04: rows so far apart that 32 bits do not count the elements between them, in every order of
    storage."""
    if not ask.adopts():
        return
    for which in "abc":
        for order in orders(ask):
            if not ask.attempt(f"{which} {''.join(order)}"):
                continue
            a, b = given(ask, FAR_SIZE)
            expected = product(a, b, ask.out)
            slot = {"a": stored(a, order[0]), "b": stored(b, order[1])}
            slot["c"] = ask.poison(expected.shape, ask.out)
            try:
                wide = apart(slot[which].shape, slot[which].dtype, FAR)
            except OSError as error:
                ask.refused(f"{which} over {len(slot[which])} GiElements of addresses: {error}")
                continue
            wide[...] = slot[which]
            slot[which] = wide
            said = {"transa": order[0], "transb": order[1]}
            ask.expect(expected, slot["a"], slot["b"], APART.format(which), c=slot["c"], adopt=True, **said)


def misaligned(ask: Products) -> None:
    """GE-07: every element that a cache line may begin with, for A, B, C and all of them."""
    if not ask.adopts():
        return
    for size in SHAPES[: 2 + ask.thorough]:
        for which in ("a", "b", "c", "abc"):
            kind = NUMPY_DTYPES[{"a": ask.type_a, "b": ask.type_b}.get(which, ask.out)]
            most = LINE_BYTES // kind.itemsize
            for start in range(1, most) if ask.thorough else (1, most - 1):
                if not ask.attempt(f"{'x'.join(map(str, size))} {which} +{start}"):
                    continue
                a, b = given(ask, size)
                expected = product(a, b, ask.out)
                slot = {"a": a, "b": b, "c": ask.poison(expected.shape, ask.out)}
                for name in which:
                    slot[name] = _starting(slot[name], start)
                ask.expect(expected, slot["a"], slot["b"], c=slot["c"], adopt=True)


def _starting(data: Array, element: int) -> Array:
    """A copy that begins at this element of a cache line."""
    raw = np.empty(data.nbytes + element * data.itemsize + LINE_BYTES, np.uint8)
    begin = -raw.ctypes.data % LINE_BYTES + element * data.itemsize
    moved = raw[begin : begin + data.nbytes].view(data.dtype).reshape(data.shape)
    moved[...] = data
    return moved


ITEMS = (
    Item(
        "GE-03",
        "leading dimensions and orders of storage",
        "LAPACK xBLAT3; BLIS testsuite, storage schemes c, r, g",
        "L1",
        leading_dimensions,
        families=("index",),
    ),
    Item(
        "GE-04",
        "rows more than 2^31 elements apart",
        "open-mpi/ompi-tests-public collective-big-count, for strides",
        "L1",
        far,
        families=("index",),
    ),
    Item(
        "GE-05",
        "nothing but C is written",
        "LAPACK xBLAT3, ROGUE = -1e10 in the padding",
        "L1",
        untouched,
        smoke=True,
        families=("guard",),
    ),
    Item(
        "GE-07",
        "operands that start anywhere in a cache line",
        "BLIS testsuite, alignment switch",
        "L1",
        misaligned,
        families=("guard", "index"),
    ),
)
