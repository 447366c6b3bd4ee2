"""Where a series of runs changed its level: a piecewise-constant fit, and which of its steps are findings.

The fit is the L1 Potts problem of asv's step_detect.py (F. Friedrich et al., Complexity Penalized
M-Estimation: Fast Computation, J. Comput. Graph. Stat. 17, 201 (2008)), its number of segments chosen by
asv's variant of Schwarz' criterion (Y.-C. Yao, Stat. Probab. Lett. 6, 181 (1988)); solved exactly, since
a history is short. A fit finds steps in noise, too, so each is then tested against the spread between runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, log1p
from typing import Literal

import msgspec
import numpy as np

from zbench.judge.ratios import MARGIN
from zbench.judge.summary import Pair
from zbench.measure.distributions import t_above, t_quantile
from zbench.measure.statistics import INTERVAL_ALPHA, Floats, holm

SEGMENT_RUNS = 3
"""The least that makes a level: one run, or two that shared a bad hour, are outliers and no step."""
PENALTY = 4.0
"""Parameters that a step costs in Schwarz' criterion, as in asv (`beta = 4 ln(n) / n`)."""
RESOLUTION = 0.001
"""No two sessions agree better than 0.1 %; without such a floor a perfect fit would outweigh any penalty."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One change of level of a series of times."""

    index: int
    """Of the first run on the new level."""
    ratio: float
    """Time after it over time before it: above 1 is slower."""
    interval: Pair
    """Of the ratio, by t from the spread of runs around their levels."""
    p: float
    """That the level moved by no more than the margin; corrected for the places where it could have been
    found, and by Holm over all series judged together."""
    verdict: Literal["FASTER", "SLOWER", "UNDECIDED"]
    """UNDECIDED: the fit has it, but it does not clear the spread between runs."""


def fit(values: Sequence[float]) -> list[int]:
    """Where segments of equal level begin, without the first: [] is one level. `values` are positive times.

    Minimises PENALTY k ln(n) / n + ln(sum |log y - level|) over all segmentations into k segments of at
    least `SEGMENT_RUNS`. O(n^3) in numpy: 250 runs take a tenth of a second.
    """
    n = len(values)
    if n < 2 * SEGMENT_RUNS:
        return []
    costs = _costs(np.log(np.asarray(values, np.float64)))
    best = costs[0].copy()  # best[r]: cost of the first r runs in as many segments as the loop has reached
    starts: list[np.ndarray] = []
    found: list[int] = []
    least = log(n * RESOLUTION + best[n]) + PENALTY * log(n) / n
    for segments in range(2, n // SEGMENT_RUNS + 1):
        through = best[:, None] + costs
        starts.append(through.argmin(axis=0))
        best = through.min(axis=0)
        score = log(n * RESOLUTION + best[n]) + segments * PENALTY * log(n) / n
        if score < least:
            least, found = score, _walk(starts, n)
    return found


def _costs(logs: Floats) -> Floats:
    """cost[l, r] = sum over runs l..r-1 of |log - their median|; infinite for what is too short."""
    n = len(logs)
    costs = np.full((n + 1, n + 1), inf)
    for length in range(SEGMENT_RUNS, n + 1):
        ordered = np.sort(np.lib.stride_tricks.sliding_window_view(logs, length), axis=1)
        half = length // 2
        first = np.arange(n - length + 1)
        costs[first, first + length] = ordered[:, length - half :].sum(1) - ordered[:, :half].sum(1)
    return costs


def _walk(starts: Sequence[np.ndarray], n: int) -> list[int]:
    bounds, right = [], n
    for start in reversed(starts):
        right = int(start[right])
        bounds.append(right)
    return bounds[::-1]


def residual_sd(values: Sequence[float], bounds: Sequence[int]) -> tuple[float, int]:
    """(standard deviation of log values around the means of their segments, degrees of freedom)."""
    logs = np.split(np.log(np.asarray(values, np.float64)), list(bounds))
    degrees = len(values) - len(logs)
    if degrees < 1:
        return inf, 0
    return float(np.sqrt(sum(((part - part.mean()) ** 2).sum() for part in logs) / degrees)), degrees


def steps(family: Sequence[Sequence[float]], margin: float = MARGIN) -> list[list[Step]]:
    """The steps of each series of times (in the order of runs), all series judged together.

    A step is a finding where the interval of its size excludes the margin, and so does its p-value after
    Bonferroni over the places where a step could begin (the fit has picked the best one) and Holm
    over all steps and all series without one.
    """
    found = [_tested(series, fit(series), margin) for series in family]
    p_values = [step.p for series in found for step in series]
    quiet = [1.0] * sum(not series for series in found)
    adjusted = iter(holm([*p_values, *quiet]))
    return [[_decided(step, next(adjusted)) for step in series] for series in found]


def _tested(values: Sequence[float], bounds: Sequence[int], margin: float) -> list[Step]:
    sd, degrees = residual_sd(values, bounds)
    sd = max(sd, RESOLUTION)
    parts = np.split(np.log(np.asarray(values, np.float64)), list(bounds))
    places = len(values) - 2 * SEGMENT_RUNS + 1
    found = []
    for index, before, after in zip(bounds, parts, parts[1:], strict=False):
        size = float(after.mean() - before.mean())
        error = sd * (1 / len(before) + 1 / len(after)) ** 0.5
        half = t_quantile(1 - INTERVAL_ALPHA / 2, degrees) * error
        p = 2 * t_above((abs(size) - log1p(margin)) / error, degrees)
        found.append(
            Step(
                index=index,
                ratio=exp(size),
                interval=(exp(size - half), exp(size + half)),
                p=min(1.0, places * p),
                verdict="UNDECIDED",
            )
        )
    return found


def _decided(step: Step, p: float) -> Step:
    """By p alone: adjusting only raises it, and unadjusted it is <= alpha where the interval excludes."""
    verdict: Literal["FASTER", "SLOWER", "UNDECIDED"] = "UNDECIDED"
    if p <= INTERVAL_ALPHA:
        verdict = "SLOWER" if step.ratio > 1 else "FASTER"
    return msgspec.structs.replace(step, p=p, verdict=verdict)
