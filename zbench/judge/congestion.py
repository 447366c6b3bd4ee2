"""How much victims are slowed by the traffic of others: GPCNeT's congestion impact factor, time over time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np

from zbench.case import Case
from zbench.judge.ratios import MARGIN
from zbench.judge.summary import Pair
from zbench.measure.statistics import Floats, interval, percentile_upper_bound
from zbench.records.schema import Congestion, Record

TAIL = 0.99
COVERED_MIN = 0.9
"""Share of loaded rounds in which the congestors must have been at work throughout: those that are left out
are the slow ones, and without many of them the rest looks better than it was."""

Effect = Literal["SLOWED", "NOT SLOWED", "UNDECIDED"]


class Factor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time loaded over time idle; of a bandwidth idle over loaded, which is the same."""

    median: float
    interval: Pair | None
    """Over launches; None of a single one."""


class Impact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case of congestion on one subject, over its launches."""

    key: str
    case: Case
    subject: str
    launches: int
    batch: tuple[int, int]
    """Least and most executions in a victim's round."""
    idle_ns: float | None
    """Of one execution: median over launches of the median over rounds. None: no round counts."""
    loaded_ns: float | None
    middle: Factor | None
    """Of the medians of rounds."""
    tail: Factor | None
    """Of their p99; None where a launch has too few rounds."""
    covered: int
    """Loaded rounds that count, of `of`."""
    of: int
    verdict: Effect
    why: str = ""
    """Why there is no verdict, or what must be known with it."""


def impacts(records: Iterable[Record], floor: float = 0.0) -> list[Impact]:
    """One for each case and subject with figures, in the order of the records. Pure.

    `floor`: the A/A floor as a fraction; nothing closer to 1 than that is an effect.
    """
    cases: dict[tuple[str, str], list[tuple[Record, Congestion]]] = defaultdict(list)
    for record in records:
        if record.status == "ok" and record.role == "measure" and record.congestion is not None:
            cases[record.key, record.subject].append((record, record.congestion))
    return [_impact(launches, max(floor, MARGIN)) for launches in cases.values()]


def counted(told: Congestion) -> Floats:
    """Loaded rounds in which the congestors were at work throughout."""
    return np.delete(np.asarray(told.loaded_ns, np.float64), told.uncovered)


def _impact(launches: Sequence[tuple[Record, Congestion]], margin: float) -> Impact:
    record = launches[0][0]
    kept = [(one, told) for one, told in launches if told.idle_ns and counted(told).size]
    of = sum(len(told.loaded_ns) for _, told in launches)
    covered = sum(counted(told).size for _, told in launches)
    idle = [float(np.median(told.idle_ns)) / one.batch for one, told in kept]
    loaded = [float(np.median(counted(told))) / one.batch for one, told in kept]
    middle = _factor(loaded, idle)
    why = _refused(launches, covered, of)
    batches = [one.batch for one, _ in launches]
    return Impact(
        key=record.key,
        case=record.case,
        subject=record.subject,
        launches=len(launches),
        batch=(min(batches), max(batches)),
        idle_ns=float(np.median(idle)) if idle else None,
        loaded_ns=float(np.median(loaded)) if loaded else None,
        middle=middle,
        tail=_tail(kept) if len(kept) == len(launches) else None,
        covered=covered,
        of=of,
        verdict="UNDECIDED" if why or middle is None else _effect(middle, margin),
        why=why,
    )


def _factor(loaded: Sequence[float], idle: Sequence[float]) -> Factor | None:
    ratios = [one / other for one, other in zip(loaded, idle, strict=True)]
    if not ratios:
        return None
    span = interval(ratios)
    return Factor(span.median, (span.lo, span.hi)) if span else Factor(ratios[0], None)


def _tail(launches: Sequence[tuple[Record, Congestion]]) -> Factor | None:
    """Nearest rank, where every launch has rounds enough to bound it (459, see percentile_upper_bound)."""
    pairs = [(np.asarray(told.idle_ns, np.float64), counted(told)) for _, told in launches]
    if not pairs or any(percentile_upper_bound(rounds, TAIL) is None for pair in pairs for rounds in pair):
        return None
    return _factor([_nearest(loaded) for _, loaded in pairs], [_nearest(idle) for idle, _ in pairs])


def _nearest(rounds: Floats) -> float:
    return float(np.sort(rounds)[math.ceil(TAIL * len(rounds)) - 1])


def _refused(launches: Sequence[tuple[Record, Congestion]], covered: int, of: int) -> str:
    """Why nothing is concluded (GPCNeT refuses where its conditions are not met, too)."""
    if any(told.oversubscribed for _, told in launches):
        return "more ranks than cores: it is the cores that they contend for, and not the fabric"
    if covered < COVERED_MIN * of:
        return f"congestors were at work throughout in {covered} of {of} loaded rounds only"
    return ""


def _effect(factor: Factor, margin: float) -> Effect:
    if factor.interval is None:
        return "UNDECIDED"
    low, high = factor.interval
    if low > 1 + margin:
        return "SLOWED"
    return "NOT SLOWED" if high <= 1 + margin else "UNDECIDED"
