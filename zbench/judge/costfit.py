"""The constants of the cost model, by least squares of what was measured; or why they are not known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from zbench.judge.costmodel import DISAGREE, Constant, Line, Model, Point
from zbench.judge.summary import Pair
from zbench.measure.statistics import Floats, interval

SPARE_POINTS = 2
"""Beyond the constants that are fitted: fewer cannot contradict them."""
LEAST_SIZES = 3
"""Likewise: through two sizes goes every straight line."""
CONDITION_MOST = 20.0
"""Of the regressors, each scaled to length 1: beyond, 1 % of noise is 20 % of a constant."""
TYPICAL_MOST = 0.5
"""Where the middle point is further from the model than this, it cannot tell one algorithm from another."""
GAIN = 0.6
"""Of the loss, what a second line may leave of it: by noise alone its three numbers (with where it begins)
take a tenth or two. Of shared memory, 8 B to 2 MiB in seven steps, it left half."""
HUBER = 0.25
"""Relative error from which a point counts by its error and no longer by its square: copies and caches, of
which the model knows nothing, cost that much, and a few points off by factors must not bend all others."""
ITERATIONS = 50
"""Of reweighting; weights are still after ten."""

IN_PROPORTION = "all of these cases move and reduce in one proportion: measure other operations beside them"


def fitted(bursts: Sequence[Point], trials: Sequence[Point]) -> Model:
    """The model that bursts tell, which launches repeat; where these cannot, that of bursts and trials.

    Fitted to bursts alone it predicts the trials of every other algorithm. Bursts of few cases often cannot
    part moving from reducing, since the algorithm that was chosen does both in proportion.
    """
    model = _fitted(bursts)
    if not model.lines and trials:
        ran = {(point.key, point.algorithm) for point in bursts}
        further = [point for point in trials if (point.key, point.algorithm) not in ran]
        model = _fitted([*bursts, *further])
    return model


def _fitted(points: Sequence[Point]) -> Model:
    dtypes = sorted({point.dtype for point in points if point.work.reduced_bytes})
    trials = sum(not point.launches_ns for point in points)
    model = Model(points=len(points), trials=trials)
    if why := _too_few(points, 2 + len(dtypes)):
        return msgspec.structs.replace(model, why=why)
    ns = np.array([point.ns for point in points])
    if _condition(_regressors(points, dtypes, None), ns) > CONDITION_MOST:
        return msgspec.structs.replace(model, why=IN_PROPORTION)
    edge = _edge(points, dtypes, ns)
    does, blocks = _regressors(points, dtypes, edge), _blocks(points)
    each = [_constants(does, np.array([p.launches_ns[block] for p in points])) for block in blocks]
    values = np.median(each, axis=0) if each else _constants(does, ns)
    shares = (does * values / ns[:, None]).max(axis=0)
    constants = [_constant(i, each, values, shares) for i in range(len(values))]
    lines = [Line(constants[0], constants[1], edge)]
    if edge is not None:
        lines.append(Line(constants[2], constants[3], None))
    typical = float(np.median(np.abs(ns / np.maximum(does @ values, 1e-12) - 1)))
    return msgspec.structs.replace(
        model,
        lines=tuple(lines),
        gamma_ns_per_byte=dict(zip(dtypes, constants[2 * len(lines) :], strict=True)),
        launches=len(blocks) or 1,
        confidence=_confidence(each),
        typical=typical,
        why=_unfit(typical, lines[0].alpha_ns, lines[-1].beta_ns_per_byte, len(blocks)),
    )


def _too_few(points: Sequence[Point], constants: int) -> str:
    if not points:
        return "no algorithm with a closed form was timed alone: a library's own has none"
    sizes = {point.size_bytes for point in points if point.size_bytes}
    if len(points) < constants + SPARE_POINTS or len(sizes) < LEAST_SIZES:
        return (
            f"{len(points)} results of {len(sizes)} sizes: {constants} constants need "
            f"{constants + SPARE_POINTS} results of {LEAST_SIZES} sizes at least"
        )
    return ""


def _unfit(typical: float, alpha: Constant, beta: Constant, launches: int) -> str:
    """Why a fit that was found is not to be believed, or an empty string."""
    if typical > TYPICAL_MOST:
        return (
            f"the middle result is {100 * typical:.0f} % off the best fit: "
            "a cost for each message and one for each byte do not describe this fabric"
        )
    for name, constant, lacking in (("alpha", alpha, "short"), ("beta", beta, "long")):
        if not constant.seen:
            return f"no messages are {lacking} enough: the sizes do not span enough to tell alpha from beta"
        if not constant.told:
            return f"{launches} launches do not tell {name} within a factor of {DISAGREE:g}"
    return ""


def _edge(points: Sequence[Point], dtypes: Sequence[str], ns: Floats) -> float | None:
    """The message length at which a second line begins; None where one line does nearly as well."""
    lengths = sorted({point.work.message_bytes for point in points if point.work.moved_bytes})
    losses = {}
    for edge in (float(np.sqrt(a * b)) for a, b in pairwise(lengths)):
        sides = [
            {p.size_bytes for p in points if p.size_bytes and (p.work.message_bytes > edge) is long}
            for long in (False, True)
        ]
        does = _regressors(points, dtypes, edge)
        if min(map(len, sides)) >= LEAST_SIZES and _condition(does, ns) <= CONDITION_MOST:
            losses[edge] = _loss(does, ns)
    best = min(losses, key=lambda edge: losses[edge], default=None)
    if best is None or losses[best] > GAIN * _loss(_regressors(points, dtypes, None), ns):
        return None
    return best


def _regressors(points: Sequence[Point], dtypes: Sequence[str], edge: float | None) -> Floats:
    """Shape (points, 2 a line + dtypes): rounds and bytes moved, of messages up to the edge and beyond; bytes
    reduced of each dtype."""
    rows = []
    for p in points:
        sides = [True] if edge is None else [p.work.message_bytes <= edge, p.work.message_bytes > edge]
        moved = [value * side for side in sides for value in (p.work.rounds, p.work.moved_bytes)]
        rows.append([*moved, *(p.work.reduced_bytes * (p.dtype == dtype) for dtype in dtypes)])
    return np.array(rows, np.float64)


def _condition(does: Floats, ns: Floats) -> float:
    """Of the columns of relative times, each scaled to length 1; inf where one is empty."""
    relative = does / ns[:, None]
    lengths = np.linalg.norm(relative, axis=0)
    return float(np.linalg.cond(relative / lengths)) if lengths.all() else float("inf")


def _loss(does: Floats, ns: Floats) -> float:
    """Huber's, of the relative errors of the best fit."""
    errors = np.abs(does @ _constants(does, ns) / ns - 1)
    return float(np.where(errors < HUBER, errors**2 / 2, HUBER * (errors - HUBER / 2)).sum())


def _blocks(points: Sequence[Point]) -> list[int]:
    """Those in which every point was measured; none where some are trials."""
    return sorted(set.intersection(*(set(point.launches_ns) for point in points)))


def _constants(does: Floats, ns: Floats) -> Floats:
    """Non-negative least squares of the relative error, by Huber's weights (Robust Statistics, 1981, 7.8).

    Relative, since times span many decades and an absolute fit would only see the longest.
    """
    from scipy.optimize import nnls  # slow to load, and most runs have no such fit

    relative = does / ns[:, None]
    scale = np.linalg.norm(relative, axis=0)
    roots = np.ones(len(ns))
    for _ in range(ITERATIONS):
        found, _ = nnls(relative / scale * roots[:, None], roots)
        errors = np.abs(relative / scale @ found - 1)
        before, roots = roots, np.sqrt(np.minimum(1.0, HUBER / np.maximum(errors, HUBER / 1e6)))
        if np.allclose(before, roots, rtol=1e-6):
            break
    return np.asarray(found / scale, np.float64)


def _constant(index: int, each: Sequence[Floats], values: Floats, shares: Floats) -> Constant:
    of_launches = [float(one[index]) for one in each]
    return Constant(float(values[index]), bounds(of_launches), float(shares[index]))


def bounds(of_launches: Sequence[float]) -> Pair | None:
    """The interval over launches; their range where some found nothing, None where all did, and of one."""
    if len(of_launches) < 2 or not max(of_launches):
        return None
    if not min(of_launches):
        return 0.0, max(of_launches)
    found = interval(of_launches)
    return (found.lo, found.hi) if found else None


def _confidence(each: Sequence[Floats]) -> float | None:
    """Of the intervals, the least of them."""
    found = [interval([float(v) for v in one]) for one in zip(*each, strict=True) if min(one) > 0]
    return min((one.confidence for one in found if one), default=None)
