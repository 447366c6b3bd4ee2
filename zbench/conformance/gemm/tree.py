"""In which order a card adds (Xu, Sun et al. 2024, "FPRev: revealing the order of floating-point summation").

Of n terms two are M and -M, so large that they absorb whatever is added to one of them before they meet; the
others are 1. C tells how many did not come below the node where the two meet: from those numbers the tree
follows. All pairs that one step needs are rows of one product, and its columns: C[r, r] is the sum of pair r.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np

from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.gemm.accuracy import FLOATING
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.conformance.tolerance import range_of
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported

MASKS = {"fp64": (500, 0), "fp16": (15, -3), "fp8e5m2": (15, -3), "fp8e4m3": (8, -9)}
"""Exponents of the operands of M and of 1, where they are not OTHER_MASKS: products 2^28 apart or more, and
of fp16 small enough for C to hold all of them."""
OTHER_MASKS = (60, 0)
FP16_MASKS = (7, -7)
"""Where the sums themselves have fp16's exponents."""
SIZES = ((4, 16), (4, 16, 64), (4, 16, 64, 300))
"""Terms, by how thorough: fewer than a vector, than a block, and more than a pass over K."""
AT_ONCE = 64
"""Pairs in one product: as many columns as the widest register tile, and more."""

Pair = tuple[int, int]
Meet = Callable[[Sequence[Pair]], list[int]]
"""How many terms stand below the node where each pair meets."""


class NoTree(Exception):
    """No tree of additions explains what was seen."""


def tree(n: int, meet: Meet) -> str:
    """Of n terms, in brackets: `((0 1) 2)` adds 0 and 1 first. A node of more than two children adds them at
    once, as matrix units do. Raises NoTree."""
    return _shown(_build(list(range(n)), meet)[1])


def _build(terms: list[int], meet: Meet) -> tuple[int, list[str]]:
    """(terms below the root by measure, its children) of the tree over these terms."""
    first, rest = terms[0], terms[1:]
    sizes = meet([(first, other) for other in rest]) if rest else []
    below, children = 1, [str(first)]
    for size in sorted(set(sizes)):
        group = [other for other, its in zip(rest, sizes, strict=True) if its == size]
        under, theirs = _build(group, meet)
        if under == size and len(group) > 1:
            children = [_shown(children), *theirs]  # they, too, meet only here: one node of many
        else:
            children = [_shown(children), _shown(theirs)]
        below = size
    return below, children


def _shown(children: list[str]) -> str:
    return children[0] if len(children) == 1 else f"({' '.join(children)})"


def meeting(ask: Products, n: int, out: str, threads: int = 1) -> Meet:
    """Asks the card. Raises NoTree where a sum is no number of terms."""
    narrow = range_of(ask.declared, ask.dtype) == "fp16"
    masks = FP16_MASKS if narrow else MASKS.get(ask.dtype, OTHER_MASKS)
    large, one = (2.0**exponent for exponent in masks)

    def sums(pairs: Sequence[Pair]) -> list[int]:
        a, b = np.full((len(pairs), n), one), np.full((n, len(pairs)), one)
        for r, (i, j) in enumerate(pairs):
            a[r, i], a[r, j] = large, -large
            b[i, r] = b[j, r] = large
        c = ask.multiply(
            a.astype(NUMPY_DTYPES[ask.type_a]),
            b.astype(NUMPY_DTYPES[ask.type_b]),
            out=out,
            threads=threads,
        )
        left = np.diagonal(c).astype(np.float64) / (one * one)
        if not np.isin(left, np.arange(n - 1)).all():
            raise NoTree(f"{n} terms, two of which cancel, sum up to {left.min():g} to {left.max():g}")
        return [n - int(count) for count in left]

    def meet(pairs: Sequence[Pair]) -> list[int]:
        return [
            size for first in range(0, len(pairs), AT_ONCE) for size in sums(pairs[first : first + AT_ONCE])
        ]

    return meet


def accumulation_tree(ask: Products) -> None:
    """GE-28: the order of additions, for the record; it is the same again, and where D1 is declared, with two
    threads, too."""
    out = ask.widest
    for n in SIZES[ask.thorough]:
        if n > 2 ** PRECISIONS[out] or not ask.attempt(f"n={n} out={out}"):
            continue
        try:
            found = tree(n, meeting(ask, n, out))
        except NoTree as error:
            ask.facts[f"tree of {n}"] = f"none: {error}"
            continue
        ask.facts[f"tree of {n}"] = described(found)
        for threads in (1, 2) if "D1" in ask.declared.determinism else (1,):
            try:
                other = tree(n, meeting(ask, n, out, threads))
            except Unsupported:
                ask.lacking("2 threads")
                continue
            except NoTree as error:
                other = str(error)
            if other != found:
                ask.fail(f"again, threads={threads}: another order of {n} additions, {described(other)}")


def described(tree: str) -> str:
    """Its hash, by which two cards or two days are compared, and its depth: that of a plain loop is n - 1."""
    depth = deepest = 0
    for character in tree:
        depth += {"(": 1, ")": -1}.get(character, 0)
        deepest = max(deepest, depth)
    return f"sha256:{sha256(tree.encode()).hexdigest()[:16]} depth {deepest}"


ITEMS = (
    Item(
        "GE-28",
        "order of additions",
        "FPRev, Xu, Sun et al. 2024",
        "L2",
        accumulation_tree,
        families=("precision", "sporadic"),
        dtypes=FLOATING,
    ),
)
