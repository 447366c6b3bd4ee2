"""What a message, a byte moved and a byte reduced cost on a fabric.

The alpha-beta-gamma model (Hockney 1994; Thakur, Rabenseifner and Gropp 2005): t = rounds alpha + moved beta
+ reduced gamma. The closed form of each algorithm (`schedules.cost`) tells all of it but the constants, which
`costfit` finds. It knows no caches, no copies within a rank and no neighbours, so its residuals are part of
the answer. Where they prove that long messages travel in another way than short ones, either has an alpha and
a beta of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from zbench.case import Case
from zbench.fabrics.base import WINDOWED
from zbench.fabrics.planned import chunks
from zbench.judge.summary import Pair, Summary
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS
from zbench.workloads import workload

RUNS_AHEAD = ("scan", "exscan", *(name for name, operation in OPERATIONS.items() if operation.rooted))
"""Operations in which a rank may be done before others have begun: executions of a batch overlap, and take
half as long as one alone."""
WAYS = {"pingpong": 2}
"""Times that a vector travels one way after the other; closed forms count the busier way only, since in a
collective both are used at once."""
LEAST_SHARE = 0.1
"""Of the time of any one point: a constant that makes up less of all of them is lost in what the closed
forms leave out."""
DISAGREE = 10.0
"""Where the interval of a constant spans this factor, the launches do not tell it."""


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one execution does by the closed form of its algorithm."""

    rounds: int
    moved_bytes: float
    reduced_bytes: float

    @property
    def message_bytes(self) -> float:
        """Of the mean message."""
        return self.moved_bytes / max(self.rounds, 1)


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

    @property
    def told(self) -> bool:
        """Whether launches agree about it at all."""
        return self.interval is None or self.interval[1] <= DISAGREE * self.interval[0]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What messages cost up to a length."""

    alpha_ns: Constant
    beta_ns_per_byte: Constant
    to_bytes: float | None
    """None: to any length."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The model of one fabric in a world of so many ranks."""

    lines: tuple[Line, ...] = ()
    """One, or one for short and one for long messages."""
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
        if work is None or self.why:
            return None
        gamma = self.gamma_ns_per_byte.get(dtype)
        if work.reduced_bytes and gamma is None:
            return None
        line = next(
            line for line in self.lines if line.to_bytes is None or work.message_bytes <= line.to_bytes
        )
        reducing = work.reduced_bytes * gamma.value if gamma else 0.0
        moving = work.moved_bytes * line.beta_ns_per_byte.value
        return work.rounds * line.alpha_ns.value + moving + reducing or None


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
        if work is not None and s.median_ns:
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
