"""Two stored runs: what may be said of two sessions, given how much sessions of this machine differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, inf, log, log1p, sqrt

import msgspec
import numpy as np

from zbench.judge.history import (
    SPREAD_RUNS,
    Kept,
    Name,
    Point,
    Spread,
    beside_common_probe,
    collect,
    describe,
    hardware,
    level,
    points_of,
    spread,
)
from zbench.judge.ratios import MARGIN, Pairs, Ratio, decided, geometric_mean
from zbench.judge.steps import steps
from zbench.judge.summary import Pair, Summary
from zbench.measure.distributions import t_above, t_quantile
from zbench.measure.statistics import INTERVAL_ALPHA, LAUNCHES, holm

MOST_RUNS = 50
"""Where more runs than this would be needed, more runs are not the answer."""


class Overall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The geometric mean of time(to) / time(of) over all cases, each of equal weight."""

    ratio: float
    interval: Pair | None
    cases: int


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """One case in two sessions, and the same case in the runs of the history."""

    summary: Summary
    of: Point
    to: Point
    same_variant: bool
    normalised: bool
    """Compared beside probes: both, and all of the history, have them."""
    past: dict[str, float]
    """Run -> level, in the order of time."""

    @property
    def log_ratio(self) -> float:
        return log(level(self.to, self.normalised) / level(self.of, self.normalised))


def meet(now: Kept, then: Kept, history: Sequence[Kept]) -> list[Meeting]:
    """The cases that two runs share. `now` is never part of its own history, or a true change would widen
    what it must clear; `then` may be."""
    others = collect([run for run in history if run.identity != now.identity])
    machine = hardware(now.run)
    past = {
        (series.key, series.subject, tuple(sorted(series.variant.items()))): series.points
        for series in others.series
        if series.hardware == machine
    }
    there = points_of(then)
    found = []
    for name, (summary, to) in points_of(now).items():
        partner = _partner(name, there)
        if partner is None:
            continue
        of = there[partner][1]
        points = past.get(name, ())
        normalised = beside_common_probe([*points, of, to])
        found.append(
            Meeting(
                summary=summary,
                of=of,
                to=to,
                same_variant=partner == name,
                normalised=normalised,
                past={point.run: level(point, normalised) for point in points},
            )
        )
    return found


def _partner(name: Name, there: Mapping[Name, object]) -> Name | None:
    """The same case and subject, in the same variant if it answered in that."""
    if name in there:
        return name
    return next((other for other in there if other[:2] == name[:2]), None)


def spreads(meetings: Sequence[Meeting]) -> list[Spread | None]:
    """How much sessions differ in each case, beside its true steps."""
    levels = [list(meeting.past.values()) for meeting in meetings]
    return [
        spread(values, [step.index for step in found if step.verdict != "UNDECIDED"])
        for values, found in zip(levels, steps(levels), strict=True)
    ]


def compare_runs(
    now: Kept, then: Kept, history: Sequence[Kept], floors: Mapping[str, float] | None = None
) -> list[Ratio]:
    """Each case of `now` against the same case and subject of `then`: time(now) / time(then).

    Each of the two is one session, so their difference has twice the variance between sessions. The
    history tells that variance: the interval is log ratio +- t s sqrt(2), with its degrees of freedom; all
    cases are judged together (Holm). `floors`: suite -> A/A floor, the margin where it is above 1 %.
    """
    meetings = meet(now, then, history)
    found, p_values, reaches = [], [], []
    for meeting, sessions in zip(meetings, spreads(meetings), strict=True):
        margin = max((floors or {}).get(meeting.summary.suite, 0.0), MARGIN)
        why = _obstacle(now, then, meeting, sessions)
        bounds, p = _judged(meeting.log_ratio, sessions, margin)
        p_values.append(1.0 if why else p)
        reaches.append(decidable(meeting.log_ratio, sessions, margin) if sessions else "")
        found.append(
            Ratio(
                suite=meeting.summary.suite,
                key=meeting.summary.key,
                of=meeting.of.subject,
                to=meeting.to.subject,
                median=exp(meeting.log_ratio),
                interval=None if why else bounds,
                launches=min(meeting.of.launches, meeting.to.launches),
                margin=margin,
                p=1.0,
                verdict="UNDECIDED",
                method="t over sessions" + ", each beside its own probe" * meeting.normalised,
                why=why,
                baseline=then.name,
                sessions=len(meeting.past),
            )
        )
    return [
        ratio if ratio.why else decided(msgspec.structs.replace(ratio, p=p), reason)
        for ratio, p, reason in zip(found, holm(p_values), reaches, strict=True)
    ]


def _obstacle(now: Kept, then: Kept, meeting: Meeting, sessions: Spread | None) -> str:
    """Why nothing can be decided whatever the figures, or an empty string."""
    fewest = min(meeting.of.launches, meeting.to.launches)
    if not (hardware(now.run) and hardware(then.run)):
        return "what machine they were measured on was not recorded"
    if hardware(now.run) != hardware(then.run):
        return f"another machine ({describe(then.run)}): compare subjects in blocks on one"
    if now.run.minutes != then.run.minutes:
        return "a burst of minutes and one of a moment are not the same: a card is hotter in the end"
    if not meeting.same_variant:
        return "the two answered in different variants, of which there is no common history"
    if fewest < LAUNCHES:
        return f"{fewest} launches carry no verdict, {LAUNCHES} do"
    if sessions is None:
        more = SPREAD_RUNS - len(meeting.past)
        return (
            f"how much sessions differ here is not known: the history holds {len(meeting.past)} runs of this "
            f"case on this machine beside the one compared, {more} more are needed"
        )
    return ""


def _judged(log_ratio: float, sessions: Spread | None, margin: float) -> tuple[Pair | None, float]:
    """(interval of the ratio, p that the two are within the margin of each other)."""
    if sessions is None:
        return None, 1.0
    error = sqrt(2) * sessions.sd
    half = t_quantile(1 - INTERVAL_ALPHA / 2, sessions.degrees) * error
    distance = abs(log_ratio) - log1p(margin)
    score = distance / error if error else (inf if distance > 0 else -inf)
    p = min(1.0, 2 * t_above(score, sessions.degrees))
    return (exp(log_ratio - half), exp(min(log_ratio + half, 700.0))), p


def decidable(log_ratio: float, sessions: Spread, margin: float) -> str:
    """How many more sessions in the history would narrow the interval enough, if the figures stay."""
    told = f"sessions differ by {100 * sessions.sd:.1f} % here"
    for more in range(1, MOST_RUNS + 1):
        half = t_quantile(1 - INTERVAL_ALPHA / 2, sessions.degrees + more) * sqrt(2) * sessions.sd
        apart, equal = abs(log_ratio) - half > log1p(margin), abs(log_ratio) + half < log1p(margin)
        if apart or equal:
            return f"{told}; about {more} more runs in the history would decide it"
    return f"{told}, too much to see {100 * abs(exp(log_ratio) - 1):.1f} %: compare subjects in blocks"


def overall(now: Kept, then: Kept, history: Sequence[Kept]) -> Overall | None:
    """Of two stored runs; its interval comes from the same mean in every session that has all the cases.

    Cases of one session rise and fall together, so their errors must not be averaged as if independent.
    """
    meetings = meet(now, then, history)
    if not meetings:
        return None
    mean = float(np.mean([meeting.log_ratio for meeting in meetings]))
    whole = set.intersection(*(set(meeting.past) for meeting in meetings))
    runs = [run for run in meetings[0].past if run in whole]
    means = [exp(float(np.mean([log(m.past[run] / m.past[runs[0]]) for m in meetings]))) for run in runs]
    found = steps([means])[0]
    sessions = spread(means, [step.index for step in found if step.verdict != "UNDECIDED"])
    blocked = any(_obstacle(now, then, meeting, sessions) for meeting in meetings)
    bounds = None if blocked else _judged(mean, sessions, MARGIN)[0]
    return Overall(ratio=exp(mean), interval=bounds, cases=len(meetings))


def overall_of_blocks(summaries: Sequence[Summary], of: str, to: str) -> Overall | None:
    """Of two subjects measured in the same blocks: by launches, in the blocks that have all the cases."""
    usable = [summary for summary in summaries if summary.launch_medians_ns]
    firsts = {s.key: s for s in usable if s.subject == of}
    pairs = [Pairs(firsts[s.key], s) for s in usable if s.subject == to and s.key in firsts]
    pairs = [pair for pair in pairs if pair.blocks]
    found = geometric_mean(pairs)
    return found and Overall(ratio=found[0], interval=found[1], cases=len(pairs))
