"""Does it last? The end of a sustained run against its beginning, and its course over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from zbench.case import Case
from zbench.judge.ratios import MARGIN, SAME_LIMIT, Comparison
from zbench.judge.summary import Pair, is_bad, known_workload
from zbench.measure.statistics import INTERVAL_ALPHA, LAUNCHES, Floats, Interval, interval
from zbench.records.schema import Record, Sample

MINUTE_S = 60.0
TWO_MINUTES_S = 119.0
"""From here on the first and the last minute do not overlap by more than the last round."""
TENTH = 0.1
"""Of a shorter run, first and last."""
POINTS = 600
"""Of a course, at most: a second each in ten minutes."""
POINT_S = 1.0


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rounds of a stretch of time: their rate, in the unit of the workload."""

    at_s: float
    """Of its middle, timed so far."""
    value: float


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One launch over time."""

    launch: int
    points: tuple[Point, ...]
    first: float
    """The rate of the first stretch that is compared ..."""
    last: float
    """... and of the last one."""
    method: str
    """Of the telemetry; empty without."""
    samples: tuple[Sample, ...]


class Sustained(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case of one subject: its last minute over its first, over all launches."""

    key: str
    case: Case
    subject: str
    unit: str
    what: str
    """`minute 10 over minute 1`, or the tenths of a shorter run by name."""
    ratio: float
    """Median over launches; below 1 it has become slower."""
    interval: Pair | None
    values: tuple[float, ...]
    """One for each launch."""
    verdict: Comparison
    """Of the end against the beginning."""
    why: str
    courses: tuple[Course, ...]


def sustained(records: Iterable[Record]) -> list[Sustained]:
    """Every case that was answered right, in the order of first appearance. Pure."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.key, record.subject].append(record)
    good = (group for group in groups.values() if not any(is_bad(record) for record in group))
    found = (_of([r for r in group if r.role == "measure" and len(r.samples_ns) > 1]) for group in good)
    return [each for each in found if each is not None]


def _of(records: Sequence[Record]) -> Sustained | None:
    if not records:
        return None
    first = records[0]
    courses = tuple(course(record) for record in records)
    values = tuple(each.last / each.first for each in courses)
    span = interval(list(values))
    verdict, why = against_margin(len(values), span)
    return Sustained(
        key=first.key,
        case=first.case,
        subject=first.subject,
        unit=known_workload(first.case.workload).unit,
        what=stretch(min(sum(record.samples_ns) for record in records) / 1e9)[1],
        ratio=span.median if span else values[0],
        interval=(span.lo, span.hi) if span else None,
        values=values,
        verdict=verdict,
        why=why,
        courses=courses,
    )


def unsure(launches: int, span: Interval | None) -> str:
    """Why an interval over launches decides nothing, or an empty string."""
    if launches < LAUNCHES or span is None:
        carry = "launch carries" if launches == 1 else "launches carry"
        return f"{launches} {carry} no verdict, {LAUNCHES} do"
    return "launches fall into modes" if span.confidence < 1 - INTERVAL_ALPHA else ""


def within_noise(floor: float) -> str:
    """Why nothing is called equal here, see `SAME_LIMIT`."""
    return f"equal only within the noise floor of {100 * floor:.0f} %"


def against_margin(launches: int, span: Interval | None, margin: float = MARGIN) -> tuple[Comparison, str]:
    """Of a ratio of rates: SLOWER or FASTER where its whole interval is, beyond the margin; SAME wholly
    within it."""
    why = unsure(launches, span)
    if why or span is None:
        return "UNDECIDED", why
    low, high = 1 / (1 + margin), 1 + margin
    if span.hi < low:
        return "SLOWER", ""
    if span.lo > high:
        return "FASTER", ""
    if low < span.lo and span.hi < high:
        return ("SAME", "") if margin <= SAME_LIMIT else ("UNDECIDED", within_noise(margin))
    return "UNDECIDED", f"the interval reaches into the margin of {100 * margin:.2g} %"


def stretch(total_s: float) -> tuple[float, str]:
    """(seconds that are compared at both ends of a run this long, what that is called). Pure."""
    if total_s >= TWO_MINUTES_S:
        return MINUTE_S, f"minute {round(total_s / MINUTE_S)} over minute 1"
    return TENTH * total_s, f"last tenth over first tenth ({TENTH * total_s:.2g} s each)"


def course(record: Record) -> Course:
    """One burst over time; a round belongs where its middle lies."""
    work = known_workload(record.case.workload)
    seconds = np.asarray(record.samples_ns, np.float64) / 1e9
    ends = np.cumsum(seconds)
    middles, total = ends - seconds / 2, float(ends[-1])
    per_round = record.batch * work.operations(record.case)

    def rate(chosen: Floats) -> float:
        return work.value(record.case, float(chosen.mean()) / per_round * 1e9)

    length, _ = stretch(total)
    early, late = middles < length, middles > total - length
    early[0] = late[-1] = True  # of rounds longer than that
    width = max(total / POINTS, min(POINT_S, total / 20))
    places = np.minimum(middles // width, np.ceil(total / width) - 1)
    points = tuple(
        Point(float((middles[here][0] + middles[here][-1]) / 2), rate(seconds[here]))
        for place in np.unique(places)
        if (here := places == place).any()
    )
    told = record.telemetry
    return Course(
        launch=record.launch,
        points=points,
        first=rate(seconds[early]),
        last=rate(seconds[late]),
        method=told.method if told else "",
        samples=tuple(told.samples) if told else (),
    )
