"""The alpha-beta fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbench.report.fit import alpha_beta

SIZES = [8, 512, 8192, 65536, 1 << 20, 1 << 26]


@given(st.floats(1.0, 1e6), st.floats(1e6, 1e12))
def test_exact_data_give_their_own_parameters(alpha_ns: float, beta: float) -> None:
    """Times made from alpha and beta are reproduced, and the fit says that it is exact."""
    fit = alpha_beta(SIZES, [alpha_ns + n / beta * 1e9 for n in SIZES])
    assert fit is not None
    assert fit.worst < 1e-6
    for n in SIZES:
        assert fit.time_ns(n) == pytest.approx(alpha_ns + n / beta * 1e9, rel=1e-6)


def test_two_sizes_are_too_few() -> None:
    """Two parameters through two points always fit, so nothing is claimed."""
    assert alpha_beta([8, 64, 8], [100.0, 120.0, 101.0]) is None


def test_falling_times_give_an_infinite_bandwidth_not_a_negative_one() -> None:
    """Noise on tiny messages must not invent a negative cost per byte."""
    fit = alpha_beta([8, 16, 32], [120.0, 110.0, 100.0])
    assert fit is not None
    assert fit.beta_bytes_per_s == float("inf")
    assert fit.time_ns(64) == pytest.approx(fit.alpha_ns)


def test_worst_is_the_largest_relative_deviation() -> None:
    """A point that is off by half is told."""
    times = [100.0 + n / 10 for n in SIZES]
    times[2] *= 2
    fit = alpha_beta(SIZES, times)
    assert fit is not None
    deviations = [abs(fit.time_ns(n) / t - 1) for n, t in zip(SIZES, times, strict=True)]
    assert fit.worst == pytest.approx(max(deviations))
    assert fit.worst > 0.2
