"""How well more ranks do more work: efficiency, its serial fraction, its loss by cause, and fits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from zbench.judge.ratios import Pairs
from zbench.judge.summary import Pair, Summary
from zbench.measure.statistics import Floats, paired, ratio_interval

FIT_POINTS = 4
"""Two parameters need at least two points more to contradict them."""
FIT_REACH = 4
"""A fitted law is not believed beyond this many times the largest world measured: what limits the larger
world (a switch, a second tier) need not have shown in the smaller ones."""
CAUSES = {
    "compute": "compute slowed",
    "communication": "communication exposed",
    "wait": "waiting on the slowest",
}
FIT_ERROR = 2.0
"""Standard errors either side: about 95 % where the law holds."""


class Efficiency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One world against one rank, paired in blocks."""

    kind: str
    """weak: T(1) / T(p) at equal work per rank; strong: T(1) / (p T(p)) at equal work in all."""
    subject: str
    variant: dict[str, str]
    key: str
    """Of the case on `ranks` ranks; `key_one` of the case on one."""
    key_one: str
    ranks: int
    launches: int
    value: float
    interval: Pair | None
    confidence: float
    """Of `interval`, see `statistics.Interval`."""
    launch_values: tuple[float, ...]
    """One for each block, not normalised."""
    method: str
    speedup: float
    """ranks x efficiency (for weak scaling: of the work done per time)."""
    serial_fraction: float | None
    """Karp & Flatt 1990: (1/S - 1/p) / (1 - 1/p). Constant over p: serial work; rising: overhead."""
    loss: dict[str, float]
    """Cause -> fraction of the ideal step time; they sum to 1/efficiency - 1. Empty: parts unknown."""


class Fit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A scaling law over the measured worlds of one efficiency series."""

    law: str
    """amdahl: S = 1 / (e + (1 - e) / p); usl: S = p / (1 + s (p - 1) + k p (p - 1))."""
    kind: str
    subject: str
    key_one: str
    points: int
    parameters: dict[str, float] | None
    """None where there was no fit, see `why`."""
    errors: dict[str, float] | None = None
    largest: int = 1
    """Ranks of the largest world measured."""
    why: str = ""


class Projection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model's figure for a scale that was not measured, with its error."""

    metric: str
    ranks: int
    value: float
    interval: Pair
    model: str
    subject: str = ""


class Scaling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    efficiencies: list[Efficiency] = []
    fits: list[Fit] = []
    projections: list[Projection] = []
    """From models other than the fits, where there are any."""


def scaling(summaries: Sequence[Summary]) -> Scaling:
    """Efficiencies and fits of all training steps that were measured on one rank and on more."""
    steps = [s for s in summaries if s.case.workload == "step" and s.median_ns is not None]
    found = [
        _efficiency(kind, one, many)
        for one in steps
        for many in steps
        if one.ranks == 1 and one.subject == many.subject and set(one.launch_blocks) & set(many.launch_blocks)
        for kind in _kinds(one, many)
    ]
    found.sort(key=lambda e: (e.kind, e.subject, e.key_one, e.ranks))
    fits = [
        _fit(law, list(series))
        for _, group in groupby(found, key=lambda e: (e.kind, e.subject, e.key_one))
        for series in [list(group)]
        if len(series) > 1
        for law in (("amdahl", "usl") if series[0].kind == "strong" else ("usl",))
    ]
    return Scaling(found, fits)


def _kinds(one: Summary, many: Summary) -> list[str]:
    """What `many` is to `one`: the same batch on every rank, or the one batch shared out."""
    (m, *layer), (m_many, *layer_many) = one.case.size, many.case.size
    others = [{k: v for k, v in s.case.parameters.items() if k != "ranks"} for s in (one, many)]
    if layer != layer_many or one.case.dtype != many.case.dtype or others[0] != others[1]:
        return []
    return [k for k, share in (("weak", m), ("strong", m / many.ranks)) if m_many == share]


def _efficiency(kind: str, one: Summary, many: Summary) -> Efficiency:
    p = many.ranks
    work = 1 if kind == "weak" else p
    pairs = Pairs(many, one)  # T(1) / T(p): `of` is the larger world
    span = ratio_interval(*pairs.arguments())
    ratio = span.median if span else pairs.to[0] / pairs.of[0]
    value = ratio / work
    speedup = p * value
    return Efficiency(
        kind=kind,
        subject=many.subject,
        variant=many.variant,
        key=many.key,
        key_one=one.key,
        ranks=p,
        launches=len(pairs.blocks),
        value=value,
        interval=(span.lo / work, span.hi / work) if span else None,
        confidence=span.confidence if span else 0.0,
        launch_values=tuple(float(v) / work for v in paired(pairs.of, pairs.to)),
        method=span.method if span else "one launch",
        speedup=speedup,
        serial_fraction=karp_flatt(speedup, p) if p > 1 else None,
        loss=loss(one.parts_ns, many.parts_ns, value),
    )


def karp_flatt(speedup: float, ranks: int) -> float:
    """Serial fraction e = (1/S - 1/p) / (1 - 1/p) (Karp & Flatt, CACM 33(5), 1990); ranks > 1."""
    return (1 / speedup - 1 / ranks) / (1 - 1 / ranks)


def loss(one: dict[str, float], many: dict[str, float], efficiency: float) -> dict[str, float]:
    """Where 1/efficiency - 1 went, in fractions of the ideal step time.

    `one` and `many` are the parts of a step in ns. The shares of the larger world, scaled to its
    1/efficiency, minus the shares of the ideal step, which has the proportions of the single rank.
    """
    if not sum(one.values()) or not sum(many.values()):
        return {}
    return {
        CAUSES.get(name, name): many.get(name, 0.0) / sum(many.values()) / efficiency
        - one.get(name, 0.0) / sum(one.values())
        for name in dict.fromkeys([*CAUSES, *one, *many])
        if name in one or name in many
    }


def amdahl(ranks: ArrayLike, serial: float) -> Floats:
    """Speed-up by Amdahl's law (1967)."""
    p = np.asarray(ranks, np.float64)
    return np.asarray(1 / (serial + (1 - serial) / p), np.float64)


def usl(ranks: ArrayLike, contention: float, coherency: float) -> Floats:
    """Speed-up by the Universal Scalability Law (Gunther 1993)."""
    p = np.asarray(ranks, np.float64)
    return np.asarray(p / (1 + contention * (p - 1) + coherency * p * (p - 1)), np.float64)


LAWS = {"amdahl": (amdahl, ("serial",)), "usl": (usl, ("contention", "coherency"))}


def _fit(law: str, series: Sequence[Efficiency]) -> Fit:
    """Least squares on relative error, since large worlds would otherwise drown the small ones."""
    function, names = LAWS[law]
    ranks = np.array([e.ranks for e in series], np.float64)
    speedups = np.array([e.speedup for e in series], np.float64)
    fit = Fit(
        law=law,
        kind=series[0].kind,
        subject=series[0].subject,
        key_one=series[0].key_one,
        points=len(set(ranks)),
        parameters=None,
        largest=int(ranks.max()),
    )
    if fit.points < FIT_POINTS:
        return msgspec.structs.replace(fit, why=f"{fit.points} worlds measured, a fit needs {FIT_POINTS}")
    from scipy.optimize import OptimizeWarning, curve_fit  # slow to load, and most runs have no such fit

    start = [0.01] * len(names)
    upper = [1.0] * len(names)
    try:
        best, covariance = curve_fit(function, ranks, speedups, start, sigma=speedups, bounds=(0, upper))
    except (RuntimeError, OptimizeWarning) as error:
        return msgspec.structs.replace(fit, why=f"no fit found: {error}")
    errors = np.sqrt(np.diag(covariance))
    return msgspec.structs.replace(
        fit,
        parameters={name: float(value) for name, value in zip(names, best, strict=True)},
        errors={name: float(value) for name, value in zip(names, errors, strict=True)},
    )


def project(found: Scaling, metric: str, ranks: int, subject: str) -> Projection | None:
    """A figure for `ranks`: a model's own, else from the USL fit, within `FIT_REACH` of what was measured."""
    for projection in found.projections:
        if (projection.metric, projection.ranks) == (metric, ranks) and projection.subject in ("", subject):
            return projection
    for fit in found.fits:
        near = fit.largest < ranks <= FIT_REACH * fit.largest
        if fit.law == "usl" and metric == f"efficiency_{fit.kind}" and fit.subject == subject and near:
            return _projected(fit, metric, ranks)
    return None


def _projected(fit: Fit, metric: str, ranks: int) -> Projection | None:
    if fit.parameters is None or fit.errors is None:
        return None
    centre, low, high = (
        [max(0.0, fit.parameters[name] + sign * FIT_ERROR * fit.errors[name]) for name in fit.parameters]
        for sign in (0, 1, -1)
    )
    value, least, most = (float(usl(ranks, *parameters)) / ranks for parameters in (centre, low, high))
    model = f"USL fit of {fit.points} worlds up to {fit.largest} ranks"
    return Projection(
        metric=metric, ranks=ranks, value=value, interval=(least, most), model=model, subject=fit.subject
    )
