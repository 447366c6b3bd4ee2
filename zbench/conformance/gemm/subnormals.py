"""The smallest numbers: kept, or taken for zero, as the card declares."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as pairs

import numpy as np

from zbench.conformance.compare import equal
from zbench.conformance.gemm.accuracy import FLOATING
from zbench.conformance.gemm.overflow import everywhere
from zbench.conformance.gemm.shapes import stored
from zbench.conformance.item import Item
from zbench.conformance.products import Products, number
from zbench.conformance.tolerance import exponents, numbers, range_of
from zbench.dtypes import NUMPY_DTYPES


def subnormals(ask: Products) -> None:
    """GE-15: each sum is a power of two, so that nothing rounds it: it is right, or it is zero where the card
    declares that it flushes. Few rows by a transposed B, which many libraries compute in a way of its own,
    too."""
    for out, transb in pairs(ask.outs, ask.orders("transb")):
        for name, x, y, count, may_flush in powers(ask, out):
            if not ask.attempt(f"{name} n{transb} out={out}"):
                continue
            a, b = everywhere(ask, [2.0**x] * count, [2.0**y] * count)
            got = ask.multiply(a, stored(b, transb), out=out, transb=transb)
            right = np.full(got.shape, count * 2.0 ** (x + y)).astype(got.dtype)
            zero = np.zeros_like(right)
            flushed = equal(zero, got) is None
            ask.facts[f"{name} n{transb} out={out}"] = "flushed" if flushed else "kept"
            if not (may_flush and flushed):
                ask.differs(equal(right, got))
    if ask.offers("beta", number(1.0)):
        carried(ask)


def powers(ask: Products, out: str) -> Iterator[tuple[str, int, int, int, bool]]:
    """(what it is, exponents of a and b, terms, whether the card may flush it) for this dtype and C."""
    normal, least = exponents(ask.dtype)
    _, sum_least = exponents(range_of(ask.declared, ask.dtype))
    out_normal, out_least = exponents(out)
    inputs, results = ask.declared.flush_inputs, ask.declared.flush_results
    lift = max(0, out_normal - least)
    if lift <= -normal:
        yield "operand subnormal", least, lift, 1, inputs
        yield "four operands subnormal", least, lift, 4, inputs
    bottom = max(sum_least, out_least)
    if 2 * normal <= bottom + 1:
        for name, exponent, count in (("sum subnormal", bottom + 1, 1), ("four sums subnormal", bottom, 4)):
            x = exponent // 2
            yield name, x, exponent - x, count, results


def carried(ask: Products) -> None:
    """Subnormal elements of C, to which zeros are added."""
    for out in ask.outs:
        if ask.attempt(f"C subnormal out={out}"):
            a, b = everywhere(ask, [0.0], [1.0])
            c = np.full((a.shape[0], b.shape[1]), float(numbers(out).smallest_subnormal))
            c = c.astype(NUMPY_DTYPES[out])
            got = ask.multiply(a, b, c.copy(), out=out, beta=1.0)
            if not (ask.declared.flush_results and equal(np.zeros_like(c), got) is None):
                ask.differs(equal(c, got))


ITEMS = (
    Item(
        "GE-15",
        "subnormal operands, sums and elements of C",
        "Fasi, Higham, Mikaitis & Pranesh 2021, part A",
        "L2",
        subnormals,
        families=("special values", "precision"),
        dtypes=FLOATING,
    ),
)
