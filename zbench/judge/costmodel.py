"""What a message, a byte moved and a byte reduced cost on a fabric, fitted to what was measured.

The alpha-beta-gamma model (Hockney 1994; Thakur, Rabenseifner and Gropp 2005): t = rounds alpha + moved beta
+ reduced gamma. The closed form of each algorithm (`schedules.cost`) tells all of it but the constants. It
knows no caches, no copies within a rank and no neighbours, so its residuals are part of the answer. Two lines
instead of one, for short and long messages, were tried: the residuals of shared memory hardly fell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from zbench.case import Case
from zbench.fabrics.base import WINDOWED
from zbench.fabrics.planned import chunks
from zbench.judge.summary import Pair, Summary
from zbench.measure.statistics import Floats, interval
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS
from zbench.workloads import workload

RUNS_AHEAD = ("scan", "exscan", *(name for name, operation in OPERATIONS.items() if operation.rooted))
"""Operations in which a rank may be done before others have begun: executions of a batch overlap, and take
half as long as one alone."""
WAYS = {"pingpong": 2}
"""Times that a vector travels one way after the other; closed forms count the busier way only, since in a
collective both are used at once."""
SPARE_POINTS = 2
"""Beyond the constants that are fitted: fewer cannot contradict them."""
LEAST_SIZES = 3
"""Likewise: through two sizes goes every straight line."""
CONDITION_MOST = 20.0
"""Of the regressors, each scaled to length 1: beyond, 1 % of noise is 20 % of a constant."""
LEAST_SHARE = 0.1
"""Of the time of any one point: a constant that makes up less of all of them is lost in what the closed
forms leave out."""
TYPICAL_MOST = 0.5
"""Where the middle point is further from the model than this, it cannot tell one algorithm from another."""
HUBER = 0.25
"""Relative error from which a point counts by its error and no longer by its square: copies and caches, of
which the model knows nothing, cost that much, and a few points off by factors must not bend all others."""
ITERATIONS = 50
"""Of reweighting; weights are still after ten."""

IN_PROPORTION = "all of these cases move and reduce in one proportion: measure other operations beside them"


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one execution does by the closed form of its algorithm."""

    rounds: int
    moved_bytes: float
    reduced_bytes: float


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One algorithm timed on one case: one execution at a time, with nothing else under way."""

    key: str
    algorithm: str
    dtype: str
    size_bytes: int
    work: Work
    ns: float
    launches_ns: dict[int, float] = {}
    """Block -> the median of that launch. Empty: a trial, one launch before all blocks."""


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fitted constant: the median over launches of each launch's own fit, with its interval."""

    value: float
    interval: Pair | None
    share: float = 1.0
    """The most that it makes up of the time of a point."""

    @property
    def seen(self) -> bool:
        return self.share >= LEAST_SHARE


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The model of one fabric in a world of so many ranks."""

    alpha_ns: Constant | None = None
    beta_ns_per_byte: Constant | None = None
    gamma_ns_per_byte: dict[str, Constant] = {}
    """dtype -> its constant, of those that were reduced."""
    points: int = 0
    launches: int = 0
    trials: int = 0
    """Of the points: without them the bursts alone could not tell the constants apart."""
    confidence: float | None = None
    typical: float | None = None
    """The middle |measured / model - 1|."""
    why: str = ""
    """Why there is no model; empty where there is one."""

    def ns(self, work: Work | None, dtype: str) -> float | None:
        """What the model says of an execution; None where it does not know."""
        if work is None or self.why or self.alpha_ns is None or self.beta_ns_per_byte is None:
            return None
        gamma = self.gamma_ns_per_byte.get(dtype)
        if work.reduced_bytes and gamma is None:
            return None
        reducing = work.reduced_bytes * gamma.value if gamma else 0.0
        moving = work.moved_bytes * self.beta_ns_per_byte.value
        return work.rounds * self.alpha_ns.value + moving + reducing or None


def work_of(case: Case, algorithm: str) -> Work | None:
    """None where no closed form holds: an unknown algorithm, parts of different size, a window of messages,
    which overlap (that is for LogGP)."""
    found = ALGORITHMS.get(case.workload, {}).get(algorithm)
    if found is None or case.workload in WINDOWED or case.get("skew") != "even":
        return None
    if case.ranks < found.least_ranks:
        return None
    cost = found.cost(case.ranks, chunks(case, algorithm))
    size = case.size[0]
    moved = cost.volume * WAYS.get(case.workload, 1)
    return Work(cost.rounds, float(moved * size), float(cost.reduced * size))


def alone(summary: Summary) -> bool:
    """Whether it timed one execution at a time."""
    return summary.batch == 1 or summary.case.workload not in RUNS_AHEAD


def execution_ns(summary: Summary) -> tuple[float, dict[int, float]]:
    """Of one execution: the median over launches, and block -> that of each launch."""
    times = workload(summary.case.workload).operations(summary.case)
    each = zip(summary.launch_blocks, summary.launch_medians_ns, strict=True)
    return (summary.median_ns or 0.0) * times, {block: ns * times for block, ns in each}


def burst_points(summaries: Iterable[Summary]) -> list[Point]:
    """The points of trusted results."""
    found = []
    for s in summaries:
        algorithm = s.variant.get("algorithm", "")
        work = work_of(s.case, algorithm) if s.suite == "fabric" and s.trusted and alone(s) else None
        if work is not None and s.sheet is None and s.median_ns:
            ns, each = execution_ns(s)
            found.append(_point(s.case, algorithm, work, ns, each))
    return found


def trial_points(cases: Mapping[str, Case], trials: Mapping[str, Mapping[str, float]]) -> list[Point]:
    """The points of a table's trials, key -> algorithm -> ns, of these cases."""
    return [
        _point(cases[key], algorithm, work, ns, {})
        for key, times in trials.items()
        for algorithm, ns in times.items()
        if key in cases and ns > 0 and (work := work_of(cases[key], algorithm)) is not None
    ]


def _point(case: Case, algorithm: str, work: Work, ns: float, launches_ns: dict[int, float]) -> Point:
    return Point(
        key=case.key,
        algorithm=algorithm,
        dtype=case.dtype,
        size_bytes=case.size[0],
        work=work,
        ns=ns,
        launches_ns=launches_ns,
    )


def fitted(bursts: Sequence[Point], trials: Sequence[Point]) -> Model:
    """The model that bursts tell, which launches repeat; where these cannot, that of bursts and trials.

    Fitted to bursts alone it predicts the trials of every other algorithm. Bursts of few cases often cannot
    part moving from reducing, since the algorithm that was chosen does both in proportion.
    """
    model = _fitted(bursts)
    if model.why and trials:
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
    does, ns = _regressors(points, dtypes), np.array([point.ns for point in points])
    if _condition(does / ns[:, None]) > CONDITION_MOST:
        return msgspec.structs.replace(model, why=IN_PROPORTION)
    blocks = _blocks(points)
    each = [_constants(does, np.array([p.launches_ns[block] for p in points])) for block in blocks]
    values = np.median(each, axis=0) if each else _constants(does, ns)
    shares = (does * values / ns[:, None]).max(axis=0)
    constants = [_constant(i, each, values, shares) for i in range(len(values))]
    errors = np.abs(ns / np.maximum(does @ values, 1e-12) - 1)
    typical = float(np.median(errors))
    return msgspec.structs.replace(
        model,
        alpha_ns=constants[0],
        beta_ns_per_byte=constants[1],
        gamma_ns_per_byte=dict(zip(dtypes, constants[2:], strict=True)),
        launches=len(blocks) or 1,
        confidence=_confidence(each),
        typical=typical,
        why=_unfit(typical, constants),
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


def _unfit(typical: float, constants: Sequence[Constant]) -> str:
    """Why a fit that was found is not to be believed, or an empty string."""
    if typical > TYPICAL_MOST:
        return (
            f"the middle result is {100 * typical:.0f} % off the best fit: "
            "a cost for each message and one for each byte do not describe this fabric"
        )
    for constant, lacking in zip(constants[:2], ("messages are short", "messages are long"), strict=True):
        if not constant.seen:
            return f"no {lacking} enough: the sizes do not span enough to tell alpha from beta"
    return ""


def _regressors(points: Sequence[Point], dtypes: Sequence[str]) -> Floats:
    """Shape (points, 2 + dtypes): rounds, bytes moved, bytes reduced of each dtype."""
    return np.array(
        [
            [p.work.rounds, p.work.moved_bytes, *(p.work.reduced_bytes * (p.dtype == d) for d in dtypes)]
            for p in points
        ],
        np.float64,
    )


def _condition(relative: Floats) -> float:
    """Of the columns, each scaled to length 1; inf where one is empty."""
    lengths = np.linalg.norm(relative, axis=0)
    return float(np.linalg.cond(relative / lengths)) if lengths.all() else float("inf")


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
    found = interval(of_launches) if of_launches and min(of_launches) > 0 else None
    bounds = (found.lo, found.hi) if found else None
    return Constant(float(values[index]), bounds, float(shares[index]))


def _confidence(each: Sequence[Floats]) -> float | None:
    """Of the intervals, the least of them."""
    found = [interval([float(v) for v in one]) for one in zip(*each, strict=True) if min(one) > 0]
    return min((one.confidence for one in found if one), default=None)
