"""GE-06, GE-08 and GE-09: what may not be touched, what may not be read, and that all is written."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from zbench.conformance.gemm.exact import product
from zbench.conformance.gemm.shapes import SEVERAL, Size, given, stored
from zbench.conformance.gemm.strides import LINE_BYTES, orders
from zbench.conformance.item import Item
from zbench.conformance.pages import guarded
from zbench.conformance.products import Products
from zbench.dtypes import FLOATS
from zbench.native.cpu import usable_cpus

Array = NDArray[Any]
GUARDED: tuple[Size, ...] = (
    (1, 1, 1),
    (3, 5, 7),
    (1, 33, 17),
    (17, 1, 33),
    (31, 33, 9),
    (65, 129, 63),
    (129, 100, 300),
    (9, 33, 63),
    (96, 96, 63),
    SEVERAL,
)
"""Tails of all sides; and an element less of k than whole vectors, of few rows and of whole tiles alone:
who takes it for whole ones reads beyond the last line."""
LONG = ((3, 5, 1000), (16, 33, 4097), SEVERAL, (2, 2, 20000), (65, 63, 2500))
"""Long in k and small in m and n: what a card may cut into ranges of k."""
BITS = {
    "quiet NaN": {"fp64": 0x7FF8000000000000, "fp32": 0x7FC00000, "fp16": 0x7E00, "bf16": 0x7FC0},
    "signalling NaN": {"fp64": 0x7FF0000000000001, "fp32": 0x7F800001, "fp16": 0x7C01, "bf16": 0x7F81},
    "Inf": {"fp64": 0x7FF0000000000000, "fp32": 0x7F800000, "fp16": 0x7C00, "bf16": 0x7F80},
    "-1": {"int32": 0xFFFFFFFF},
    "the least": {"int32": 0x80000000},
}
"""What C holds before it may not be read, by its dtype."""


def between_guards(ask: Products) -> None:
    """GE-06: A, B and C right behind, or right before, a page that nobody may touch, or an element or more
    from it. A card that reads or writes beyond ends its process there: that is a CRASH of this test."""
    if not ask.adopts():
        return
    gaps = range(0, LINE_BYTES, 8) if ask.thorough > 1 else (0, 8)
    for size in GUARDED[: 3 + 7 * ask.thorough]:
        for order in orders(ask):
            for at in ("end", "start"):
                for gap_bytes in gaps:
                    if not ask.attempt(f"{'x'.join(map(str, size))} {''.join(order)} {at} {gap_bytes} B"):
                        continue
                    a, b = given(ask, size)
                    expected = product(a, b, ask.out)
                    inputs = (stored(a, order[0]), stored(b, order[1]), ask.poison(expected.shape, ask.out))
                    slot = [guarded(each.shape, each.dtype, at, gap_bytes) for each in inputs]
                    for there, data in zip(slot, inputs, strict=True):
                        there[...] = data
                    ask.expect(
                        expected, slot[0], slot[1], c=slot[2], adopt=True, transa=order[0], transb=order[1]
                    )


def filled(shape: tuple[int, ...], out: str, bits: int, ask: Products) -> Array:
    """Such elements of C, their bits never touched by a conversion."""
    whole = ask.poison(shape, out)
    whole.view(f"u{whole.itemsize}")[...] = bits
    return whole


def unread(ask: Products) -> None:
    """GE-08: beta = 0 means that C is not read, not that it is multiplied by zero; by a transposed B neither,
    whose few rows many libraries compute in a way of its own."""
    transbs = ask.orders("transb")
    for size in (*GUARDED[:6], *[SEVERAL] * (ask.thorough > 0), (5, 7, 0)):
        for out in ask.outs:
            for held, bits in BITS.items():
                for transb in transbs if out in bits else ():
                    if ask.attempt(f"{'x'.join(map(str, size))} {transb} C={held} out={out}"):
                        _over(ask, size, out, bits[out], transb)
    for beta in (0.0, -0.0) if ask.dtype in FLOATS else ():
        if not ask.offers("alpha", "2") or (str(beta) == "-0.0" and not ask.offers("beta", "-0")):
            continue
        if ask.attempt(f"33x17x9 alpha=2 beta={beta:g}"):
            a, b = given(ask, (33, 17, 9))
            c = filled((33, 17), ask.out, BITS["quiet NaN"][ask.out], ask)
            ask.expect(2 * product(a, b, ask.out), a, b, c=c, alpha=2.0, beta=beta)


def _over(ask: Products, size: Size, out: str, bits: int, transb: str) -> None:
    m, n, k = size
    a, b = given(ask, (m, n, k), out)
    optional = "" if k else "products of no elements"
    c = filled((m, n), out, bits, ask)
    ask.expect(product(a, b, out), a, stored(b, transb), optional, c=c, out=out, transb=transb)


def written(ask: Products) -> None:
    """GE-09: every element of C, however long k is and whoever computes which part of it
    (ROCm/rocm-libraries#9055: products cut along k left elements as they were)."""
    held = "quiet NaN" if ask.dtype in FLOATS else "the least"
    threads = [1]
    if usable_cpus() > 1 and type(ask.card).threaded(ask.card.option):
        threads.append(usable_cpus())
    for size in LONG[: 2 + 2 * ask.thorough]:
        for count in threads:
            for out in ask.outs:
                if not ask.attempt(f"{'x'.join(map(str, size))} threads={count} out={out}"):
                    continue
                a, b = given(ask, size, out)
                c = filled(size[:2], out, BITS[held][out], ask)
                optional = "threads" if count > 1 else ""
                ask.expect(product(a, b, out), a, b, optional, c=c, out=out, threads=count)


ITEMS = (
    Item(
        "GE-06",
        "no access beyond A, B and C",
        "oneDNN benchdnn common.cpp, zmalloc_protect, which guards the end",
        "L1",
        between_guards,
        families=("guard", "tail"),
    ),
    Item(
        "GE-08",
        "beta = 0 does not read C",
        "BLAS dgemm.f; ROCm/rocm-libraries#9055",
        "L1",
        unread,
        smoke=True,
        families=("special values",),
    ),
    Item(
        "GE-09",
        "every element of C is written",
        "ROCm/rocm-libraries#9055",
        "L1",
        written,
        families=("tail", "special values"),
    ),
)
