"""The first card or fabric against the best other, by case and in groups: a table of peers."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import msgspec
import numpy as np

from zbench.case import Case
from zbench.judge.ratios import Pairs, geometric_mean
from zbench.judge.roofs import SKINNY_ROWS, lanes, read_bandwidth, share_of_roof
from zbench.judge.summary import Pair, Summary
from zbench.measure.statistics import INTERVAL_ALPHA, ratio_interval
from zbench.workloads import workload

SMALL_N = 64
"""n up to which a square GEMM takes microseconds: the call counts as much as the arithmetic."""


class Meeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case that the first card or fabric and at least one other answered."""

    key: str
    case: Case
    subject: str
    peer: str
    """The best of the others: the least median over blocks."""
    ratio: float
    """rate(subject) / rate(peer): above 1 the first is faster."""
    interval: Pair | None
    launches: int
    """Blocks in which both answered."""
    share: float | None
    """Of what bounds the first card's answer, see `roofs.share_of_roof`."""


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cases of one workload, dtype, kind of shape and parameters, over all their sizes."""

    workload: str
    dtype: str
    shape: str
    """Of a GEMM or attention, see `shape_of`; else empty."""
    sizes: tuple[tuple[int, ...], tuple[int, ...]]
    """The least and the most."""
    parameters: str
    """`threads=1 transb=t`, defaults left out."""
    subject: str
    cases: int
    ratio: float
    """Geometric mean over the cases, each of equal weight."""
    interval: Pair | None
    """Of the ratio, over blocks that have all the cases; None where there are too few."""
    launches: int
    """Such blocks."""
    worst: Meeting
    shares: tuple[float, float, float] | None
    """Median, least and most share of what bounds them; None where a case has none."""


def against_best(summaries: Sequence[Summary], subjects: Sequence[str]) -> list[Group]:
    """The first card of `subjects` against the best of the others, by groups, and likewise the first fabric,
    case by case: what wins for small messages loses for large ones. None without others."""
    pairs = [pair for suite in ("card", "fabric") for pair in _pairs(summaries, subjects, suite)]
    groups: dict[tuple[str, ...], list[tuple[Meeting, Pairs]]] = {}
    for meeting, pair in pairs:
        case = meeting.case
        family = (meeting.subject, case.workload, case.dtype, shape_of(case), parameters_of(case))
        groups.setdefault(family, []).append((meeting, pair))
    return [_group(family, members) for family, members in groups.items()]


def shape_of(case: Case) -> str:
    """`square`, or so small that the call counts; else by m: one token, a few (decode), or many (prefill).
    Each size of a message is a shape of its own."""
    if case.workload == "attention":  # (batch, heads, q_len, kv_len, head_dim)
        return "decode" if case.size[2] == 1 else "prefill"
    if workload(case.workload).suite == "fabric":
        return f"{case.size[0]} B"
    if case.workload != "gemm":
        return ""
    m, n, k = case.size
    if m == n == k:
        return "square" if n > SMALL_N else f"n <= {SMALL_N}"
    if m == 1:
        return "m = 1"
    return f"m <= {SKINNY_ROWS}" if m <= SKINNY_ROWS else f"m > {SKINNY_ROWS}"


def parameters_of(case: Case) -> str:
    """Those that are in the key."""
    return " ".join(case.key.split("/")[3:])


def _pairs(summaries: Sequence[Summary], subjects: Sequence[str], suite: str) -> list[tuple[Meeting, Pairs]]:
    """Every case with its best peer; of several variants of one subject its fastest.

    The first fabric with other options (`shm:private`) is no peer of itself: each stands against the others.
    """
    usable = [s for s in summaries if s.suite == suite and s.status == "ok" and s.launch_medians_ns]
    first = next((name for name in subjects if any(s.subject == name for s in usable)), "")
    same = first.partition(":")[0]
    ours = [first]
    if suite == "fabric":
        ours = [name for name in dict.fromkeys(s.subject for s in usable) if name.partition(":")[0] == same]
    answers: dict[str, dict[str, Summary]] = {}
    for s in usable:
        fastest = answers.setdefault(s.key, {})
        if s.subject not in fastest or _ns(s) < _ns(fastest[s.subject]):
            fastest[s.subject] = s
    found = []
    for by_subject in answers.values():
        others = [s for name, s in by_subject.items() if name not in ours]
        for mine in [by_subject[name] for name in ours if name in by_subject and others]:
            best = min(others, key=_ns)
            pair = Pairs(mine, best)
            if pair.blocks:
                share = share_of_roof(mine, read_bandwidth(summaries, lanes(mine.case)))
                found.append((_meeting(mine, best, pair, share), pair))
    return found


def _ns(summary: Summary) -> float:
    return summary.median_ns or float("inf")


def _meeting(mine: Summary, best: Summary, pair: Pairs, share: float | None) -> Meeting:
    span = ratio_interval(*pair.arguments())  # time(best) / time(mine) is rate(mine) / rate(best)
    sure = span and span.confidence >= 1 - INTERVAL_ALPHA
    return Meeting(
        key=mine.key,
        case=mine.case,
        subject=mine.subject,
        peer=best.subject,
        ratio=span.median if span else pair.to[0] / pair.of[0],
        interval=(span.lo, span.hi) if span and sure else None,
        launches=len(pair.blocks),
        share=share,
    )


def _group(family: tuple[str, ...], members: Sequence[tuple[Meeting, Pairs]]) -> Group:
    meetings = [meeting for meeting, _ in members]
    _, operation, dtype, shape, parameters = family
    if len(meetings) == 1:
        ratio, bounds, launches = meetings[0].ratio, meetings[0].interval, meetings[0].launches
    else:
        alone = exp(float(np.mean([log(meeting.ratio) for meeting in meetings])))
        mean = geometric_mean([pair for _, pair in members])
        ratio, bounds, launches = mean or (alone, None, 0)
    shares = [meeting.share for meeting in meetings if meeting.share is not None]
    told = (float(np.median(shares)), min(shares), max(shares)) if len(shares) == len(meetings) else None
    return Group(
        workload=operation,
        dtype=dtype,
        shape=shape,
        sizes=(min(m.case.size for m in meetings), max(m.case.size for m in meetings)),
        parameters=parameters,
        subject=meetings[0].subject,
        cases=len(meetings),
        ratio=ratio,
        interval=bounds,
        launches=launches,
        worst=min(meetings, key=lambda meeting: meeting.ratio),
        shares=told,
    )
