"""Who tests the tests: wrong answers that each comparator must reject, and right ones that prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance import compare
from zbench.conformance.gemm import modular
from zbench.conformance.gemm.accuracy import FLOATING, drawn
from zbench.conformance.gemm.exact import operands
from zbench.conformance.gemm.soak import wrong_tile
from zbench.conformance.gemm.timed import whole_numbers
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.conformance.reference import product
from zbench.conformance.tolerance import FAILS_AT, deterministic, limit, statistic
from zbench.dtypes import NUMPY_DTYPES
from zbench.workloads import freivalds
from zbench.workloads.base import UNIT_ROUNDOFF

Array = NDArray[Any]
Oracle = Callable[[Array], bool]
"""Whether it takes this answer for right."""
MOST_ZEROS = 0.30
"""Share above which an output is not trusted (oneDNN benchdnn, compare.cpp)."""
SIZE = (17, 19, 64)
LONG = ("int64", "uint64")
"""As which fabrics compare: two neighbours among their large numbers are one fp64."""
VECTORS = 32
"""Of signs: one does not see half of the pairs that change places within a row. A run takes another for each
burst."""


def injected(right: Array, rng: np.random.Generator, ulps: bool) -> Iterator[tuple[str, Array]]:
    """(what is wrong, the answer with it), of a 2-d answer. `ulps`: the least wrong, too, and anywhere; else
    where it is largest, which is what a tolerance for narrow sums sees."""
    wide = right.astype(np.float64)
    places = np.argwhere(wide != 0) if ulps else np.argwhere(np.abs(wide) == np.abs(wide).max())
    i, j = (int(each) for each in rng.choice(places))
    wrong: dict[str, Any] = {"a zero": 0}
    if right.dtype.kind not in "iub":
        wrong |= {"a NaN": np.nan, "an infinity": np.inf, "minus": -right[i, j]}
    if ulps:
        raw = compare.bits(right)
        wrong["one ulp more"] = (raw[i, j : j + 1] + 1).astype(raw.dtype).view(right.dtype)[0]
        wrong["one ulp less"] = (raw[i, j : j + 1] - 1).astype(raw.dtype).view(right.dtype)[0]
    for name, value in wrong.items():
        answer = right.copy()
        answer[i, j] = value
        yield name, answer
    apart = np.abs(wide - wide[i, j])
    in_row = np.zeros_like(apart)
    in_row[i] = apart[i]
    for name, reach in {"a swap": apart, "a swap within a row": in_row}.items():
        if reach.any():
            answer, (x, y) = right.copy(), (int(each) for each in np.argwhere(reach == reach.max())[0])
            answer[i, j], answer[x, y] = right[x, y], right[i, j]
            yield name, answer


def equals(right: Array, got: Array) -> bool:
    return compare.equal(right, got) is None


def oracles(ask: Products) -> Iterator[tuple[str, Array, Oracle, bool]]:
    """(name, a right answer, the check, whether it must see one unit in the last place)."""
    a, b = whole_numbers(ask, *SIZE, 0)
    x, y = drawn(ask, "normal", *SIZE) if ask.dtype in FLOATING else (a, b)
    seed = int(ask.rng().integers(1 << 31))  # before the first attempt: the same for whichever is asked alone
    long = ask.rng(2).integers(1 << 62, 1 << 63, SIZE[:2])
    out = ask.outs[-1]
    exact = (a.astype(np.int64) @ b.astype(np.int64)).astype(NUMPY_DTYPES[out])
    yield "identical", exact, lambda got: compare.identical(exact, got) is None, True
    yield "equal", exact, partial(equals, exact), True
    for kind in LONG:
        yield f"equal, {kind}", long.astype(kind), partial(equals, long.astype(kind)), True
    none = np.zeros(exact.shape)
    yield "within 0", exact, lambda got: compare.within(exact, got, none) is None, True
    yield (
        "Freivalds modulo 2^61 - 1",
        exact,
        lambda got: not modular.wrong_rows(a, b, got, np.random.default_rng(seed)).size,
        True,
    )
    yield "sums of rows and columns", exact, lambda got: not wrong_tile(a, b, got), True
    if ask.dtype not in FLOATING:
        yield (
            "Freivalds of integers",
            exact,
            lambda got: freivalds.integers(a, b, got, np.random.default_rng(seed)).passed,
            True,
        )
        return
    r = product(x, y)
    rounded = r.high.astype(NUMPY_DTYPES[out])
    bound = deterministic(ask.declared, ask.dtype, out, SIZE[2], r)
    most = FAILS_AT * limit(ask.declared, SIZE[2])
    yield "T_det", rounded, lambda got: compare.within(r.high, got, bound) is None, False
    yield "E_stat", rounded, lambda got: statistic(ask.declared, out, r, got) <= most, False
    u = freivalds.Roundoff(2.0**-ask.declared.accumulator_bits, 0.0, UNIT_ROUNDOFF.get(out, 0.0))
    yield (
        "Freivalds of floats",
        rounded,
        lambda got: all(
            freivalds.floats(x, y, got, u, np.random.default_rng([seed, vector])).passed
            for vector in range(VECTORS)
        ),
        False,
    )


def self_test(ask: Products) -> None:
    """GE-41: every check takes the right answer, and none that is injected."""
    for name, right, accepts, ulps in oracles(ask):
        if not ask.attempt(name):
            continue
        if not accepts(right):
            ask.fail(f"{name} rejects the right answer")
        for what, answer in injected(right, ask.rng(1), ulps):
            if accepts(answer):
                ask.fail(f"{name} takes {what} for right")


def doubt(c: Array) -> str:
    """Why an output proves little, whoever wrote it; "": it proves what it can."""
    wide = c.astype(np.float64)
    zeros = float(np.mean(wide == 0)) if wide.size else 1.0
    if zeros > MOST_ZEROS:
        return f"{zeros:.0%} of the output is zero"
    if wide.size > 1 and np.all(wide == wide.flat[0]):
        return "all elements of the output are the same"
    return ""


def trust(ask: Products) -> None:
    """GE-42: the outputs by which products are judged have few zeros and are not constant."""
    for name, (a, b) in {
        "whole numbers": whole_numbers(ask, 33, 31, 64, 0),
        "exact": operands(ask, 64, 64, 64),
        "random": drawn(ask, "normal", 33, 31, 64) if ask.dtype in FLOATING else operands(ask, 33, 31, 64),
    }.items():
        for out in ask.outs:
            if ask.attempt(f"{name} out={out}") and (why := doubt(ask.multiply(a, b, out=out))):
                ask.mistrust(why)


ITEMS = (
    Item(
        "GE-41",
        "checks reject what is wrong",
        "OpenDCDiag selftest.cpp",
        "L1",
        self_test,
        smoke=True,
        families=("tester",),
    ),
    Item(
        "GE-42",
        "outputs that prove something",
        "oneDNN benchdnn compare.cpp",
        "L1",
        trust,
        smoke=True,
        families=("cheat", "tester"),
    ),
)
