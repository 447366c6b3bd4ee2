"""GE-36: every bit pattern of a narrow dtype, as an outer product: m x n x 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import equal
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
DTYPES = ("fp16", "bf16", "fp8e4m3", "fp8e5m2", "int8", "u8s8")
PARTNERS = (1.0, -1.0, 0.0, 3.0, 1 / 3, -0.0, 2.0**-8, 240.0, float("inf"), float("nan"))
"""Of all patterns of 16 bits, whose pairs are too many."""


def patterns(dtype: str) -> Array:
    """Every bit pattern of the dtype."""
    kind = NUMPY_DTYPES[dtype]
    return np.arange(256**kind.itemsize, dtype=f"u{kind.itemsize}").view(kind)


def outer(a: Array, b: Array, out: str) -> Array:
    """Each a times each b, in fp64 exact, rounded to the sums' fp32 and from there once to C."""
    if a.dtype.kind in "iu":
        return np.multiply.outer(a.astype(np.int32), b.astype(np.int32))
    with np.errstate(all="ignore"):
        wide = np.multiply.outer(a.astype(np.float64), b.astype(np.float64)).astype(np.float32)
        return wide.astype(NUMPY_DTYPES[out])


def subnormal(array: Array, dtype: str) -> Array:
    with np.errstate(invalid="ignore"):
        size = np.abs(array.astype(np.float64))
        least = 2.0 ** {"fp16": -14, "bf16": -126, "fp32": -126, "fp8e4m3": -6, "fp8e5m2": -14}[dtype]
        small: Array = (size > 0) & (size < least)
    return small


def all_patterns(ask: Products) -> None:
    """GE-36: fp16 and bf16: all of one operand times a few; fp8 and bytes: all pairs. Where the card declares
    that subnormal numbers are flushed, without those, which GE-15 asks for."""
    floats = ask.dtype in FLOATS
    if floats and ask.declared.accumulator_bits < 2 * PRECISIONS[ask.dtype]:
        ask.lacking(f"exact products, with sums of {ask.declared.accumulator_bits} bits")
        return
    flushes = floats and (ask.declared.flush_inputs or ask.declared.flush_results)
    every_a, every_b = patterns(ask.type_a), patterns(ask.type_b)
    if every_a.size > 256:
        few = np.array(PARTNERS).astype(every_a.dtype)
        tiny = np.array([1, 2, 0x7F, 0x80], np.uint16).view(every_a.dtype)
        several = np.concatenate([few, tiny])
        tries = {"all of A": (every_a, several), "all of B": (several, every_b)}
    else:
        tries = {"all pairs": (every_a, every_b)}
    for name, (a, b) in tries.items():
        for out in ask.outs:
            if not ask.attempt(f"{name} out={out}"):
                continue
            expected, got = outer(a, b, out), ask.multiply(a[:, None], b[None, :], out=out)
            if flushes:
                wide = outer(a, b, "fp32")
                left = subnormal(a, ask.dtype)[:, None] | subnormal(b, ask.dtype)[None, :]
                left |= subnormal(wide, "fp32") | subnormal(wide, out)
                got = np.where(left, expected, got)
            ask.differs(equal(expected, got))


ITEMS = (
    Item(
        "GE-36",
        "every bit pattern",
        "OpenCL-CTS math_brute_force, all inputs",
        "L1",
        all_patterns,
        smoke=True,
        families=("precision", "special values"),
        dtypes=DTYPES,
    ),
)
