"""GE-16: a card leaves the caller's floating-point arithmetic as IEEE 754 has it."""

from __future__ import annotations

import ctypes
import platform
import threading

import numpy as np

from zbench.conformance.gemm.exact import product
from zbench.conformance.gemm.shapes import given
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.errors import Unsupported
from zbench.native.cpu import usable_cpus

FENV_BYTES = 64
"""More than any system's fenv_t: 32 on x86-64, 8 on AArch64."""
CONTROL = {
    "x86_64": ((0, 0x0F3F, 0x033F), (28, 0xFFC0, 0x1F80)),
    "aarch64": ((0, 0xFFFFFFFF, 0),),
}
"""Machine -> (offset in glibc's fenv_t, mask, what a process begins with) of each word of control: the x87's
and MXCSR without its flags of what has happened; FPCR."""
SIZES = ((1, 1, 1), (33, 65, 17), (1, 300, 70), (130, 140, 150))


def control_words() -> tuple[tuple[int, int], ...]:
    """(what this thread has, what a process begins with) of each word of control that is known here."""
    known = CONTROL.get(platform.machine(), ()) if platform.libc_ver()[0] == "glibc" else ()
    if not known:
        return ()
    words = ctypes.create_string_buffer(FENV_BYTES)
    ctypes.CDLL("libm.so.6").fegetenv(words)
    return tuple(
        (int.from_bytes(words.raw[at : at + 4], "little") & mask, begun) for at, mask, begun in known
    )


def wrongs() -> list[str]:
    """What this thread's arithmetic does that IEEE 754's default does not: rounding to nearest, ties to even,
    and subnormal numbers."""
    found = []
    for got, begun in control_words():
        if got != begun:
            found.append(f"a control word is {got:#x}, not {begun:#x}")
    least, one, half_ulp = float("5e-324"), float("1"), float(2.0**-53)
    if least / one == 0 or np.float32(1e-45) * np.float32(one) == 0:
        found.append("subnormal numbers are flushed to zero")
    if one + half_ulp != one or (one + 2 * half_ulp) + half_ulp != one + 4 * half_ulp:
        found.append("sums of fp64 are not rounded to nearest")
    if -one - half_ulp != -one or np.float32(one) + np.float32(2.0**-24) != np.float32(one):
        found.append("sums are rounded to one side")
    return found


def unchanged(ask: Products) -> None:
    """GE-16: before a product, which is after the card's libraries were loaded; after it; and in a thread
    that starts then, which inherits what its starter has."""
    tell(ask, "after loading")
    threads = {1, usable_cpus()} if type(ask.card).threaded(ask.card.option) else {1}
    for size in SIZES:
        for count in sorted(threads):
            name = f"{'x'.join(map(str, size))} threads={count}"
            if not ask.attempt(name):
                continue
            a, b = given(ask, size)
            try:
                got = ask.multiply(a, b, threads=count)
            except Unsupported:
                if count == 1:
                    raise
                ask.refused("threads")
                continue
            for wrong in wrongs():
                ask.fail(f"after the product {wrong}")
            if not np.array_equal(product(a, b, ask.out), got):
                ask.fail("the product itself is wrong")
    later: list[str] = []
    if ask.attempt("in a thread that starts afterwards"):
        thread = threading.Thread(target=lambda: later.extend(wrongs()))
        thread.start()
        thread.join()
        for wrong in later:
            ask.fail(wrong)


def tell(ask: Products, name: str) -> None:
    if ask.attempt(name):
        for wrong in wrongs():
            ask.fail(wrong)


ITEMS = (
    Item(
        "GE-16",
        "the caller's floating-point arithmetic",
        "symengine#1453, pyhmmer#71: a library built with -ffast-math flushed all of a process to zero",
        "L1",
        unchanged,
        smoke=True,
        families=("special values", "precision"),
    ),
)
