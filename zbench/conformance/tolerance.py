"""How far a product may be from R, derived from what is declared of its arithmetic and never from taste.

n: roundings that a term goes through; u: of the accumulator, u_out: of C where it is narrower; G: see
reference.py. `deterministic` bounds every product that keeps its word. `limit` bounds nearly all of random
data, and far more tightly: an accumulator that is narrower than declared stays within the first for a long
time, but not within the second.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from zbench.conformance.declaration import PRECISIONS, GemmDeclaration
from zbench.conformance.reference import Reference
from zbench.dtypes import NUMPY_DTYPES

Array = NDArray[Any]
SCALING = 3
"""Roundings beside those of the k terms: alpha, beta, and the sum of both parts."""
SLACK = {"nearest": 1.0, "truncate": 2.0, "exact": 0.0}
"""Units of roundoff that one rounding errs by: cutting off loses up to a whole last place, twice as much."""
FAILS_AT = 4.0
"""Times the statistical limit: beyond it no honest rounding comes."""


def numbers(dtype: str) -> Any:
    """numpy's finfo of a dtype, narrow floats included."""
    return ml_dtypes.finfo(NUMPY_DTYPES[dtype])  # type: ignore[no-untyped-call]


def exponents(dtype: str) -> tuple[int, int]:
    """Of the least normal number of a dtype, and of its least number at all."""
    limits = numbers(dtype)
    return int(np.log2(float(limits.smallest_normal))), int(np.log2(float(limits.smallest_subnormal)))


def chain(declared: GemmDeclaration, k: int) -> int:
    """n of a product of k terms: one for each, or of a unit that adds `block` of them at once k / block, and
    as many as the block has for what it aligns and cuts inside (Blanchard, Higham, Lopez, Mary & Pranesh
    2020, "Mixed precision block fused multiply-add", section 3)."""
    terms = k if declared.block == 1 else -(-k // declared.block) + declared.block
    return terms + SCALING


def gamma(n: int, u: float) -> float:
    """n u / (1 - n u) (Higham, "Accuracy and Stability of Numerical Algorithms", lemma 3.1); infinite where
    n u >= 1, which bounds nothing."""
    return n * u / (1 - n * u) if n * u < 1 else float("inf")


def result_roundoff(declared: GemmDeclaration, out: str) -> float:
    """u_out; 0 where C is as wide as its sums."""
    narrower = declared.rounding == "exact" or PRECISIONS[out] < declared.accumulator_bits
    return 2.0 ** -PRECISIONS[out] if narrower else 0.0


def operand_roundoff(declared: GemmDeclaration) -> float:
    """c_in: of |A||B|, where both operands are rounded before they are multiplied: (1 + u)^2 - 1."""
    if declared.operands == "exact":
        return 0.0
    u = 2.0 ** -PRECISIONS[declared.operands] * (2 if declared.rounding == "truncate" else 1)
    return 2 * u + u * u


def range_of(declared: GemmDeclaration, dtype: str) -> str:
    """The dtype whose exponents the sums have: fp64's own; fp16's where the significand is fp16's, too."""
    if dtype == "fp64":
        return "fp64"
    return "fp16" if declared.accumulator_bits <= PRECISIONS["fp16"] else "fp32"


def smallest(dtype: str, flush: bool) -> float:
    """eta: the least positive number, or the least normal one where subnormals become zero."""
    normal, least = exponents(dtype)
    return 2.0 ** (normal if flush else least)


def deterministic(declared: GemmDeclaration, dtype: str, out: str, k: int, r: Reference) -> Array:
    """T_det, shape (m, n): no product that keeps its word errs by more.

    rho gamma_n(u) G + c_in |alpha||A||B| + n eta for the sums, and what storing them narrower adds: u_out of
    what is stored, and half a last place of C's subnormals (reference, section 2; Higham 3.5 and 2.2).
    """
    n, stored = chain(declared, k), result_roundoff(declared, out)
    bound = (
        SLACK[declared.rounding] * gamma(n, 2.0**-declared.accumulator_bits)
        if SLACK[declared.rounding]
        else 0.0
    )
    flush = declared.flush_results
    with np.errstate(invalid="ignore"):
        sums = np.where(r.magnitude > 0, bound * r.magnitude, 0.0)
    sums = sums + operand_roundoff(declared) * r.terms + n * smallest(range_of(declared, dtype), flush)
    return np.asarray((1 + stored) * sums + stored * np.abs(r.high) + smallest(out, flush))


def statistic(declared: GemmDeclaration, out: str, r: Reference, got: Array) -> float:
    """E = max |got - R| / (u G), beyond what rounded operands and a narrower C explain by themselves.

    An infinite or missing number is infinitely wrong.
    """
    explained = (
        result_roundoff(declared, out) * np.abs(r.high)
        + operand_roundoff(declared) * r.terms
        + smallest(out, declared.flush_results)
    )
    error = np.maximum(r.error(got) - explained, 0.0)
    unit = 2.0**-declared.accumulator_bits * r.magnitude
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(error == 0.0, 0.0, error / unit)
    return float(np.where(np.isnan(shares), np.inf, shares).max(initial=0.0))


def limit(declared: GemmDeclaration, k: int) -> float:
    """E_stat on random data: errors of rounding to nearest have no sign and add up as the root of their
    number (Higham & Mary 2019, "A new approach to probabilistic rounding error analysis"; Ipsen & Zhou 2020),
    with a factor of 4 above what sequential sums reach; what is cut off has one, and adds up."""
    n = chain(declared, k)
    return 2.0 * n if declared.rounding == "truncate" else 4.0 * float(np.sqrt(n))
