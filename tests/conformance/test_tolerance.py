"""Tolerances are those that the declaration's numbers give by hand, and products stay within them."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest

from zbench.case import Case
from zbench.conformance.collective import oracle as collective
from zbench.conformance.declaration import CollectiveDeclaration, GemmDeclaration
from zbench.conformance.reference import Reference, product
from zbench.conformance.tolerance import (
    chain,
    deterministic,
    exponents,
    gamma,
    limit,
    operand_roundoff,
    result_roundoff,
    statistic,
)

FP32 = GemmDeclaration(("fp32",))
FP64 = GemmDeclaration(("fp64",), accumulator_bits=53)


def reference(high: float, magnitude: float) -> Reference:
    """One element of C."""
    r, g = np.full((1, 1), high), np.full((1, 1), magnitude)
    return Reference(r, np.zeros((1, 1)), g, g)


def test_a_term_is_rounded_once_for_each_addition_and_scaling() -> None:
    """n = k + 3 one by one; k / block + block + 3 where a unit adds a block at once."""
    assert chain(FP32, 64) == 67
    assert chain(GemmDeclaration(("bf16",), block=4), 64) == 16 + 4 + 3
    assert chain(GemmDeclaration(("bf16",), block=16), 17) == 2 + 16 + 3


def test_gamma_is_highams_and_bounds_nothing_from_one_on() -> None:
    """n u / (1 - n u), by hand; a sum of 2^11 terms in fp16 has no bound."""
    assert gamma(3, 0.1) == pytest.approx(0.3 / 0.7)
    assert gamma(2048, 2.0**-11) == inf


def test_the_last_rounding_counts_where_c_is_narrower() -> None:
    """u_out: 2^-8 for bf16, nothing for fp32 in fp32; of exact sums that are stored in fp16, too."""
    assert result_roundoff(FP32, "fp32") == 0.0
    assert result_roundoff(FP32, "bf16") == 2.0**-8
    assert result_roundoff(FP32, "fp16") == 2.0**-11
    assert result_roundoff(GemmDeclaration(("int8",), accumulator_bits=32, rounding="exact"), "fp32") > 0


def test_rounded_operands_err_twice() -> None:
    """(1 + u)^2 - 1 of both: 2^-10 and a little for tf32 to nearest, twice that where it is cut off."""
    nearest = operand_roundoff(GemmDeclaration(("fp32",), operands="tf32"))
    cut = operand_roundoff(GemmDeclaration(("fp32",), operands="tf32", rounding="truncate"))
    assert operand_roundoff(FP32) == 0.0
    assert nearest == 2.0**-10 + 2.0**-22
    assert cut == 2.0**-9 + 2.0**-20


@pytest.mark.parametrize(("rounding", "rho"), [("nearest", 1), ("truncate", 2)])
def test_t_det_is_rho_gamma_g(rounding: str, rho: int) -> None:
    """Of k = 61 in fp32: rho gamma_64(2^-24) G, beside which subnormals are nothing."""
    declared = GemmDeclaration(("fp32",), rounding=rounding)
    bound = deterministic(declared, "fp32", "fp32", 61, reference(1.0, 8.0))
    assert bound[0, 0] == pytest.approx(rho * 64 * 2.0**-24 * 8, rel=1e-5)


def test_rounded_operands_add_what_they_lose_once() -> None:
    """2^-10 |A||B| for tf32, however many terms there are; in E it is taken off, as often."""
    declared = GemmDeclaration(("fp32",), operands="tf32")
    r = reference(1.0, 8.0)
    bound = deterministic(declared, "fp32", "fp32", 61, r)
    assert bound[0, 0] == pytest.approx((64 * 2.0**-24 + 2.0**-10 + 2.0**-22) * 8, rel=1e-5)
    got = np.full((1, 1), 1 + 2.0**-6, np.float32)
    assert statistic(declared, "fp32", r, got) == pytest.approx((2.0**-9 - 2.0**-10 - 2.0**-22) * 2**24)


def test_a_narrower_c_adds_half_its_last_place() -> None:
    """u_out |R| on top, and of R = 0 half the least subnormal of C and more."""
    bound = deterministic(FP32, "fp16", "fp16", 61, reference(2.0, 2.0))
    assert bound[0, 0] == pytest.approx(2.0**-11 * 2 + 64 * 2.0**-24 * 2, rel=1e-2)
    assert deterministic(FP32, "fp16", "fp16", 61, reference(0.0, 0.0))[0, 0] >= 2.0**-25


def test_whoever_flushes_may_lose_the_least_normal_number() -> None:
    """n times 2^-126 instead of n times 2^-149."""
    flushing = GemmDeclaration(("fp32",), flush_results=True)
    nothing = reference(0.0, 0.0)
    assert deterministic(flushing, "fp32", "fp32", 61, nothing)[0, 0] >= 64 * 2.0**-126
    assert deterministic(FP32, "fp32", "fp32", 61, nothing)[0, 0] <= 66 * 2.0**-149


def test_the_statistical_limit_grows_as_roundings_to_nearest_or_as_cuts() -> None:
    """4 sqrt(K + 3) and 2 (K + 3)."""
    assert limit(FP32, 1021) == 4 * sqrt(1024) == 128
    assert limit(GemmDeclaration(("fp32",), rounding="truncate"), 1021) == 2048


def test_e_counts_roundoffs_of_g() -> None:
    """An error of 6 u G is E = 6; what is missing or infinite is infinitely wrong."""
    r = reference(1.0, 1.0)
    assert statistic(FP64, "fp64", r, np.full((1, 1), 1 + 6 * 2.0**-53)) == pytest.approx(6)
    got = np.full((1, 1), 1 + 4 * 2.0**-23, np.float32)
    assert statistic(FP32, "fp32", r, got) == pytest.approx(8)
    for wrong in (np.nan, np.inf):
        assert statistic(FP32, "fp32", r, np.full((1, 1), wrong, np.float32)) == inf


def test_exponents_are_ieees() -> None:
    """Least normal and least subnormal of each dtype, as IEEE 754 and OCP FP8 have them."""
    assert exponents("fp64") == (-1022, -1074)
    assert exponents("fp32") == (-126, -149)
    assert exponents("fp16") == (-14, -24)
    assert exponents("bf16") == (-126, -133)
    assert exponents("fp8e4m3") == (-6, -9)
    assert exponents("fp8e5m2") == (-14, -16)


@pytest.mark.parametrize("k", [16, 256])
def test_fp32_keeps_its_word_and_fp16_does_not(k: int) -> None:
    """Sums one by one in fp32 stay far below the statistical limit; in fp16 they are far above four times
    it. (T_det in fp32 is exceeded, too.)"""
    rng = np.random.default_rng(k)
    a = rng.standard_normal((8, k)).astype(np.float32)
    b = rng.standard_normal((k, 8)).astype(np.float32)
    r, most = product(a, b), limit(FP32, k)
    for kind, honest in ((np.float32, True), (np.float16, False)):
        total = np.zeros((8, 8), kind)
        for i in range(k):
            total = (total + (a[:, i, None] * b[None, i]).astype(kind)).astype(kind)
        e = statistic(FP32, "fp32", r, total)
        assert (e < most / 4) if honest else (e > 4 * most)
        bound = deterministic(FP32, "fp32", "fp32", k, r)
        assert bool((r.error(total) <= bound).all()) == honest


@pytest.mark.parametrize(("redop", "roundings", "whole"), [("sum", 3, 4.0), ("avg", 5, 1.0)])
def test_a_collective_errs_by_its_terms_and_an_average_by_its_share_of_them(
    redop: str, roundings: int, whole: float
) -> None:
    """gamma_(p-1) sum|x|; of an average gamma_(p+1), of the mean of |x|."""
    case = Case("allreduce", "fp32", (4,), {"ranks": 4, "redop": redop})
    given = [np.float32([sign]) for sign in (1, -1, 1, 1)]
    [allowed] = collective.tolerance(case, given, 0, CollectiveDeclaration())
    assert gamma(roundings, 2.0**-24) * whole <= allowed <= 1.001 * gamma(roundings, 2.0**-24) * whole
