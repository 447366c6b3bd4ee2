"""What the accumulator is, found out from outside: its width, its rounding, and what is done to operands
(Fasi, Higham, Mikaitis & Pranesh 2021, "Numerical behavior of NVIDIA tensor cores")."""

from __future__ import annotations

from itertools import permutations
from itertools import product as pairs
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import equal
from zbench.conformance.declaration import PRECISIONS
from zbench.conformance.gemm.accuracy import FEW_ROWS, FLOATING, drawn
from zbench.conformance.gemm.overflow import everywhere
from zbench.conformance.gemm.shapes import BEYOND_CACHE, Size, stored
from zbench.conformance.item import Item
from zbench.conformance.products import Products, number
from zbench.conformance.reference import product
from zbench.conformance.tolerance import exponents, numbers, range_of
from zbench.dtypes import NUMPY_DTYPES

Array = NDArray[Any]
SLOPE_KS = (16, 64, 256, 1024, 4096)
SLOPE_ROWS, SLOPE_COLUMNS = 24, 32
"""768 errors: the root of their mean square is known to 3 %."""
LOST = 32
"""Sums of more terms than 2^bits over this are declared too narrow for the next term, and grow no further."""
STEEPEST = 0.75
"""Between 0.5, with which errors of rounding to nearest grow, and 1, with which those of cutting off do."""
ONE_SIDED = 0.5
"""|mean| / root mean square of errors: near 0 of rounding to nearest, near 1 of cutting off."""
SHORT = 0.03
"""Root mean square in u G below which sums have too few bits to be rounded: narrow operands, few terms."""
PLACES = 12
"""Triples of positions in a long sum, drawn at random, beside those in a short one."""
LONG = 300
"""Terms of it: more than a block of any unit, and more than one pass of kernels that split K."""
PICKED: tuple[Size, ...] = ((1, 1, 1), (16, 16, 16), (96, 96, 96), BEYOND_CACHE)
STEPS = 4
"""Places below 1, and above it."""


def rounding_slope(ask: Products) -> None:
    """GE-24: positive terms. Errors of rounding to nearest grow as the root of K and have no sign; those of
    cutting off grow as K and have all the same one."""
    out = ask.widest
    if PRECISIONS[out] < ask.declared.accumulator_bits:
        ask.lacking("C as wide as its sums, which alone shows how they are rounded")
        return
    if not ask.attempt(f"uniform K={SLOPE_KS[0]}..{SLOPE_KS[-1]} out={out}"):
        return
    points = []
    for k in SLOPE_KS:
        if k * LOST > 2**ask.declared.accumulator_bits:
            break
        a, b = drawn(ask, "uniform", SLOPE_ROWS, SLOPE_COLUMNS, k)
        r = product(a, b)
        error = (ask.multiply(a, b, out=out).astype(np.float64) - r.high) - r.low
        share = error / (2.0**-ask.declared.accumulator_bits * r.magnitude)
        points.append((k, float(np.sqrt(np.mean(share**2))), float(share.mean())))
    exponent, bias = slope([(k, size) for k, size, _ in points]), one_sided(points[-1][1:])
    ask.facts |= {"exponent": f"{exponent:.2f}" if exponent is not None else "none", "bias": f"{bias:+.2f}"}
    found = "truncate" if abs(bias) > ONE_SIDED or (exponent or 0.0) > STEEPEST else "nearest"
    ask.facts["rounding"] = found
    if found == "truncate" and ask.declared.rounding != "truncate":
        ask.fail(f"sums are cut off: errors grow as K^{ask.facts['exponent']}, with a bias of {bias:+.2f}")


def slope(points: list[tuple[int, float]]) -> float | None:
    """The exponent of K with which errors grow, by least squares over logarithms; None where the first sums
    are too short to be rounded."""
    if min(size for _, size in points) < SHORT:
        return None
    ks, sizes = np.log(np.array(points)).T
    return float(np.polyfit(ks, sizes, 1)[0])


def one_sided(point: tuple[float, float]) -> float:
    """Bias: mean / root mean square, of errors that are there at all."""
    size, mean = point
    return mean / size if size >= SHORT else 0.0


def accumulator_width(ask: Products) -> None:
    """GE-25: x - x + small, in all orders and far apart. Where small comes between the two, it is kept only
    if the accumulator has bits for both; the worst order and place tells how many. With beta, C is one of
    the terms."""
    out, exponent, small = ask.widest, *magnitudes(ask)
    worst = None
    places = [(3, order) for order in permutations(range(3))]
    rng = np.random.default_rng(ask.seed)
    places += [(LONG, tuple(int(p) for p in rng.choice(LONG, 3, replace=False))) for _ in range(PLACES)]
    for k, (one, other, between) in places:
        if not ask.attempt(f"K={k} at {one},{other},{between} out={out}"):
            continue
        ta, tb = np.arange(exponent - small + 1), np.arange(exponent - small + 1)
        a, b = np.zeros((ta.size, k)), np.zeros((k, tb.size))
        a[:, one], a[:, other], a[:, between] = 2.0**exponent, -(2.0**exponent), 2.0 ** (exponent - ta)
        b[one], b[other], b[between] = 2.0**exponent, 2.0**exponent, 2.0 ** (exponent - tb)
        got = ask.multiply(a.astype(NUMPY_DTYPES[ask.type_a]), b.astype(NUMPY_DTYPES[ask.type_b]), out=out)
        kept = bits_kept(got, exponent)
        worst = kept if worst is None else min(worst, kept)
        if kept < min(ask.declared.accumulator_bits, 2 * (exponent - small) + 1):
            ask.fail(f"the accumulator keeps {kept} bits, {ask.declared.accumulator_bits} are declared")
    if worst is not None:
        ask.facts["accumulator_bits"] = f"at least {worst}" if worst > 2 * (exponent - small) else str(worst)
    carried(ask)


def carried(ask: Products) -> None:
    """The largest term stands in C: what is added to it is kept down to its last place."""
    out = ask.widest
    bits = min(PRECISIONS[out], ask.declared.accumulator_bits)
    small = _factors(ask, 2.0 ** (1 - bits))
    if small is None or not ask.offers("beta", number(1.0)):
        return
    if not ask.attempt(f"C + 2^-{bits - 1} out={out}"):
        return
    a, b = everywhere(ask, [small[0]], [small[1]])
    one = np.ones((a.shape[0], b.shape[1]), NUMPY_DTYPES[out])
    got = ask.multiply(a, b, one.copy(), out=out, beta=1.0)
    ask.differs(equal((one.astype(np.float64) + 2.0 ** (1 - bits)).astype(one.dtype), got))


def magnitudes(ask: Products) -> tuple[int, int]:
    """Exponents of the largest operand that is used, and of the smallest: C must hold the smallest product,
    and the sum of the largest two. Normal numbers alone where the card flushes others."""
    normal, least = exponents(ask.dtype)
    summed = range_of(ask.declared, ask.dtype)
    out_normal = max(exponents(each)[0] for each in (ask.widest, summed))
    low = normal if ask.declared.flush_inputs else least
    high = int(numbers(ask.dtype).maxexp) - 1
    top = min(high, 7 if "fp16" in (ask.widest, summed) else high, 30)
    wanted = 1 + (ask.declared.accumulator_bits + 8) // 2
    return top, max(low, -(-out_normal // 2), top - wanted)


def bits_kept(got: Array, exponent: int) -> int:
    """Of [i, j], which must be 2^(2 exponent - i - j): one more than the largest t up to which every element
    with i + j <= t is."""
    t = np.add.outer(np.arange(got.shape[0]), np.arange(got.shape[1]))
    wrong = got.astype(np.float64) != 2.0 ** (2.0 * exponent - t)
    return int(t[wrong].min()) if wrong.any() else int(t.max()) + 1


def exact_terms(ask: Products) -> None:
    """GE-26: (1 - 2^-p)^2 has twice the operands' bits, and all of them are there."""
    p = PRECISIONS[ask.dtype]
    if ask.declared.accumulator_bits < 2 * p:
        ask.lacking("an accumulator that is declared wide enough for whole products")
        return
    x = 1 - 2.0**-p
    if ask.attempt(f"(1 - 2^-{p})^2 - (1 - 2^-{p - 1})"):
        a, b = everywhere(ask, [x, 1.0], [x, -(1 - 2.0 ** (1 - p))])
        got = ask.multiply(a, b, out=ask.widest)
        ask.differs(equal(np.full(got.shape, 2.0 ** (-2 * p)).astype(got.dtype), got))
    if PRECISIONS[ask.widest] >= 2 * p and ask.attempt(f"(1 - 2^-{p})^2"):
        a, b = everywhere(ask, [x], [x])
        got = ask.multiply(a, b, out=ask.widest)
        ask.differs(equal(np.full(got.shape, x * x).astype(got.dtype), got))


def sums_of_two(ask: Products) -> None:
    """GE-27: two terms are rounded once, correctly; and a sum never falls when a term of it rises, which
    units that align several terms before they add them do (Fasi et al., D2 to D5)."""
    out, p = ask.widest, ask.declared.accumulator_bits
    last = 2.0**-p
    wide = PRECISIONS[out] >= p
    pairs = {
        "1 - 2^-p": (1.0, -last, 1 - last),
        "1 + 2^-p, a tie": (1.0, last, 1.0),
        "1 + 3/4 of a place": (1.0, 1.5 * last, 1 + 2 * last),
        "1 + 1/4 of a place": (1.0, 0.5 * last, 1.0),
        "1 - 3/8 of a place": (1.0, -0.75 * last, 1 - last),
    }
    for name, (x, y, expected) in pairs.items():
        for sign in (1.0, -1.0):
            if ask.declared.rounding != "nearest" or ask.declared.block > 1 or not wide:
                continue
            if not ask.attempt(f"{name} {'+' if sign > 0 else '-'} out={out}"):
                continue
            split = _factors(ask, y)
            if split is None:
                continue
            a, b = everywhere(ask, [sign * x, sign * split[0]], [1.0, split[1]])
            got = ask.multiply(a, b, out=out)
            ask.differs(equal(np.full(got.shape, sign * expected).astype(got.dtype), got))
    monotone(ask)


def _factors(ask: Products, y: float) -> tuple[float, float] | None:
    """y as a product of two numbers of the dtype; None where it has none so small."""
    low = exponents(ask.dtype)[0 if ask.declared.flush_inputs else 1]
    mantissa, exponent = np.frexp(y)
    half = exponent // 2
    if half - 2 < low:
        return None
    return float(np.ldexp(mantissa, exponent - half)), float(np.ldexp(1.0, half))


def monotone(ask: Products) -> None:
    """One term rises past 1 by steps of a place, beside small ones that a common alignment to the largest
    would cut off: from row to row the sum must not fall."""
    out, kind = ask.widest, NUMPY_DTYPES[ask.type_a]
    step = 2.0 ** -PRECISIONS[ask.dtype]
    steps = np.concatenate([1 - step * np.arange(STEPS, 0, -1), 1 + 2 * step * np.arange(STEPS)])
    small = _factors(ask, 2.0 ** -(ask.declared.accumulator_bits + 1)) or (
        2.0 ** exponents(ask.dtype)[0],
        1.0,
    )
    for k in (5, 37):
        if not ask.attempt(f"monotone K={k} out={out}"):
            continue
        a, b = np.full((steps.size, k), small[0]), np.full((k, 8), small[1])
        a[:, k // 2], b[k // 2] = steps, 1.0
        got = ask.multiply(a.astype(kind), b.astype(NUMPY_DTYPES[ask.type_b]), out=out)
        falls = np.diff(got.astype(np.float64), axis=0) < 0
        ask.facts["monotone"] = "no" if falls.any() else "yes"
        if falls.any() and ask.declared.block == 1:
            row, column = (int(i) for i in np.argwhere(falls)[0])
            ask.fail(f"a term rises, and C[{row + 1}, {column}] falls below C[{row}, {column}]")


def operands_kept(ask: Products) -> None:
    """GE-29: columns of A, and rows of B, that a matrix of zeros and ones picks, keep the last bit of their
    significand: the identity, and a few of more than a card may multiply without copying them first. Few rows
    by a transposed B, too."""
    bits = PRECISIONS[ask.dtype]
    if ask.declared.operands != "exact":
        bits = min(bits, PRECISIONS[ask.declared.operands])
    laid = [(size, "n") for size in PICKED] + [(FEW_ROWS, transb) for transb in ask.orders("transb")]
    for ((m, n, k), transb), side, out in pairs(laid, "AB", ask.outs):
        if PRECISIONS[out] < bits or not ask.attempt(f"{side} {m}x{n}x{k} n{transb} out={out}"):
            continue
        last = 2.0 ** -(1 + ask.rng().integers(0, bits - 1, (m, k) if side == "A" else (k, n)))
        last.flat[0] = 2.0 ** (1 - bits)
        x, count = 1 + last, n if side == "A" else m
        picked = np.arange(count) * k // count
        picks = (picked[:, None] == np.arange(k)).astype(np.float64)
        a, b = (x, picks.T) if side == "A" else (picks, x)
        a, b = a.astype(NUMPY_DTYPES[ask.type_a]), b.astype(NUMPY_DTYPES[ask.type_b])
        got = ask.multiply(a, stored(b, transb), out=out, transb=transb)
        expected = x[:, picked] if side == "A" else x[picked]
        if not ask.differs(equal(expected.astype(got.dtype), got)):
            ask.facts[f"bits of {side}"] = str(bits)


FASI = "Fasi, Higham, Mikaitis & Pranesh 2021"
ITEMS = (
    Item(
        "GE-24",
        "rounding of sums, by how errors grow",
        "Higham & Mary 2019; " + FASI,
        "L2",
        rounding_slope,
        families=("precision",),
        dtypes=FLOATING,
    ),
    Item(
        "GE-25",
        "width of the accumulator",
        FASI + ", D1; DeepGEMM#176",
        "L2",
        accumulator_width,
        families=("precision",),
        dtypes=FLOATING,
    ),
    Item(
        "GE-26",
        "products of narrow floats are exact",
        FASI + ", part B",
        "L2",
        exact_terms,
        families=("precision",),
        dtypes=("fp16", "bf16", "fp8e4m3", "fp8e5m2"),
    ),
    Item(
        "GE-27",
        "sums of two are correctly rounded, and sums are monotone",
        FASI + ", D2 to D5",
        "L2",
        sums_of_two,
        families=("precision",),
        dtypes=FLOATING,
    ),
    Item(
        "GE-29",
        "operands are not rounded before they are multiplied",
        FASI + ", part A",
        "L2",
        operands_kept,
        families=("precision",),
        dtypes=FLOATING,
    ),
)
