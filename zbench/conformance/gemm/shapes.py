"""GE-01 and GE-02: every size, its neighbours, and none at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.compare import equal, identical
from zbench.conformance.gemm.exact import operands, product
from zbench.conformance.gemm.sizes import FEW, SIZES, orthogonal
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.errors import Unsupported
from zbench.native.cpu import usable_cpus

Array = NDArray[Any]
Size = tuple[int, int, int]
EMPTY = "products of no elements"
SWEEPS = {0: ((FEW, 2),), 1: ((SIZES, 2), (FEW, 3)), 2: ((SIZES, 3),)}
"""How thorough -> (sizes, how many factors of m, n, k, transa, transb and out meet in every combination)."""
SMALL_K = (1, 7, 64)
"""With the edges of a tile, where every k is tried elsewhere."""
LARGE: tuple[Size, ...] = ((129, 257, 65), (200, 1, 509), (1, 300, 257), (3, 130, 1030), (13, 130, 1030))
"""For other ways through a card: all threads, weights it has packed, batches. One row, few, and more of them
than a card may keep sums of in one pass."""
SEVERAL: Size = (131, 130, 2100)
"""Too large in any dtype for 2 MiB of a core's own cache, so that a card copies operands into panels where it
does so at all, and more than one block of k: strides, beta and others are asked of that way, too."""
BEYOND_CACHE: Size = (37, 66, 5200)
"""Too large for 2 MiB where elements or sums take 4 bytes, with a third of the multiplications: for what is
asked often."""
TALL: Size = (40_000, 3, 512)
"""More rows of A than a quarter of a cache of 256 MiB holds as 32-bit words: a card that keeps A there works
through them block by block."""
BLOCKED: Size = (512, 512, 2048)
"""Large enough for a card to cut it into blocks, which it then tells."""
VOLUME_MOST = 1.3e8
"""m n k of what is tried for the sake of a block: its reference takes 0.1 s."""


def stored(matrix: Array, transposed: str) -> Array:
    """As the case has it: `t`, as its transpose."""
    return np.ascontiguousarray(matrix.swapaxes(-1, -2)) if transposed == "t" else matrix


def three(matrix: Array) -> Array:
    """(m, n) -> (3, m, n): a batch, no product of which is another's."""
    return np.stack([matrix, matrix[::-1], matrix[:, ::-1]])


def given(ask: Products, size: Size, out: str = "") -> tuple[Array, Array]:
    """A and B of one size, whose product C of the dtype `out` shows to the last unit."""
    return operands(ask, *size, out=out or ask.out)


def one(ask: Products, size: Size, name: str = "", optional: str = "", **asked: Any) -> None:
    """An exact product of this size, if it is to be tried."""
    out = asked.setdefault("out", ask.out)
    said = " ".join(f"{key}={value}" for key, value in asked.items())
    if not ask.attempt(f"{'x'.join(map(str, size))} {said}{name}"):
        return
    a, b = given(ask, size, out)
    optional = optional or (EMPTY if 0 in size else "")
    expected = product(a, b, out)
    a, b = stored(a, asked.get("transa", "n")), stored(b, asked.get("transb", "n"))
    ask.expect(expected, a, b, optional, **asked)


def shapes(ask: Products) -> None:
    """GE-01: sizes and orientations, then what is special to the card."""
    orders = ask.orders("transa")
    orders_b = ask.orders("transb")
    for sizes, strength in SWEEPS[ask.thorough]:
        for m, n, k, *turns in orthogonal(len(sizes), strength, 6):
            transa, transb, out = (
                values[turn % len(values)]
                for values, turn in zip((orders, orders_b, ask.outs), turns, strict=True)
            )
            one(ask, (sizes[m], sizes[n], sizes[k]), transa=transa, transb=transb, out=out)
    for size in edges(told(ask)) if ask.thorough else ():
        one(ask, size)
    for size in (*LARGE, *[SEVERAL] * (ask.thorough > 0)):
        others(ask, size)
    if ask.thorough:
        one(ask, TALL)


def others(ask: Products, size: Size) -> None:
    """All threads, and what else the card offers for one size."""
    counts = [1]
    if usable_cpus() > 1 and type(ask.card).threaded(ask.card.option):
        counts.append(usable_cpus())
    for threads in counts[1:]:
        for transb in ask.orders("transb"):
            one(ask, size, optional="threads", transb=transb, threads=threads)
    if ask.offers("weights", "prepacked"):
        for transb in "nt":
            packing = f"prepacked weights with transb={transb}, out={ask.out}"
            one(ask, size, optional=packing, transb=transb, weights="prepacked")
    for threads in counts if ask.offers("batch", 3) else ():
        if not ask.attempt(f"{'x'.join(map(str, size))} batch=3 threads={threads}"):
            continue
        a, b = map(three, given(ask, size))
        ask.expect(product(a, b, ask.out), a, b, "batches", batch=3, threads=threads)


def told(ask: Products) -> dict[str, str]:
    """What the card says of how it computes a large product: its tile and its blocks, where it has such."""
    m, n, k = BLOCKED
    case = Case("gemm", ask.dtype, BLOCKED, {"threads": 1, "out": ask.out})
    shapes_of = {"a": ((m, k), ask.type_a), "b": ((k, n), ask.type_b), "c": ((m, n), ask.out)}
    slot = {name: ask.card.alloc(shape, kind) for name, (shape, kind) in shapes_of.items()}
    try:
        plan = ask.card.prepare(case, [slot])
    except Unsupported:
        return {}
    try:
        return ask.card.variant(plan)
    finally:
        ask.card.release(plan)


def edges(variant: dict[str, str]) -> Iterator[Size]:
    """t - 1, t, t + 1 for each side t of the card's own tile (`tile`: `14x32`) and of two of them. Of its
    blocks (`blocks`: `mc=512 kc=384 nb=256`, rows of A, products, columns of B): as many of k, and one more
    than a block of each."""
    tile = [int(side) for side in variant.get("tile", "").split("x") if side.isdecimal()]
    if len(tile) == 2:
        for m in (side * tile[0] + near for side in (1, 2) for near in (-1, 0, 1)):
            for n in (side * tile[1] + near for side in (1, 2) for near in (-1, 0, 1)):
                yield from ((m, n, k) for k in SMALL_K)
    said = (each.partition("=") for each in variant.get("blocks", "").split())
    blocks = {name: int(length) for name, _, length in said if length.isdecimal()}
    if kc := blocks.get("kc", 0):
        ends: list[Size] = [(m, n, kc + near) for near in (-1, 0, 1) for m, n in ((5, 17), (650, 300))]
        ends += [(96, 97, 2 * kc + 1), (260, 250, 2 * kc + 1)]
        ends += [(blocks.get("mc", 0) + 1, 400, kc + 1), (300, 2 * blocks.get("nb", 0) + 1, kc + 1)]
        yield from ((m, n, k) for m, n, k in ends if m * n * k <= VOLUME_MOST)


def empty(ask: Products) -> None:
    """GE-02: no elements of C, and nothing is written; none of k, and C = beta C, which for beta = 0 is zeros
    whatever stood there."""
    ends: tuple[Size, ...] = ((0, 5, 3), (5, 0, 3), (0, 0, 0), (0, 5, 0), (17, 0, 0))
    for size in ends if ask.adopts() else ():
        if not ask.attempt(f"{'x'.join(map(str, size))} writes nothing"):
            continue
        m, n, k = size
        around = ask.poison((32, 32), ask.out)
        before = around.copy()
        try:
            a, b = given(ask, (m, n, k))
            ask.multiply(a, b, around[8 : 8 + m, 8 : 8 + n], adopt=True)
        except Unsupported:
            ask.refused(EMPTY)
            continue
        ask.differs(identical(before, around))
    for m, n in ((1, 1), (5, 7), (33, 65)):
        for beta in (0.0, 1.0, 0.5) if ask.dtype in FLOATS else (0.0, 1.0):
            if beta and not ask.offers("beta", f"{beta:g}"):
                continue
            if not ask.attempt(f"{m}x{n}x0 beta={beta:g}"):
                continue
            before = ask.rng().integers(-100, 100, (m, n)).astype(NUMPY_DTYPES[ask.out])
            expected = (before.astype(np.float64) * beta).astype(before.dtype)
            a, b = given(ask, (m, n, 0))
            try:
                got = ask.multiply(a, b, before, beta=beta)
            except Unsupported:
                ask.refused(EMPTY)
                continue
            ask.differs(equal(expected, got))


ITEMS = (
    Item(
        "GE-01",
        "sizes, their neighbours, and the card's own tiles",
        "LAPACK xBLAT3, which lacks 4, 6, 7, 8; oneDNN benchdnn inputs/matmul",
        "L1",
        shapes,
        smoke=True,
        families=("tail", "index"),
    ),
    Item(
        "GE-02",
        "empty products",
        "BLAS dgemm.f",
        "L1",
        empty,
        families=("tail", "guard"),
    ),
)
