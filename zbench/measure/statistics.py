"""What launches can say, and how sure that is.

The unit of replication is the launch: rounds of one launch share its memory layout, its placement and
its neighbours, so an interval over pooled rounds is far too narrow (tests show it). All intervals of
times are computed on logarithms: noise multiplies times, an interval never reaches below zero, and
the interval of a rate is the interval of its time, turned over.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, log1p

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from zbench.measure.distributions import binomial_quantile, binomial_upto, t_above, t_quantile

INTERVAL_ALPHA = 0.03
"""Error of an interval at one look. Two looks are allowed (5 launches, then 10): by Bonferroni the
intervals that a reader sees are wrong at most 6 % of the time."""
LAUNCHES = 5
"""The least that carries a verdict: t with 4 degrees of freedom is 3.3 standard errors at 97 %, with 1
degree (2 launches) it is 21."""
EXTENDED = 10
"""Launches after the one extension that is allowed."""
NOISY = 0.10
"""A probe that varies more than this flags its burst."""
PERCENTILE_CONFIDENCE = 0.99
"""MLPerf's confidence for a percentile."""
MODE_GAP = 0.05
"""Launches nearer than this are one mode: launch medians of a quiet machine differ by 1 to 3 %."""
MODE_CONTRAST = 2.0
"""A gap parts two modes when it is this many times the width of the widest mode. Two modes 20 % apart are
then seen up to 2 % of noise in each. The price: 5 launches of one normal distribution look parted in
6 % of cases at 3 % of noise, in a third at 10 %; they lose the t interval and keep a range."""

Floats = NDArray[np.float64]


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the median launch lies, in the unit of the values given."""

    median: float
    lo: float
    hi: float
    method: str
    """`t`; `t, normalised by the probe`; `range`: order statistics of launches that fall into modes."""
    confidence: float
    """What the method promises: 1 - alpha, or less where a range of few launches cannot do better."""
    modes: tuple[int, ...]
    """Mode of each launch as measured, before any normalising; 0 is the fastest."""


def t_interval(values: Sequence[float], alpha: float = INTERVAL_ALPHA) -> tuple[float, float] | None:
    """Student's t over the logarithms of positive values, which must be independent launches.

    None below two values.
    """
    if len(values) < 2:
        return None
    logs = np.log(np.asarray(values, np.float64))
    half = t_quantile(1 - alpha / 2, len(logs) - 1) * standard_error(logs)
    centre = float(logs.mean())
    return exp(centre - half), exp(min(centre + half, 700.0))


def standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def median_interval_by_order(
    values: Sequence[float], alpha: float = INTERVAL_ALPHA
) -> tuple[float, float] | None:
    """Distribution-free interval of the median: the narrowest symmetric pair of order statistics.

    The ranks (r, n + 1 - r) miss with probability 2 P(Binomial(n, 1/2) < r) (David & Nagaraja, Order
    Statistics, 7.1). None where even (min, max) misses more often than alpha: below 7 values at 3 %.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    n = len(ordered)
    rank = binomial_quantile(alpha / 2, n, 0.5) if n else 0
    if n and 2 * binomial_upto(rank, n, 0.5) <= alpha:
        rank += 1
    return (float(ordered[rank - 1]), float(ordered[n - rank])) if rank else None


def percentile_upper_bound(
    samples: ArrayLike, p: float, confidence: float = PERCENTILE_CONFIDENCE
) -> float | None:
    """A value that the p-quantile does not exceed, with this confidence; None if n cannot support one.

    MLPerf's early-stopping rule: the least order statistic r with P(Binomial(n, p) < r) >= confidence.
    With no exceedance that needs 7 samples for p50, 459 for p99 and 4603 for p99.9. Holds for
    independent samples.
    """
    ordered = np.sort(np.asarray(samples, np.float64))
    rank = binomial_quantile(confidence, len(ordered), p) + 1
    return float(ordered[rank - 1]) if rank <= len(ordered) else None


def percentile_lower_bound(
    samples: ArrayLike, p: float, confidence: float = PERCENTILE_CONFIDENCE
) -> float | None:
    """A value that the p-quantile is not below: the upper bound, seen from the other side."""
    bound = percentile_upper_bound(-np.asarray(samples, np.float64), 1 - p, confidence)
    return None if bound is None else -bound


def noisy(probes: Sequence[float]) -> bool:
    """Whether the probes beside a burst differ by more than `NOISY` of their median."""
    return len(probes) > 1 and max(probes) - min(probes) > NOISY * float(np.median(probes))


def modes(values: Sequence[float]) -> tuple[int, ...]:
    """The mode of each launch, 0 the fastest; all 0 where the launches are of one kind.

    Launches are parted at their largest gaps (in logarithms): at as many as stay both wider than
    `MODE_GAP` and `MODE_CONTRAST` times the widest mode, keeping at least two launches a mode on average
    (rounded up), since every sample falls apart into single launches.
    """
    if not len(values):
        return ()
    logs = np.log(np.asarray(values, np.float64))
    order = np.argsort(logs, kind="stable")
    gaps = np.diff(logs[order])
    found = np.zeros(len(logs), np.int64)
    for cuts in range(1, (len(logs) + 1) // 2):
        where = np.sort(np.argsort(gaps, kind="stable")[len(gaps) - cuts :])
        widest = max(float(np.ptp(mode)) for mode in np.split(logs[order], where + 1))
        if gaps[where].min() >= max(log1p(MODE_GAP), MODE_CONTRAST * widest):
            found = np.searchsorted(where, np.arange(len(logs)), side="left")
    result = np.empty(len(logs), np.int64)
    result[order] = found
    return tuple(int(mode) for mode in result)


def normalised(values: Sequence[float], speeds: Sequence[float]) -> Floats:
    """Times as they would be beside the median probe. `speeds`: a roof, or one over a floor."""
    return np.asarray(values, np.float64) * np.asarray(speeds, np.float64) / float(np.median(speeds))


def interval(
    values: Sequence[float], speeds: Sequence[float] | None = None, alpha: float = INTERVAL_ALPHA
) -> Interval | None:
    """Median and interval of launch medians; None below two launches.

    `speeds` is what the probe beside each launch said of the machine, higher for faster: a roof as it is,
    a floor as 1 / floor. Where launches fall into modes they are normalised by it; if that leaves one
    mode (and does narrow them), t holds again; if not, order statistics, which assume nothing.
    """
    raw = np.asarray(values, np.float64)
    if len(raw) < 2:
        return None
    found = modes(list(raw))
    if not any(found):
        return _by_t(raw, "t", alpha, found)
    if speeds is not None and min(speeds) > 0:
        scaled = normalised(list(raw), speeds)
        narrower = np.log(scaled).std() < np.log(raw).std()
        if narrower and not any(modes(list(scaled))):
            return _by_t(scaled, "t, normalised by the probe", alpha, found)
    bounds = median_interval_by_order(list(raw), alpha)
    confidence = 1 - alpha
    if bounds is None:
        bounds = float(raw.min()), float(raw.max())
        confidence = 1 - 2.0 ** (1 - len(raw))
    return Interval(float(np.median(raw)), *bounds, "range", confidence, found)


def _by_t(values: Floats, method: str, alpha: float, found: tuple[int, ...]) -> Interval:
    bounds = t_interval(list(values), alpha)
    assert bounds is not None
    median = float(np.median(values))  # beside a mean: the interval is widened to hold it
    return Interval(median, min(bounds[0], median), max(bounds[1], median), method, 1 - alpha, found)


def ratio_interval(
    of: Sequence[float],
    to: Sequence[float],
    of_speeds: Sequence[float] | None = None,
    to_speeds: Sequence[float] | None = None,
    alpha: float = INTERVAL_ALPHA,
) -> Interval | None:
    """time(to) / time(of) over pairs from the same blocks: above 1, `of` is faster."""
    speeds = None
    if of_speeds is not None and to_speeds is not None:
        speeds = list(np.asarray(to_speeds, np.float64) / np.asarray(of_speeds, np.float64))
    return interval(list(paired(of, to)), speeds, alpha)


def paired(of: Sequence[float], to: Sequence[float]) -> Floats:
    return np.asarray(to, np.float64) / np.asarray(of, np.float64)


def p_value(ratios: Sequence[float], margin: float) -> float:
    """How likely ratios this far out are while the true one is within 1 + margin either way.

    Twice the one-sided p at the nearer edge, so that p <= alpha exactly where the interval at alpha
    excludes the margin. By t on logarithms; by signs where the ratios fall into modes.
    """
    logs = np.log(np.asarray(ratios, np.float64))
    if len(logs) < 2:
        return 1.0
    edge = log1p(margin)
    if any(modes(list(ratios))):
        beyond = max(int((logs > edge).sum()), int((logs < -edge).sum()))
        return min(1.0, 2 * binomial_upto(len(logs) - beyond, len(logs), 0.5))
    distance = abs(float(logs.mean())) - edge
    error = standard_error(logs)
    score = distance / error if error else (inf if distance > 0 else -inf)
    return min(1.0, 2 * t_above(score, len(logs) - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: those <= alpha may be believed together (Holm 1979)."""
    adjusted = [1.0] * len(p_values)
    worst = 0.0
    for step, index in enumerate(np.argsort(np.asarray(p_values, np.float64), kind="stable")):
        worst = max(worst, min(1.0, (len(p_values) - step) * p_values[index]))
        adjusted[index] = worst
    return adjusted


def floor_of(ratio: Interval) -> float:
    """The A/A floor: how far from 1 the same thing may lie from itself, as a fraction (0.02 is 2 %)."""
    return exp(max(abs(log(ratio.lo)), abs(log(ratio.hi)))) - 1
