"""The few probabilities that are asked here, from `scipy.special`.

`scipy.stats` has them all, but takes longer to load than most commands take to run. `scipy.special` itself
is loaded when first asked: ranks import this module, and most never ask.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache


@cache  # a run has few sample sizes
def t_quantile(p: float, degrees: int) -> float:
    from scipy import special

    return float(special.stdtrit(degrees, p))


def t_above(score: float, degrees: int) -> float:
    """P(T > score)."""
    from scipy import special

    return float(special.stdtr(degrees, -score))


def normal_quantile(p: float) -> float:
    from scipy import special

    return float(special.ndtri(p))


def binomial_upto(k: int, n: int, p: float) -> float:
    """P(Binomial(n, p) <= k)."""
    from scipy import special

    return float(special.bdtr(k, n, p))


@cache
def binomial_quantile(q: float, n: int, p: float) -> int:
    """The least k with P(Binomial(n, p) <= k) >= q."""
    return bisect_left(range(n), q, key=lambda k: binomial_upto(k, n, p))
