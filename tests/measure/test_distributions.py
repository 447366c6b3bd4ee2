"""Quantiles and tails are those of `scipy.stats`."""

from __future__ import annotations

from math import inf

import pytest
from scipy import stats

from zbench.measure.distributions import (
    binomial_quantile,
    binomial_upto,
    normal_quantile,
    t_above,
    t_quantile,
)


@pytest.mark.parametrize("degrees", [1, 4, 9, 200])
def test_students_t(degrees: int) -> None:
    """With the tails far out, where a verdict is sure."""
    for p in (0.5, 0.985, 0.99999):
        assert t_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=1e-10, abs=1e-12)
    for score in (-inf, -3.0, 0.0, 2.0, 50.0, inf):
        assert t_above(score, degrees) == pytest.approx(stats.t.sf(score, degrees), rel=1e-10)


@pytest.mark.parametrize("p", [0.5, 0.99, 0.001])
@pytest.mark.parametrize("n", [1, 5, 7, 459, 4603, 100_000])
def test_binomial(n: int, p: float) -> None:
    """From one launch to the samples of a long burst."""
    for q in (0.015, 0.99):
        assert binomial_quantile(q, n, p) == stats.binom.ppf(q, n, p)
    for k in {0, n // 2, n - 1, n}:
        assert binomial_upto(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), rel=1e-8)


def test_normal() -> None:
    """The quantile of Wilson's interval."""
    assert normal_quantile(0.985) == pytest.approx(stats.norm.ppf(0.985))
